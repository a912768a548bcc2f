"""The gate on real runs: a lab, a Redis, a fault and an app that starts, or does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin.project import GOOD, HEAD, INI, topology

from .checked import checked, scenarios
from .project import Gated

pytestmark = pytest.mark.slow

GATE = """
[gate]
runtime = "local"
[[gate.stages]]
name = "P1 critical"
marker = "vpc_outage"
pass_rate = 0.95
abort_on = ["RULE"]
"""


STEADY = """
@pytest.mark.vpc_outage
async def test_good(chaos):
    await chaos.run(boots=[Boot(app="good")], expect=[expect.Starts(app="good", mode="normal")])
"""


def real_project(folder: Path, rule: str, scenario: str) -> Gated:
    """A stranger's project with one scenario, and a gate over it."""
    text = topology() + GATE.replace("RULE", rule)
    return Gated(folder, {"pytest.ini": INI, "chaoslab.toml": text}, HEAD + scenario)


def test_a_good_build_passes_and_its_history_is_saved(tmp_path: Path) -> None:
    """A real Redis, a severed link, a degraded start, a recovery."""
    project = real_project(tmp_path, "p1", GOOD.replace("MODE", "dropped"))
    code, said = project.gate()
    assert code == 0, said
    assert "in force: severed:good.redis" in said  # what happens is told while it does
    found = scenarios(checked(project))["tiny::good"]
    assert [verdict["name"] for verdict in found["verdicts"]] == ["starts", "recovers"]
    (folder,) = found["folders"]
    assert "fault_healed" in (project.results / folder / "history.jsonl").read_text()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("p1", "P1 verdict 'starts' failed"),
        ("unreachable", "good was unreachable: exit code 5, no HTTP answer"),
    ],
)
def test_another_build_that_does_not_start_aborts_the_gate(
    tmp_path: Path, rule: str, words: str
) -> None:
    """By the verdict of its real run, and by the history of it."""
    project = real_project(tmp_path, rule, STEADY)
    command = "good={python} -c 'raise SystemExit(5)' {port} {redis.port}"
    code, said = project.gate("--command", command)
    assert code == 4, said
    assert words in said
    assert checked(project)["commands"] == [command]
