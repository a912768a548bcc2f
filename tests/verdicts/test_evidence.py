"""Whether a fault was observed to affect the app: on this link, while it was in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import (
    FaultInForce,
    FaultMissed,
)
from chaoslab.model.faults import Declared
from chaoslab.reason import Reason

from .events import fault, met, sockets, without
from .faulted import DROPPED, REFUSED, SILENT, absent, engine, evidence, heard, observed, on
from .histories import healthy_run, history_of
from .plans import PG, TOPOLOGY


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SILENT, "silence"),
        (SILENT, "timeout"),
        (OneWay(name="out", target=PG), "silence"),
        (Slow(name="out", target=PG, latency_s=0.1), "latency"),
        (Throttled(name="out", target=PG, rate_kb_per_s=8), "bandwidth"),
        (Flapping(name="out", target=PG, period_s=0.2, mode="dropped"), "dropped"),
        (Flapping(name="out", target=PG, period_s=0.2, mode="silent"), "silence"),
    ],
)
def test_bytes_that_the_toxic_affected_show_it_and_other_toxics_do_not(
    spec: Declared, kind: str
) -> None:
    """A toxic of the right type acted on at least one byte."""
    assert observed(spec, *engine(on(met=(met("t", kind, 3),))))
    assert not observed(spec, *engine(on(met=(met("t", kind, 0),))))
    assert not observed(spec, *engine(on(met=(met("t", "slicer", 3),))))


@pytest.mark.parametrize(
    "spec",
    [
        SILENT,
        OneWay(name="out", target=PG),
        Paused(name="out", target="postgres"),
    ],
)
def test_an_idle_connection_that_stays_open_shows_nothing(spec: Declared) -> None:
    """A connection that is opened or ended during the silence is evidence."""
    assert not observed(spec)
    assert observed(spec, sockets(1.8, PG, established=(5001, 5002)))
    assert observed(spec, sockets(1.8, PG))
    assert not observed(spec, sockets(2.6, PG))


def test_a_question_to_a_paused_service_without_an_answer_shows_it() -> None:
    """The request was sent while the service was paused."""
    paused = Paused(name="out", target="postgres")
    assert observed(paused, *engine(on(opened_s=1.8, up=14)))
    assert not observed(paused, *engine(on(opened_s=1.8, up=14, down=7)))
    assert not observed(paused, *engine(on(opened_s=1.0, up=14)))


@pytest.mark.parametrize(
    "spec",
    [
        Slow(name="out", target=PG, latency_s=0.1),
        Throttled(name="out", target=PG, rate_kb_per_s=8),
    ],
)
def test_without_records_only_a_connection_opened_under_it_shows_a_slow_path(
    spec: Declared,
) -> None:
    """With records only the engine's record counts."""
    opened = sockets(1.8, PG, established=(5001, 5002))
    assert not observed(spec)
    assert observed(spec, opened)
    assert not observed(spec, *engine(opened))


def test_a_cut_shows_in_the_end_of_a_connection() -> None:
    """By the engine's record. Without records, by the app's own sockets."""
    cut = CutMidstream(name="out", target=PG, after_bytes=10)
    assert observed(cut, *engine(on(closed_s=2.0, end="closed_by_fault")))
    assert not observed(cut, *engine(on(closed_s=2.0, end="client_closed"), sockets(2.0, PG)))
    assert observed(cut, sockets(2.0, PG))
    assert not observed(cut)


@pytest.mark.parametrize("kind", [Stopped, Killed, Restarted])
def test_a_service_that_goes_away_shows_at_the_link(
    kind: type[Stopped | Killed | Restarted],
) -> None:
    """No server behind the link, connections ended by the service, or all sockets gone."""
    spec = kind(name="out", target="postgres")
    assert not observed(spec)
    assert observed(spec, *engine(on(opened_s=1.8, closed_s=1.8, end="upstream_refused")))
    assert observed(spec, *engine(on(closed_s=1.6, end="upstream_closed")))
    assert observed(spec, sockets(1.51, PG))
    assert not observed(spec, *engine(on(closed_s=1.3, end="upstream_closed")))


@pytest.mark.parametrize("kind", [Stopped, Killed])
def test_a_short_connection_to_a_stopped_service_shows_it_without_records(
    kind: type[Stopped | Killed],
) -> None:
    """A proxy accepts before it connects: a read of the sockets may show the short connection."""
    spec = kind(name="out", target="postgres")
    booted = without(absent(came_s=2.6), lambda e: e.kind == "bound")
    tried = [sockets(1.9, PG, established=(5002,)), sockets(1.93, PG)]
    for events, expected in ((booted, False), ([*booted, *tried], True)):
        found = evidence_of(spec, TOPOLOGY, history_of(events), app="backend", boot=1)
        assert found.observed is expected
    assert not observed(spec, sockets(1.54, PG, established=(5001, 5002)))
    assert not observed(spec, *heard(), *[replace(e, link=PG) for e in tried])


def test_a_service_whose_end_is_seen_a_little_late_is_still_seen() -> None:
    """Sockets are read each 0.025 s, later on a busy machine."""
    restarted = Restarted(name="out", target="postgres")
    assert observed(restarted, sockets(2.58, PG))
    assert not observed(restarted, sockets(2.8, PG))


def test_flapping_without_records_shows_where_every_connection_ends_at_once() -> None:
    """Connections begin and end during the flapping."""
    flapping = Flapping(name="out", target=PG, period_s=0.2)
    none = without(absent(came_s=None), lambda e: e.kind == "bound")
    came_and_went = [sockets(1.7, PG, established=(1, 2)), sockets(1.9, PG)]
    for events, expected in ((none, False), ([*none, *came_and_went], True)):
        found = evidence_of(flapping, TOPOLOGY, history_of(events), app="backend", boot=1)
        assert found.observed is expected


@pytest.mark.parametrize("spec", [REFUSED, DROPPED, SILENT])
def test_a_fault_that_was_missed_affected_nothing(spec: Severed) -> None:
    """It was never in force, or could not be healed. Sockets do not matter then."""
    events = [sockets(1.8, PG, syn_sent=(5002,)), sockets(1.9, PG)]
    missed = FaultMissed(
        at_s=2.51, fault="out", why=Reason(code="text", text="could not be healed")
    )
    found = evidence(spec, *events, missed)
    assert (found.observed, str(found.missing)) == (False, "could not be healed")
    history = history_of([*healthy_run(), *events])
    assert not evidence_of(spec, TOPOLOGY, history).observed


def test_without_a_canarys_sight_nothing_is_evidence() -> None:
    """Only a fault that a canary observed is in force."""
    events = [*healthy_run(), *fault("out", 1.5, 1.52, 2.5, 2.52), sockets(1.8, PG, syn_sent=(1,))]
    unseen = without(events, lambda e: isinstance(e, FaultInForce))
    assert evidence_of(DROPPED, TOPOLOGY, history_of(events)).observed
    assert not evidence_of(DROPPED, TOPOLOGY, history_of(unseen)).observed
