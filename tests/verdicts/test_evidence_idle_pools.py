"""The last message of a connection: a pool that closes idle connections has not used the link."""

from __future__ import annotations

import pytest

from chaoslab import (
    Killed,
    Paused,
    Restarted,
    Slow,
    Stopped,
)
from chaoslab.history.events import (
    AnyEvent,
    LinkPackets,
)
from chaoslab.model.faults import Declared

from .events import met, sockets
from .faulted import DROPPED, SILENT, engine, evidence, heard, observed, on
from .plans import PG


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SILENT, "silence"),
        (DROPPED, "dropped"),
        (Slow(name="out", target=PG, latency_s=0.1), "latency"),
    ],
)
def test_a_pool_that_closes_what_is_idle_has_not_used_the_link(spec: Declared, kind: str) -> None:
    """Only last messages were held, on any number of connections. One other byte is evidence."""
    last = met("t", kind, 5, goodbye=5)
    more = met("t", kind, 19, goodbye=5)
    assert not observed(spec, *engine(on(met=(last,)), on(5002, number=2, met=(last,))))
    found = evidence(spec, *engine(on(met=(last,)), on(5002, number=2, met=(more,))))
    assert {"bytes": 14, "connections": 1} in [reason.data for reason in found.per_link[PG]]


def test_a_longer_fault_makes_no_evidence_of_an_idle_pool() -> None:
    """In a longer fault the pool closes its connections. That is no use of the link."""
    last = (met("t", "silence", 5, goodbye=5),)
    for told in ([on()], [on(met=last, ending="client_closed", ending_s=2.2), sockets(2.2, PG)]):
        assert not observed(SILENT, *engine(*told))


def test_in_a_run_that_recorded_no_last_message_its_size_tells() -> None:
    """5 bytes on a closed connection are a last message. A PING of 14 bytes is a request."""
    for size, expected in ((5, False), (6, True), (14, True)):
        held = (met("t", "silence", size),)
        closed = on(met=held, end="client_closed", closed_s=2.0)
        assert observed(SILENT, *engine(closed)) is expected
        assert observed(SILENT, *engine(on(met=held), sockets(2.2, PG))) is expected
    answer = (met("t", "silence", 5, stream="downstream"),)
    assert observed(SILENT, *engine(on(met=answer, end="client_closed", closed_s=2.0)))


def packets(dropped: int) -> list[AnyEvent]:
    counts = dict.fromkeys(("syns", "syns_dropped", "bytes_up", "bytes_down", "resets"), 0)
    return [
        LinkPackets(at_s=at_s, link=PG, fault="out", packets_dropped=count, **counts)
        for at_s, count in ((1.6, 0), (2.49, dropped))
    ]


def test_dropped_packets_of_connections_that_the_app_closed_show_no_use() -> None:
    """They may be repeated last messages. Without a closed connection they are requests."""
    assert observed(DROPPED, *packets(4))
    assert not observed(DROPPED, *packets(4), sockets(2.0, PG))


def test_a_pool_that_closes_what_is_idle_has_not_asked_a_paused_service() -> None:
    """A request on an older connection counts. A closed connection without a request does not."""
    paused = Paused(name="out", target="postgres")
    assert not observed(paused, *heard(ending="client_closed", ending_s=1.9), sockets(1.9, PG))
    assert observed(paused, *heard(asked_s=1.9))
    assert not observed(paused, *heard(asked_s=1.9, answered_s=1.91))


@pytest.mark.parametrize("kind", [Stopped, Killed, Restarted])
def test_an_app_that_closes_first_after_the_service_announced_the_end_is_evidence(
    kind: type[Stopped | Killed | Restarted],
) -> None:
    """The service announced the end, and the app closed first."""
    spec = kind(name="out", target="postgres")
    ended_first = {"end": "client_closed", "closed_s": 1.53, "ending": "client_closed"}
    assert observed(spec, *heard(**ended_first, ending_s=1.53, dismissed_s=1.529))
    assert not observed(spec, *heard(**ended_first, ending_s=1.53), sockets(1.53, PG))
    assert not observed(spec, *heard(**ended_first, ending_s=1.53, dismissed_s=1.531))
    earlier = {"opened_s": 0.9, "closed_s": 1.505, "dismissed_s": 1.4}
    assert not observed(spec, *heard(**{**ended_first, **earlier}, ending_s=1.505))


def test_a_connection_that_the_service_ended_and_the_app_still_holds_shows_it() -> None:
    """A pool does not read idle connections, so its side stays open."""
    stopped = Stopped(name="out", target="postgres")
    assert observed(stopped, *heard(ending="upstream_closed", ending_s=1.51))
    assert not observed(stopped, *heard(ending="upstream_closed", ending_s=1.4))
