"""Apps that survive an outage at a cost: they retry without a pause, or queue without a bound."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each


@pytest.fixture(scope="module")
def hot_retry(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    return judged_each("hot_retry", tmp_path_factory.mktemp("hot_retry"), 2)


@pytest.fixture(scope="module")
def offline_queue(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    return judged_each("offline_queue", tmp_path_factory.mktemp("offline_queue"), 2)


def above(run: Judged, phase: str) -> set[str]:
    """The codes of the costs that were above their limit in that phase."""
    because = run.verdicts["bounded_cost"].because
    return {reason.code for reason in because if phase in (reason.data.get("above") or ())}


def test_a_worker_that_tries_again_without_a_pause_fails(hot_retry: Mapping[str, Judged]) -> None:
    """Its one connection stays open: only what it costs shows the tries."""
    run = hot_retry["outage-outage_buggy"]
    assert run.verdicts["bounded_cost"].outcome is Outcome.FAIL, run.text
    assert {"cost.log_lines", "cost.commands"} <= above(run, "during")
    assert run.verdicts["backs_off"].outcome is Outcome.PASS, run.because("backs_off")
    assert run.verdicts["keeps_acknowledged"].outcome is Outcome.PASS


def test_an_offline_queue_without_a_bound_fails(offline_queue: Mapping[str, Judged]) -> None:
    """It grows while the path is cut, and floods the server after the heal."""
    run = offline_queue["outage-outage_buggy"]
    assert run.verdicts["bounded_cost"].outcome is Outcome.FAIL, run.text
    assert "cost.memory" in above(run, "during")
    assert "cost.sent" in above(run, "after")
    assert run.verdicts["backs_off"].outcome is Outcome.PASS, run.because("backs_off")


def test_their_fixed_twins_pass(
    hot_retry: Mapping[str, Judged], offline_queue: Mapping[str, Judged]
) -> None:
    """Every verdict."""
    for run in (hot_retry["outage-outage_fixed"], offline_queue["outage-outage_fixed"]):
        for name, verdict in run.verdicts.items():
            assert verdict.outcome is Outcome.PASS, f"{name}: {run.because(name)}"
