"""The case `bypass`: writes that go past the proxy are not believed to have met the outage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from runtimes.namespaces import needs_namespaces

from chaoslab.history.events import PathBypassed, Request
from chaoslab.history.run_folder import RunFolder

from .rig import judged

CONNECTION = re.compile(
    r"past the proxy of app\.postgres: process \d+ '\S+' was connected from port \d+ "
    r"to 127\.0\.0\.1:\d+"
)


@pytest.mark.slow
def test_writes_past_the_proxy_are_unknown_and_the_connection_is_named(tmp_path: Path) -> None:
    """All of them were acknowledged during the cut."""
    run = judged("bypass", tmp_path, "--chaos-runtime=loopback")
    assert run.exit_code == 1, run.text
    assert run.outcome.value != "PASS"
    for verdict in run.verdicts.values():
        assert verdict.outcome.value != "PASS", verdict.name
        assert CONNECTION.search("\n".join(verdict.texts)), verdict.texts


@pytest.mark.slow
def test_in_a_network_of_its_own_the_app_cannot_write_past_the_proxy(tmp_path: Path) -> None:
    """The database's own address refuses there, so the app has no write to show."""
    needs_namespaces()
    run = judged("bypass", tmp_path, "--chaos-runtime=netns")
    assert run.outcome.value != "PASS"
    history = RunFolder(run.run).history()
    writes = [event.outcome for event in history.of(Request)]
    assert writes, "they were tried"
    assert "acknowledged" not in writes
    assert not [*history.of(PathBypassed)]
