"""A saved run whose fault came from an extension that is not installed here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab import Severed, expect
from chaoslab.errors import SpecError
from chaoslab.faults.evidence import NOT_INSTALLED, evidence_of
from chaoslab.faults.mutation import mutations_of
from chaoslab.history.run_folder import RunFolder
from chaoslab.history.saved_plan import Kinds, plan_json, read_plan
from chaoslab.model.faults import UnknownFault
from chaoslab.model.plan import Plan, resolve, written_out
from chaoslab.model.verdict import Outcome
from chaoslab.registry import kinds
from chaoslab.verdicts.judge import judge

from .events import ended
from .histories import healthy_run, history_of
from .plans import TOPOLOGY

PLAN = resolve(
    Plan(
        name="one",
        faults=(Severed(target="vpc"),),
        expect=(expect.Starts(), expect.Starts(rests_on=())),
    ),
    TOPOLOGY,
)


def saved() -> bytes:
    """The plan as an installation with a kind `reordered` would have saved it."""
    data = json.loads(plan_json(PLAN))
    data["faults"][0] |= {"kind": "reordered", "share": 0.5}
    return json.dumps(data).encode()


def test_the_kind_and_the_values_of_an_unknown_fault_are_kept() -> None:
    """With its target, its name and its times, which every fault has."""
    (fault,) = read_plan(saved(), kinds()).faults
    assert isinstance(fault, UnknownFault)
    assert (fault.kind, fault.label, fault.target) == ("reordered", "severed:vpc", "vpc")
    assert fault.start == PLAN.faults[0].start
    assert fault.values == {"mode": "dropped", "at_heal": "resume", "share": 0.5}


def test_a_kind_that_is_installed_is_read_as_its_own_class() -> None:
    """Which kinds there are is an argument, never a matter of what was imported."""
    assert read_plan(plan_json(PLAN), kinds()) == PLAN
    (fault,) = read_plan(
        plan_json(PLAN), Kinds(faults={}, expectations=kinds().expectations)
    ).faults
    assert isinstance(fault, UnknownFault)


def test_a_verdict_that_rests_on_an_unknown_fault_is_unknown_by_its_name() -> None:
    """Whatever the app did; one that does not rest on it is judged as ever."""
    plan = written_out(read_plan(saved(), kinds()), TOPOLOGY)
    resting, other = judge(TOPOLOGY, plan, history_of([*healthy_run(), ended(3.0)]))
    assert resting.outcome is Outcome.UNKNOWN
    told = " ".join(map(str, resting.texts))
    assert "severed:vpc" in told
    assert str(NOT_INSTALLED(kind="reordered")) in told
    assert other.outcome is Outcome.PASS


def test_nothing_is_observed_of_an_unknown_fault() -> None:
    """Nor can it be disabled."""
    (fault,) = read_plan(saved(), kinds()).faults
    found = evidence_of(fault, TOPOLOGY, history_of(healthy_run()))
    assert (found.observed, found.missing) == (False, NOT_INSTALLED(kind="reordered"))
    assert mutations_of(fault) == ()


def test_no_new_run_can_have_an_unknown_fault() -> None:
    """The plan is refused before anything runs."""
    plan = replace(PLAN, faults=read_plan(saved(), kinds()).faults)
    with pytest.raises(SpecError, match="unknown kind of fault 'reordered'"):
        resolve(plan, TOPOLOGY)


def test_a_folder_with_such_a_plan_is_read(tmp_path: Path) -> None:
    """From the file, as `chaoslab analyze` does."""
    (tmp_path / "plan.json").write_bytes(saved())
    (fault,) = RunFolder(tmp_path).plan(kinds()).faults
    assert isinstance(fault, UnknownFault)
