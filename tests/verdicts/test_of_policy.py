"""What a topology declares of an app without a service becomes claims, by link, moment and mode."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from chaoslab.errors import SpecError
from chaoslab.expectations import (
    AnswersRequests,
    ComesBack,
    Degrades,
    Exits,
    Expectation,
    HonestHealth,
    KeepsAcknowledged,
    RestartsSlowly,
    Starts,
    Unaffected,
    Unavailable,
    Waits,
)
from chaoslab.expectations.of_policy import expected, of_policy, under_any_policy
from chaoslab.model.load import Load
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.policy import Policies, Policy, PolicyMoment
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import Topology
from chaoslab.model.when import AtMoment, healthy

from .case import DOWN
from .events import DEGRADED, UNHEALTHY, samples
from .histories import judged
from .plans import TOPOLOGY, app, with_app
from .policy_cases import answering, refusing

ANY = (ComesBack, HonestHealth, KeepsAcknowledged)
KINDS: dict[Policy, dict[PolicyMoment, tuple[type[Expectation], ...]]] = {
    "degrade": {"boot": (Starts, Degrades), "running": (Degrades,)},
    "unavailable": dict.fromkeys(
        ("boot", "running"), (Unavailable, *(AnswersRequests for _ in app("backend").requests))
    ),
    "wait": dict.fromkeys(("boot", "running"), (Waits,)),
    "exit": dict.fromkeys(("boot", "running"), (Exits,)),
    "unaffected": dict.fromkeys(("boot", "running"), (Unaffected,)),
}


def declaring(policies: Policies) -> Topology:
    return with_app(replace(app("backend"), policies={"postgres": policies}))


@pytest.mark.parametrize("moment", get_args(PolicyMoment))
@pytest.mark.parametrize("policy", get_args(Policy))
def test_each_policy_has_its_claims_at_each_moment(policy: Policy, moment: PolicyMoment) -> None:
    """The table has every policy. Each claim names its app, and can be in a plan."""
    found = of_policy(policy, TOPOLOGY.apps["backend"], moment)
    assert tuple(map(type, found)) == KINDS[policy][moment]
    assert {e.app for e in found} == {"backend"}
    mine = TOPOLOGY.apps["backend"]
    cut = replace(DOWN, stop=AtMoment(moment="healthy", nth=2))
    loads = tuple(Load(app="backend", start=healthy(), request=name) for name in mine.requests)
    plan = Plan(faults=(cut,), load=loads, expect=(*under_any_policy(mine), *found))
    assert resolve(plan, TOPOLOGY).expect


def test_what_holds_under_any_policy_comes_first() -> None:
    """An app without requests has no health to compare, and none to keep."""
    topology = declaring(Policies(running={"refused": "exit"}))
    found = expected(topology, "postgres", "running", "refused", fault="cut")
    assert tuple(map(type, found)) == (*ANY, Exits)
    assert isinstance(found[-1], Exits)
    assert found[-1].fault == "cut"
    assert [*map(type, under_any_policy(replace(app("auth"), requests={})))] == [ComesBack]
    supervised = replace(app("auth"), requests={}, supervisor=Supervisor())
    assert [*map(type, under_any_policy(supervised))] == [ComesBack, RestartsSlowly]


def test_the_mode_may_be_left_out_if_the_policy_does_not_depend_on_it() -> None:
    """One policy for some modes is that policy."""
    topology = declaring(Policies(boot={"refused": "wait", "silent": "wait"}))
    assert isinstance(expected(topology, "postgres", "boot")[-1], Waits)


@pytest.mark.parametrize(
    ("policies", "code"),
    [
        (Policies(running={"refused": "exit", "silent": "wait"}), "policy.mode_required"),
        (Policies(boot={"refused": "exit"}), "policy.none_declared"),
        (Policies(), "policy.none_declared"),
    ],
)
def test_a_policy_that_is_not_declared_is_a_mistake(policies: Policies, code: str) -> None:
    """So is one that depends on a mode that the scenario does not name."""
    with pytest.raises(SpecError) as caught:
        expected(declaring(policies), "postgres", "running")
    assert [p.reason.code for p in caught.value.problems] == [code]
    assert caught.value.problems[0].fix


def test_an_unknown_app_is_a_mistake() -> None:
    """Its name may be misspelt."""
    with pytest.raises(SpecError):
        expected(TOPOLOGY, "postgres", "running", app="bakend")


def test_degraded_without_names_is_a_matter_of_the_state_alone() -> None:
    """Many services answer degraded and name nothing."""
    nothing = [replace(s, dependencies={}) for s in samples(2.6, 5.0, DEGRADED)]
    for health, outcome in ((nothing, "PASS"), (samples(2.6, 5.0, UNHEALTHY), "FAIL")):
        assert judged(answering(*health), Degrades(), faults=(DOWN,))[0].outcome == outcome


@pytest.mark.parametrize(
    ("held", "outcome"),
    [(Unavailable(within_s=2.5), "UNKNOWN"), (Unavailable(within_s=1.5), "FAIL")],
)
def test_an_app_is_not_judged_before_its_time_is_over(held: Unavailable, outcome: str) -> None:
    """The fault is in force for 2.05 s, and health answers degraded, which is no error."""
    degraded = refusing(samples(2.6, 5.0, DEGRADED))
    assert judged(degraded, held, faults=(DOWN,))[0].outcome == outcome
