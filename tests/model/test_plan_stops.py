"""Boots that the plan stops: what a plan may ask for, and how long its run may take."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from chaoslab.errors import SpecError
from chaoslab.expectations import Stops
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model import when
from chaoslab.model.plan import GRACE_S, Boot, Plan, resolve
from chaoslab.model.topology import App, Topology
from chaoslab.registry import kinds

TOPOLOGY = Topology(
    name="t", services={}, apps={name: App(name=name, command=("a",)) for name in ("web", "auth")}
)
STOPPED = Boot(stop=when.healthy(1.0), grace_s=5.0)


def problems(*expect: Stops, boots: tuple[Boot, ...] = (STOPPED,)) -> str:
    with pytest.raises(SpecError) as refused:
        resolve(Plan(boots=boots, expect=expect), TOPOLOGY)
    return str(refused.value)


@pytest.mark.parametrize("grace_s", [0, -1.0, inf, nan])
def test_a_grace_period_is_a_number_of_seconds(grace_s: float) -> None:
    """Without an end the run would have none."""
    said = problems(boots=(replace(STOPPED, grace_s=grace_s),))
    assert f"boots[0]: grace_s is {grace_s}" in said


def test_the_trigger_of_a_stop_is_checked_as_every_other() -> None:
    """It names a fault or an app of the plan."""
    said = problems(boots=(Boot(stop=when.in_force("outage")),))
    assert "boots[0].stop: fault is 'outage'" in said


@pytest.mark.parametrize(
    ("expected", "boots"),
    [
        (Stops(), (Boot(),)),
        (Stops(boot=2), (STOPPED, Boot(at=when.exited()))),
        (Stops(app="auth"), (STOPPED, Boot(app="auth"))),
    ],
    ids=["no stop", "another boot's", "another app's"],
)
def test_the_claim_needs_a_boot_that_the_plan_stops(
    expected: Stops, boots: tuple[Boot, ...]
) -> None:
    """Else it could not be judged."""
    said = problems(expected, boots=boots)
    assert "expect[0]: 'stops' needs a boot that the plan stops" in said
    assert "give it stop=" in said


def test_a_limit_after_the_kill_is_refused() -> None:
    """Nothing could end by itself then. The grace period itself is a limit."""
    assert "within_s is 5.1" in problems(Stops(within_s=5.1))
    assert "at most the boot's grace_s (5)" in problems(Stops(within_s=5.1))
    assert resolve(Plan(boots=(STOPPED,), expect=(Stops(within_s=5.0),)), TOPOLOGY)


@pytest.mark.parametrize("exit_codes", [(), 0])
def test_the_exit_codes_are_a_tuple(exit_codes: Any) -> None:
    """And at least one."""
    assert "exit_codes is" in problems(Stops(exit_codes=exit_codes))


def test_a_run_has_the_time_for_the_stop() -> None:
    """For its trigger, and for the grace period."""
    slow = Plan(boots=(replace(STOPPED, stop=when.healthy(1.0, within_s=60.0)),))
    more = replace(slow, boots=(replace(slow.boots[0], grace_s=25.0),))
    limit_s, longer_s = (resolve(plan, TOPOLOGY).limit_s for plan in (slow, more))
    assert limit_s is not None
    assert limit_s >= 66.0
    assert longer_s == limit_s + 20.0


def test_a_plan_of_before_has_no_stop() -> None:
    """Its boots end at the run's end."""
    text = plan_json(Plan(boots=(STOPPED,))).decode()
    begin, end = text.index(',\n      "stop"'), text.index("\n    }\n  ]")
    old = read_plan((text[:begin] + text[end:]).encode(), kinds())
    assert old.boots == (Boot(),)
    assert old.boots[0].grace_s == GRACE_S
