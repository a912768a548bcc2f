"""Plans on disk: whatever is saved is read back as it was."""

from __future__ import annotations

import pytest

from chaoslab import (
    Restarted,
)
from chaoslab.expectations import KINDS
from chaoslab.faults import KINDS as FAULTS
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.registry import kinds

from .plans import EVERY_EXPECTATION, EVERY_FAULT, SUPERVISED, TOPOLOGY, as_data, whole


def test_these_are_all_faults_and_expectations() -> None:
    """A kind that is added must be added to these tests."""
    assert {type(fault) for fault in EVERY_FAULT} == set(FAULTS)
    asked = {type(e) for e in (*EVERY_EXPECTATION, SUPERVISED)}
    assert asked == set(KINDS)


def test_a_plan_with_everything_reads_back_as_it_was_saved() -> None:
    """Every fault, trigger and expectation through JSON, each as its own type."""
    lasting = tuple(f for f in EVERY_FAULT if f.stop or isinstance(f, Restarted))
    supervised = Plan(boots=(Boot(restarts=2),), faults=lasting, expect=(SUPERVISED,))
    again = resolve(supervised, TOPOLOGY)
    assert read_plan(plan_json(again), kinds()) == again
    plan = resolve(whole(), TOPOLOGY)
    read = read_plan(plan_json(plan), kinds())
    assert read == as_data(plan)
    assert [type(f) for f in read.faults] == [type(f) for f in plan.faults]
    assert [type(e) for e in read.expect] == [type(e) for e in plan.expect]
    assert [type(f.start) for f in read.faults] == [type(f.start) for f in plan.faults]


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=lambda f: f.label)
def test_every_fault_reads_back_alone(fault: Declared) -> None:
    """A fault's kind stands in it, so that no two can be confused."""
    plan = Plan(faults=(fault,))
    assert read_plan(plan_json(plan), kinds()) == plan
