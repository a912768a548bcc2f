"""Refused connects: evidence is a reset connection, or an app that connects again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultRequested,
    LinkPackets,
)

from .events import canary, connection, fault, sockets
from .faulted import DROPPED, REFUSED, absent, engine, evidence, observed, on
from .histories import healthy_run, history_of
from .plans import PG, TOPOLOGY


def test_a_connection_that_the_fault_reset_shows_it() -> None:
    """It ended between the request of the fault and its heal."""
    assert observed(REFUSED, *engine(on(closed_s=1.51, end="reset_by_fault")))
    assert not observed(REFUSED, *engine(on(closed_s=1.3, end="reset_by_fault")))
    assert not observed(REFUSED, *engine(on(closed_s=2.0, end="client_closed")))


def test_an_armed_fault_has_done_nothing_before_it_fired() -> None:
    """Requested at 0.5 and begun at 1.52: connections that ended between do not count."""
    armed = FaultRequested(at_s=0.5, fault="out", links=(PG,), armed=True)
    asked = [e for e in fault("out", 1.5, 1.52, 2.5, 2.52) if e.kind != "fault_requested"]
    for closed_s, expected in ((1.3, False), (1.53, True)):
        reset = on(closed_s=closed_s, opened_s=0.9, end="reset_by_fault")
        history = history_of([*healthy_run(), *asked, armed, *engine(reset)])
        assert evidence_of(REFUSED, TOPOLOGY, history).observed is expected


def test_all_connections_ended_shows_it_and_some_of_them_do_not() -> None:
    """A pool may close one of two connections by itself."""
    two = sockets(1.2, PG, established=(5001, 5003))
    assert observed(REFUSED, two, sockets(1.6, PG))
    assert not observed(REFUSED, two, sockets(1.6, PG, established=(5001,)))


def test_a_pool_that_the_app_itself_closed_shows_nothing() -> None:
    """The engine did not reset the connections, so the app closed them."""
    gone: list[AnyEvent] = [sockets(1.2, PG, established=(5001,)), sockets(1.6, PG)]
    closed = on(closed_s=1.55, end="client_closed")
    assert not observed(REFUSED, *gone, *engine(closed))
    assert observed(REFUSED, *gone, *engine(on(closed_s=1.55, end="reset_by_fault")))


def test_a_connection_that_outlasts_the_fault_shows_that_it_had_no_effect() -> None:
    """The connection stayed open during the fault."""
    assert not observed(REFUSED)


def refused_absent(events: list[AnyEvent]) -> bool:
    return evidence_of(REFUSED, TOPOLOGY, history_of(events), app="backend", boot=1).observed


def test_an_app_that_listened_without_a_connection_and_came_back_shows_the_refusal() -> None:
    """Refused connects leave no other trace."""
    assert refused_absent(absent())


def test_an_app_that_did_not_yet_listen_may_never_have_tried() -> None:
    """The fault was healed before the app listened."""
    assert not refused_absent(absent(bound=False))


def test_an_app_that_never_came_back_is_not_shown_to_have_tried() -> None:
    """The app may not use the link at all."""
    assert not refused_absent(absent(came_s=None))
    assert not refused_absent([*absent(), sockets(2.0, PG, established=(5008,))])


def test_an_app_without_a_pool_came_back_when_the_engine_saw_it_after_the_heal() -> None:
    """Short connections fall between two reads of the sockets. The engine recorded one."""
    after = connection(PG, 7, fault="", opened_s=2.6, closed_s=2.61)
    assert refused_absent([*absent(came_s=None), after])
    assert not refused_absent([*absent(came_s=None), canary(2.6, PG, "answered", port=7), after])
    before = replace(after, opened_s=2.0, closed_s=2.01)
    assert not refused_absent([*absent(came_s=None), before])


def test_an_app_that_came_back_before_the_heal_was_confirmed_shows_the_refusal() -> None:
    """The path is free from 2.5 on, and the lab confirms it at 2.6."""
    late = [replace(e, at_s=2.6) if isinstance(e, FaultHealed) else e for e in absent(came_s=None)]
    at_once = connection(PG, 7, fault="", opened_s=2.55, closed_s=None)
    assert refused_absent([*late, sockets(2.57, PG, established=(7,)), at_once])


def use(closed_s: float, **changed: object) -> AnyEvent:
    """A connection for one use, opened at 1.48, and no other."""
    return on(7001, **{"opened_s": 1.48, "closed_s": closed_s, "end": "client_closed", **changed})


def refused_under_use(*told: AnyEvent, stood: bool = True) -> bool:
    """An app that connects for each use, with one open connection at the request of the fault."""
    looks = [sockets(1.49, PG, established=(7001,)), sockets(1.515, PG)] if stood else []
    after = connection(PG, 7009, fault="", opened_s=2.6, closed_s=2.61)
    return refused_absent([*absent(came_s=None), *looks, *engine(*told), after])


def test_a_connection_for_one_use_that_ends_before_the_refusal_is_in_force_hides_nothing() -> None:
    """Requested at 1.5, closed by the app at 1.514, in force at 1.52."""
    assert refused_under_use(use(1.514))
    assert refused_under_use(use(1.495)), "the last look at the sockets was older than its end"


@pytest.mark.parametrize(
    "told",
    [
        use(1.54),
        use(1.514, opened_s=0.45),
        use(1.514, end="upstream_closed"),
        on(7002, opened_s=1.9, closed_s=1.91, end="client_closed", number=3),
    ],
    ids=["lived into it", "not for one use", "ended by the service", "opened under it"],
)
def test_a_connection_that_was_not_reset_shows_a_refusal_that_was_none(told: AnyEvent) -> None:
    """Under a refusal no connection stays open, and none is opened."""
    assert not refused_under_use(use(1.514), told)


def test_a_refusal_that_nobody_could_count_names_the_runtime_that_counts() -> None:
    """On shared loopback the reason names the runtimes that count. On those it does not."""
    here = evidence(REFUSED)
    assert "--chaos-runtime=netns or docker" in str(here.missing)
    counts = dict.fromkeys(("syns_dropped", "packets_dropped", "bytes_up", "bytes_down"), 0)
    read = [
        LinkPackets(at_s=at_s, link=PG, fault="out", syns=0, resets=0, **counts)
        for at_s in (1.6, 2.49)
    ]
    assert "--chaos-runtime" not in str(evidence(REFUSED, *read).missing)
    assert "--chaos-runtime" not in str(evidence(DROPPED).missing)
