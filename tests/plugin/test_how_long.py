"""`chaos.how_long`: each length is a run of its own, and mistakes are named before any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from .project import Project

PLAN = """
from chaoslab.plan import Plan, doubled

def outage(hold_s):
    cut = Severed(
        name="cut", target="good.redis", mode="refused",
        start=when.healthy(0.2), stop=when.lost("redis", after_s=hold_s),
    )
    starts = expect.Starts(app="good", mode="normal")
    return Plan(boots=(Boot(app="good"),), faults=(cut,),
                expect=(starts, expect.Recovers(app="good")))

async def test_lengths(chaos):
    found = await chaos.how_long(outage, lengths_s=doubled(0.1, upto_s=0.4), at_least_s=0.3)
    assert (found.survives_s, found.breaks_at_s) == (0.4, None)
"""
MISTAKES = """
from chaoslab.plan import Plan

def same(hold_s):
    return Plan(faults=(Severed(target="good.redis", stop=when.degraded(1)),), expect=())

async def test_forgotten(chaos):
    chaos.how_long(same, lengths_s=(1, 2))

async def test_same(chaos):
    await chaos.how_long(same, lengths_s=(1, 2))

async def test_lengths(chaos):
    await chaos.how_long(same, lengths_s=(0,), narrow_to_s=0)
"""


def test_each_length_is_a_run_of_its_own(tmp_path: Path) -> None:
    """Its folder has the length in its name; the required length is one of them. The terminal, the
    file of the search and JUnit's properties have what came of it.
    """
    project = Project(tmp_path, PLAN)
    code, printed = project.pytest("--junitxml=junit.xml")
    assert code == 0, printed
    (run,) = project.runs
    folders = {path.name for path in run.iterdir() if path.is_dir()}
    lengths = ("0.1", "0.2", "0.3", "0.4")
    assert folders == {"tiny-lengths-how_long", *(f"tiny-lengths-{each}s" for each in lengths)}
    line = r"PASS tiny-lengths-how_long: survived 0\.4 s \(in force for [\d.]+ s\); no length"
    assert len(re.findall(line, printed)) == 2  # when the scenario ends, and at the session's end
    data = json.loads((run / "tiny-lengths-how_long" / "how_long.json").read_text())
    assert [each["state"] for each in data["tried"]] == ["survived"] * 4
    for each in data["tried"]:
        assert each["length_s"] <= each["held_s"] < each["length_s"] + 20.0
    plans = [json.loads((run / each["run"] / "plan.json").read_text()) for each in data["tried"]]
    assert [plan["faults"][0]["stop"]["after_s"] for plan in plans] == [0.1, 0.2, 0.3, 0.4]
    properties = {
        each.get("name"): each.get("value")
        for each in xml.parse(tmp_path / "junit.xml").iter("property")
    }
    assert properties["verdict.how_long"] == "PASS"
    assert properties["how_long.0.4_s"] == "survived"
    assert properties["chaos_how_long"] == str(run / "tiny-lengths-how_long")
    code, printed = project.chaoslab("analyze", str(run))
    assert code == 0, printed


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """The output of one pytest for all of them."""
    project = Project(tmp_path_factory.mktemp("mistakes"), MISTAKES)
    code, printed = project.pytest("-rA", "--chaos-progress=off")
    assert code == 1
    return project, printed


@pytest.mark.parametrize(
    "words",
    [
        "chaos.how_long(…) was not awaited, no scenario ran: write `await chaos.how_long(…)`",
        "how_long(...): no fault of the plan changes with the length",
        "how_long(...): lengths_s[0] is 0",
        "how_long(...): narrow_to_s is 0",
    ],
)
def test_a_mistake_is_named_with_its_fix(mistakes: tuple[Project, str], words: str) -> None:
    """And nothing runs."""
    project, printed = mistakes
    assert words in printed
    assert "3 failed" in printed
    assert "Traceback" not in printed
    assert project.runs == []


def test_a_disabled_fault_ends_the_search_after_its_first_length(tmp_path: Path) -> None:
    """No length can be decided then; the self-test needs one run."""
    project = Project(tmp_path, PLAN)
    code, printed = project.pytest("--chaos-disable", "inert:cut", "--chaos-progress=off")
    assert code == 1
    assert "Failed: UNKNOWN how_long:" in printed
    (run,) = project.runs
    assert [path.parent.name for path in run.glob("*/plan.json")] == ["tiny-lengths-0.1s"]
