"""`--chaos-disable` and `--chaos-plan-only`: what the gate's self-test asks of the plugin."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from .project import GOOD, Project

Disabled: TypeAlias = tuple[str, Project, str]  # the mutation, the project, what pytest printed
FAULT = "severed:good.redis"
KINDS = ["inert", "bypassed", "inert-to-app"]
MODES = ["dropped", "refused", "silent"]


def saved(project: Project, name: str, scenario: str = "good") -> Any:
    """A file of one scenario of the only run."""
    (run,) = project.runs
    return json.loads((run / f"tiny-{scenario}" / name).read_text())


@pytest.fixture(scope="module", params=KINDS)
def disabled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Disabled:
    """One pytest with a scenario for each mode, its fault disabled in one way."""
    scenarios = (GOOD.replace("MODE", mode).replace("good(", f"{mode}(") for mode in MODES)
    project = Project(tmp_path_factory.mktemp(request.param), "".join(scenarios))
    mutation = f"{request.param}:{FAULT}"
    code, said = project.pytest("-q", f"--chaos-disable={mutation}")
    assert code == 1, said
    return mutation, project, said


@pytest.mark.parametrize("mode", MODES)
def test_a_run_with_a_disabled_fault_is_unknown_with_the_cause(
    disabled: Disabled, mode: str
) -> None:
    """In run.json, in the history, and in the reasons of every verdict."""
    mutation, project, said = disabled
    assert re.search(rf"FAILED \S+::test_{mode} - Failed: UNKNOWN", said), said
    assert saved(project, "run.json", mode)["disabled"] == mutation
    verdicts = saved(project, "verdicts.json", mode)
    assert [v["outcome"] for v in verdicts] == ["UNKNOWN", "UNKNOWN"]
    told = ("lab.fault_disabled", {"mutation": mutation})
    assert all(told in [(r["code"], r["data"]) for r in v["because"]] for v in verdicts)
    # a starved machine is told first, so the evidence is looked for in all the reasons
    assert not any(" observed on " in why["text"] for v in verdicts for why in v["because"])


def test_an_ordinary_run_has_no_disabled_fault(tmp_path: Path) -> None:
    """Nothing is disabled by accident."""
    project = Project(tmp_path, GOOD.replace("MODE", "refused"))
    code, said = project.pytest("-q")
    assert code == 0, said
    assert "disabled" not in said
    assert saved(project, "run.json")["disabled"] == ""
    assert not any(
        "disabled" in line for v in saved(project, "verdicts.json") for line in v["because"]
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--chaos-disable=inrt:severed:vpc"], "did you mean 'inert'?"),
        (["--chaos-disable=inert"], "no fault in 'inert'"),
        (["--chaos-disable=inert:x", "--chaos-runtime=docker"], "only the embedded engine"),
        (["--chaos-disable=inert:x", "--chaos-proxy=toxiproxy"], "only the embedded engine"),
    ],
)
def test_a_mutation_that_cannot_be_made_is_a_usage_error(
    tmp_path: Path, words: list[str], told: str
) -> None:
    """Before anything is run."""
    project = Project(tmp_path, GOOD)
    code, said = project.pytest("-q", *words)
    assert code == 4, said
    assert told in said
    assert "Traceback" not in said
    assert project.runs == []


def test_a_scenario_without_the_fault_is_not_run_as_if_it_had_it(tmp_path: Path) -> None:
    """It would pass, and say nothing of the mutation."""
    project = Project(tmp_path, GOOD.replace("MODE", "refused"))
    code, said = project.pytest("-q", "--chaos-disable=inert:severed:good.rediss")
    assert code == 1, said
    assert f"did you mean '{FAULT}'?" in said
    assert project.runs == []


def test_a_plan_alone_is_saved_and_the_scenario_skipped(tmp_path: Path) -> None:
    """With its names and bounds written out; nothing is brought up for it."""
    project = Project(tmp_path, GOOD.replace("MODE", "refused"))
    code, said = project.pytest("-q", "--chaos-plan-only", "--chaos-report=report.jsonl")
    assert code == 0, said
    assert "1 skipped" in said
    (fault,) = saved(project, "plan.json")["faults"]
    assert fault["name"] == FAULT
    (run,) = project.runs
    assert [path.name for path in run.glob("*/*.jsonl")] == []
    finished = json.loads((tmp_path / "report.jsonl").read_text().splitlines()[-1])
    assert (finished["outcome"], Path(finished["folder"]).parent) == ("skipped", run)
