"""What an app needs a service for, and whether that is more than was accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rigs.cell_histories import (
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    health,
    live,
    refused,
    topology,
    up,
)

from chaoslab.behaviour.dependency import Observed, dependencies, stronger
from chaoslab.behaviour.described import Behaviour
from chaoslab.behaviour.facts import Answers, Exit, Facts
from chaoslab.matrix.observed_policy import policy_of
from chaoslab.model.policy import Need
from chaoslab.model.topology import Topology

GONE = Exit(code=1, after_s=1.0, since_fault_s=1.0, words="no database")
SERVED = Answers(
    name="list", role="request", ways={"ok": 9}, settled="ok", settled_good=True,
    settled_after_s=0.0, turns=0, good=9, slowest_s=0.1,
)  # fmt: skip
FAILED = replace(SERVED, ways={"500": 9}, settled="500", settled_good=False, good=0)
# One boot exits before its start-up is complete, one after it.
NEVER_UP = Facts(exits=(GONE,), affected=True)
UP_FIRST = replace(NEVER_UP, started_under_fault=True)
GONE_LATER = replace(GONE, complete_s=0.6)
STARTS_AND_EXITS = replace(NEVER_UP, exits=(GONE_LATER,))
KEPT = Facts(under=(SERVED,), affected=True)
LOST = Facts(under=(FAILED,), affected=True)


def seen(facts: Facts, moment: str) -> Behaviour:
    of = cell("refused", "boot" if moment == "boot" else "running")
    return Behaviour(cell=of, known=True, facts=facts, phases=())


def needing(need: Need) -> Topology:
    web = replace(topology().apps["web"], needs={"postgres": {"refused": need}})
    return replace(topology(), apps={"web": web})


def found(boot: Facts, running: Facts | None = None) -> Observed:
    every = [seen(boot, "boot"), *([seen(running, "running")] if running else [])]
    (dependency,) = dependencies(every)
    return dependency.needs["refused"]


def test_the_same_policies_may_have_different_needs() -> None:
    """So the topology has both: an app that exits may have started without the service, or not."""
    assert policy_of(NEVER_UP, at_boot=True) == policy_of(UP_FIRST, at_boot=True) == "exit"
    assert (found(NEVER_UP), found(UP_FIRST)) == ("hard", "soft")


def test_an_app_that_starts_and_then_exits_needs_the_service_wherever_the_heal_falls() -> None:
    """In a crash loop the last boot may be complete at the heal, or not."""
    for up_at_the_heal in (False, True):
        facts = replace(STARTS_AND_EXITS, started_under_fault=up_at_the_heal)
        assert found(facts) == found(facts, KEPT) == found(facts, LOST) == "starts and exits"
    assert found(replace(STARTS_AND_EXITS, exits=(GONE, GONE_LATER))) == "starts and exits"
    assert found(replace(STARTS_AND_EXITS, affected=False)) == "not known"


def test_an_app_serves_only_if_every_request_was_sent() -> None:
    """One of two was sent only before the fault, so nothing shows that it is served under it."""
    order = replace(SERVED, name="order")
    assert found(NEVER_UP, replace(KEPT, before=(SERVED,))) == "hard only at boot"
    assert found(NEVER_UP, replace(KEPT, before=(SERVED, order))) == "hard"


def test_a_boot_that_was_complete_before_its_exit_is_read_from_the_history() -> None:
    """The same crash loop, healed at another moment of it."""
    at_boot = cell("refused", "boot")
    first = [*up(), *all_well(1.6, 3.0), *exits(3.0, 1, "lost")]
    for complete_s in (4.2, 6.5):
        again = boot(3.2, number=2, listens_s=3.5, complete_s=complete_s)
        after = [*health(6.6, 10.0, number=2), *live(6.6, 10.0, number=2), *both(6.6, 10.0), *end()]
        seen = behaviour(at_boot, [*fault(0.2), *refused(start_s=0.2), *first, *again, *after])
        (dependency,) = dependencies([seen])
        assert dependency.needs["refused"] == "starts and exits"


def test_an_app_that_is_slow_without_the_fault_is_not_known_to_need_the_service() -> None:
    """It was not up before the heal, and nothing shows that the fault was why."""
    assert found(replace(NEVER_UP, exits=(), affected=False)) == "not known"
    assert found(replace(NEVER_UP, exits=())) == "hard"


@pytest.mark.parametrize(
    ("accepted", "boot", "running", "fails"),
    [
        ("soft", NEVER_UP, None, True),
        ("lazy", NEVER_UP, KEPT, True),
        ("hard only at boot", NEVER_UP, LOST, True),
        ("hard only at boot", NEVER_UP, None, False),
        ("hard only at boot", NEVER_UP, KEPT, False),
        ("hard", NEVER_UP, None, False),
        ("hard", UP_FIRST, None, False),
        ("soft", UP_FIRST, None, False),
        ("soft", STARTS_AND_EXITS, None, True),
        ("lazy", STARTS_AND_EXITS, KEPT, True),
        ("hard only at boot", STARTS_AND_EXITS, LOST, True),
        ("hard only at boot", STARTS_AND_EXITS, None, False),
        ("hard only at boot", STARTS_AND_EXITS, KEPT, False),
        ("hard", STARTS_AND_EXITS, LOST, False),
        ("starts and exits", STARTS_AND_EXITS, LOST, False),
        ("starts and exits", NEVER_UP, LOST, False),
    ],
)
def test_an_app_that_does_less_without_a_service_needs_it_more(
    accepted: Need, boot: Facts, running: Facts | None, fails: bool
) -> None:
    """It does not start, or does not serve. What was not observed is not compared."""
    every = [seen(boot, "boot"), *([seen(running, "running")] if running else [])]
    reasons = [*stronger(dependencies(every), needing(accepted))]
    assert bool(reasons) is fails
    assert all(reason.code == "dependency.stronger" for reason in reasons)


def test_a_service_without_an_accepted_need_is_not_compared() -> None:
    """Nothing was accepted."""
    assert [*stronger(dependencies([seen(NEVER_UP, "boot")]), topology())] == []
