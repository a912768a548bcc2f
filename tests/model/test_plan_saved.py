"""Saved plans: any plan is read back as it was saved, without its callables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab import Restarted, Severed
from chaoslab.expectations import KINDS
from chaoslab.faults import KINDS as FAULTS
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.registry import kinds

from .drawn import instances, plans
from .plans import EVERY_EXPECTATION, EVERY_FAULT, SUPERVISED, TOPOLOGY, as_data, whole


def test_these_are_all_faults_and_expectations() -> None:
    """A new kind must be added to these tests."""
    assert {type(fault) for fault in EVERY_FAULT} == set(FAULTS)
    asked = {type(e) for e in (*EVERY_EXPECTATION, *SUPERVISED)}
    assert asked == set(KINDS)


def test_a_resolved_plan_with_everything_reads_back_as_it_was_saved() -> None:
    """Every fault, trigger and expectation, with its bounds written out."""
    lasting = tuple(f for f in EVERY_FAULT if f.stop or isinstance(f, Restarted))
    supervised = Plan(boots=(Boot(restarts=2),), faults=lasting, expect=SUPERVISED)
    for plan in (resolve(supervised, TOPOLOGY), resolve(whole(), TOPOLOGY)):
        assert read_plan(plan_json(plan), kinds()) == as_data(plan)


@examples(40)
@given(plans())
def test_any_plan_reads_back_as_it_was_saved(plan: Plan) -> None:
    """Plans are equal only where each of their parts is of the same type."""
    assert read_plan(plan_json(plan), kinds()) == as_data(plan)


@pytest.mark.parametrize("kind", [*FAULTS, *KINDS])
@examples(2)
@given(st.data())
def test_each_kind_reads_back_alone(kind: type[Any], data: st.DataObject) -> None:
    """The saved part names its kind, so no two kinds can be confused."""
    part = data.draw(instances(kind))
    plan = Plan(faults=(part,)) if kind in FAULTS else Plan(expect=(part,))
    assert read_plan(plan_json(plan), kinds()) == plan


def test_a_severed_path_of_an_older_plan_resumes_at_its_heal() -> None:
    """Plans of before have no `at_heal`, and every heal delivered what it held."""
    plan = Plan(faults=(Severed(target="vpc"),))
    saved = json.loads(plan_json(plan))
    assert saved["faults"][0].pop("at_heal") == "resume"
    assert read_plan(json.dumps(saved).encode(), kinds()) == plan
