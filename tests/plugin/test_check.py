"""`check=False`: the scenario's own code decides, by the result; the gate reads the verdicts."""

from __future__ import annotations

from pathlib import Path

from .project import Project

SCENARIO = """
from chaoslab.results import Outcome, events

async def test_decides_itself(chaos):
    result = await chaos.run(
        boots=[Boot(app="exits")],
        expect=[expect.Starts(app="exits", mode="normal", rests_on=())],
        check=False,
    )
    assert result.outcome is Outcome.FAIL
    assert result.verdict("starts").because
    assert result.history.first(events.Exited) is not None
    assert list(result.boots()["app"]) == ["exits"]
    assert (result.folder / "verdicts.json").exists()
"""


def test_a_verdict_fails_no_test_that_asked_to_decide_itself(tmp_path: Path) -> None:
    """It gets verdicts, history and frames, and may be content with a FAIL."""
    code, said = Project(tmp_path, SCENARIO).pytest("--chaos-progress=on")
    assert (code, "1 passed" in said) == (0, True), said
    assert "FAIL: starts" in said
