"""Steps and custom probes in a real run. `analyze` judges it again without calling them."""

from __future__ import annotations

from pathlib import Path

from .project import Project

SCENARIO = """
from pathlib import Path
from chaoslab.plan import HttpQuestion, Probe, Step
from chaoslab.results import events

def note(scene):
    with open("called", "a") as file:
        print(scene.url("good"), file=file)

async def test_own(chaos):
    result = await chaos.run(
        Severed(target="good.redis", mode="refused", start=when.healthy(0.2),
                stop=when.degraded(0.2)),
        boots=[Boot(app="good")],
        steps=[Step(at=when.healed("severed:good.redis"), do=note)],
        probes=[
            Probe(name="page", http=HttpQuestion(app="good", path="/health", status=(200, 503))),
            Probe(name="notes", every_s=0.1, call=lambda: Path("called").exists()),
        ],
        expect=[
            expect.Recovers(app="good"),
            expect.Sampled(app="good", probe="page", share=0.9),
        ],
    )
    (step,) = result.history.of(events.StepDone)
    assert (step.step, step.ok) == ("note", True)
    notes = [s.value for s in result.history.of(events.OwnSample) if s.probe == "notes"]
    assert notes == sorted(notes) and notes[0] is False
    assert "def note(scene)" in result.plan.steps[0].source
    assert len(Path("called").read_text().splitlines()) == 1

async def test_a_step_that_raises(chaos):
    def breaks():
        raise ValueError("no such cache")

    await chaos.run(
        boots=[Boot(app="good")],
        steps=[Step(at=when.healthy(), do=breaks)],
        expect=[expect.Starts(app="good", mode="normal", rests_on=())],
    )
"""


def test_steps_and_probes_are_carried_out_and_never_again(tmp_path: Path) -> None:
    """A step that raises makes its run UNKNOWN, by name; `analyze` judges by what was recorded."""
    project = Project(tmp_path, SCENARIO)
    code, said = project.pytest("--chaos-progress=on")
    assert (code, "1 failed, 1 passed" in said) == (1, True), said
    assert "step note: done" in said
    assert "step breaks: FAILED: ValueError: no such cache" in said
    assert "its step 'breaks' failed: ValueError: no such cache" in said
    (tmp_path / "called").unlink()
    (folder,) = project.runs[0].glob("*own")
    code, judged = project.chaoslab("analyze", str(folder))
    assert code == 0, judged
    assert not (tmp_path / "called").exists()
