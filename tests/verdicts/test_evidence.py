"""Whether a fault met the app: only what the app itself met, on this link, in this fault's time."""

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
from chaoslab.faults.evidence import Evidence, evidence_of
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    LinkDrops,
    LinkPackets,
)
from chaoslab.model.faults import Declared

from .histories import (
    PG,
    REDIS,
    TOPOLOGY,
    canary,
    connection,
    fault,
    healthy_run,
    history_of,
    met,
    sockets,
    spawned,
    without,
)

# every fault below is asked for at 1.5, in force at 1.52, healing at 2.5 and gone at 2.52
REFUSED = Severed(name="out", target="vpc", mode="refused")
DROPPED = Severed(name="out", target="vpc")
SILENT = Severed(name="out", target="vpc", mode="silent")


def evidence(spec: Declared, *events: AnyEvent, app: str = "backend", boot: int = 1) -> Evidence:
    history = history_of([*healthy_run(), *fault("out", 1.5, 1.52, 2.5, 2.52), *events])
    return evidence_of(spec, TOPOLOGY, history, app=app, boot=boot)


def bit(spec: Declared, *events: AnyEvent, boot: int = 1) -> bool:
    return evidence(spec, *events, boot=boot).observed


def engine(*told: AnyEvent) -> list[AnyEvent]:
    """What an engine tells that keeps records: the lab's own canary stands in them too."""
    steady = canary(0.2, PG, "answered", port=4001, took_s=0.01)
    records = [connection(PG, 4001, fault="out", read_s=2.49, number=9, opened_s=0.19)]
    return [steady, *records, *told]


def on(port: int = 5001, **kind: object) -> AnyEvent:
    return connection(PG, port, fault="out", read_s=2.49, **kind)  # type: ignore[arg-type]


# --- dropped ---


def test_a_connect_of_the_app_in_syn_sent_shows_dropped_syns() -> None:
    """While it held, on its link, by this app."""
    assert bit(DROPPED, sockets(1.8, PG, syn_sent=(5002,)))
    assert evidence(DROPPED, sockets(1.8, PG, syn_sent=(5002,))).observed_on("postgres")
    assert not evidence(DROPPED, sockets(1.8, PG, syn_sent=(5002,))).observed_on("redis")


@pytest.mark.parametrize("at_s", [1.4, 2.6])
def test_a_connect_before_or_after_the_fault_shows_nothing(at_s: float) -> None:
    """Another fault's time, or none's."""
    assert not bit(DROPPED, sockets(at_s, PG, syn_sent=(5002,)))


def test_another_apps_connect_or_another_links_shows_nothing() -> None:
    """The connector is shared; the app under judgement never tried its own links."""
    assert not bit(DROPPED, sockets(1.8, "auth.postgres", syn_sent=(5002,)))
    only = replace(DROPPED, target=REDIS)
    assert not bit(only, sockets(1.8, PG, syn_sent=(5002,)))


def test_another_boots_connect_shows_nothing_of_this_one() -> None:
    """The first boot met it; the second was spawned when it was over."""
    events = [sockets(1.8, PG, syn_sent=(5002,)), spawned(2.6, boot=2)]
    assert bit(DROPPED, *events)
    assert not bit(DROPPED, *events, boot=2)
    assert not bit(DROPPED, *events, boot=3)


def test_the_boot_before_may_still_be_seen_when_this_one_lives() -> None:
    """Its last socket is looked at a little late; it is not this boot's."""
    late = [spawned(2.0, boot=2), sockets(2.05, PG, syn_sent=(5002,), boot=1)]
    assert not bit(DROPPED, *late, boot=2)
    assert bit(DROPPED, *late, sockets(2.2, PG, syn_sent=(5003,), boot=2), boot=2)


def drops(count: int) -> LinkDrops:
    return LinkDrops(at_s=2.49, link=PG, fault="out", syn_drops=count)


def test_dropped_syns_count_only_beyond_the_canaries_own() -> None:
    """One canary of 0.1 s sent one SYN; a second SYN is the app's."""
    own = canary(1.65, PG)
    assert not bit(DROPPED, own, drops(1))
    assert bit(DROPPED, own, drops(2))


def test_a_canary_that_waits_is_counted_with_its_retries() -> None:
    """The kernel sends again after about 1 s, so a canary of 1.2 s has sent two."""
    slow = canary(2.45, PG, took_s=1.2)
    assert not bit(DROPPED, slow, drops(2))
    assert bit(DROPPED, slow, drops(3))


def test_another_faults_canaries_are_not_taken_off() -> None:
    """The count starts anew with each fault; so do the canaries."""
    assert bit(DROPPED, canary(0.3, PG), canary(1.65, PG), drops(2))


def test_drops_of_two_boots_cannot_be_told_apart() -> None:
    """Both lived while it held: the kernel's one count is neither's."""
    assert not bit(DROPPED, drops(5), spawned(2.0, boot=2), boot=2)


def test_bytes_held_back_on_a_connection_show_it_too() -> None:
    """An established connection went silent with bytes inside."""
    assert bit(DROPPED, *engine(on(met=(met("connect:dropped", "dropped", 5),))))
    assert not bit(DROPPED, *engine(on(met=(met("connect:dropped", "dropped", 0),))))


def test_bytes_of_a_canary_show_nothing() -> None:
    """Its local port is known."""
    held = (met("s", "silence", 8),)
    asked = canary(1.6, PG, "silent", port=4002)
    assert not bit(SILENT, *engine(asked, on(4002, met=held, opened_s=1.55)))
    assert bit(SILENT, *engine(asked, on(4003, met=held, opened_s=1.55)))


def test_bytes_that_an_earlier_fault_held_show_nothing_of_this_one() -> None:
    """A connection's record keeps every fault that it met; the earlier read tells which were."""
    old = met("connect:dropped", "dropped", 5)
    before = connection(PG, 5001, fault="earlier", read_s=1.2, met=(old,))
    assert not bit(DROPPED, *engine(before, on(met=(old,))))
    assert bit(DROPPED, *engine(before, on(met=(old, met("connect:dropped", "dropped", 7)))))


def test_a_connection_that_was_over_before_the_fault_shows_nothing() -> None:
    """Nor does one that was opened after it."""
    held = (met("connect:dropped", "dropped", 5),)
    assert not bit(DROPPED, *engine(on(met=held, closed_s=1.3, end="client_closed")))
    assert not bit(DROPPED, *engine(on(met=held, opened_s=2.51)))


# --- refused ---


def test_a_connection_that_the_fault_reset_shows_it() -> None:
    """It ended between the asking and the heal."""
    assert bit(REFUSED, *engine(on(closed_s=1.51, end="reset_by_fault")))
    assert not bit(REFUSED, *engine(on(closed_s=1.3, end="reset_by_fault")))
    assert not bit(REFUSED, *engine(on(closed_s=2.0, end="client_closed")))


def test_an_armed_fault_has_done_nothing_before_it_fired() -> None:
    """It was asked for at 0.5 and fired at 1.52: what ended between was ended by another."""
    armed = FaultRequested(at_s=0.5, fault="out", links=(PG,), armed=True)
    asked = [e for e in fault("out", 1.5, 1.52, 2.5, 2.52) if e.kind != "fault_requested"]
    for closed_s, expected in ((1.3, False), (1.53, True)):
        reset = on(closed_s=closed_s, opened_s=0.9, end="reset_by_fault")
        history = history_of([*healthy_run(), *asked, armed, *engine(reset)])
        assert evidence_of(REFUSED, TOPOLOGY, history).observed is expected


def test_all_connections_ended_shows_it_and_some_of_them_do_not() -> None:
    """A pool that closes one connection of two was not cut off."""
    two = sockets(1.2, PG, established=(5001, 5003))
    assert bit(REFUSED, two, sockets(1.6, PG))
    assert not bit(REFUSED, two, sockets(1.6, PG, established=(5001,)))


def test_a_pool_that_the_app_itself_closed_shows_nothing() -> None:
    """Each of its connections ended, and the engine, which would have reset them, did not."""
    gone: list[AnyEvent] = [sockets(1.2, PG, established=(5001,)), sockets(1.6, PG)]
    closed = on(closed_s=1.55, end="client_closed")
    assert not bit(REFUSED, *gone, *engine(closed))
    assert bit(REFUSED, *gone, *engine(on(closed_s=1.55, end="reset_by_fault")))


def test_a_connection_that_lives_through_the_fault_shows_that_it_did_not_bite() -> None:
    """Nothing changed on the link."""
    assert not bit(REFUSED)


def absent(bound: bool = True, came_s: float | None = 2.7) -> list[AnyEvent]:
    """An app that had no connection before, nor while it held."""
    events = without(healthy_run(), lambda e: e.kind == "app_sockets")
    events = events if bound else without(events, lambda e: e.kind == "bound")
    events += fault("out", 1.5, 1.52, 2.5, 2.52)
    return events if came_s is None else [*events, sockets(came_s, PG, established=(5009,))]


def refused_absent(events: list[AnyEvent]) -> bool:
    return evidence_of(REFUSED, TOPOLOGY, history_of(events), app="backend", boot=1).observed


def test_an_app_that_listened_without_a_connection_and_came_back_met_the_refusal() -> None:
    """The most that can be said of connects that are refused at once."""
    assert refused_absent(absent())


def test_an_app_that_did_not_yet_listen_may_never_have_tried() -> None:
    """Healed before the app was on its feet, and connected for the first time afterwards."""
    assert not refused_absent(absent(bound=False))


def test_an_app_that_never_came_back_is_not_shown_to_have_tried() -> None:
    """It may not use the link at all."""
    assert not refused_absent(absent(came_s=None))
    assert not refused_absent([*absent(), sockets(2.0, PG, established=(5008,))])


def test_an_app_without_a_pool_came_back_when_the_engine_saw_it_after_the_heal() -> None:
    """A connection for each request lies between two looks at the sockets; the engine saw it."""
    after = connection(PG, 7, fault="", opened_s=2.6, closed_s=2.61)
    assert refused_absent([*absent(came_s=None), after])
    assert not refused_absent([*absent(came_s=None), canary(2.6, PG, "answered", port=7), after])
    before = replace(after, opened_s=2.0, closed_s=2.01)
    assert not refused_absent([*absent(came_s=None), before])


def test_an_app_that_came_back_before_the_heal_was_read_back_met_the_refusal() -> None:
    """The path is free from 2.5 on, a little before the lab knows that; here it knows at 2.6."""
    late = [replace(e, at_s=2.6) if isinstance(e, FaultHealed) else e for e in absent(came_s=None)]
    at_once = connection(PG, 7, fault="", opened_s=2.55, closed_s=None)
    assert refused_absent([*late, sockets(2.57, PG, established=(7,)), at_once])


def use(closed_s: float, **changed: object) -> AnyEvent:
    """A connection that the app opened for one use at 1.48, beside no other."""
    return on(7001, **{"opened_s": 1.48, "closed_s": closed_s, "end": "client_closed", **changed})


def refused_under_use(*told: AnyEvent, stood: bool = True) -> bool:
    """An app that connects for each use: one connection stood when the fault was asked for."""
    looks = [sockets(1.49, PG, established=(7001,)), sockets(1.515, PG)] if stood else []
    after = connection(PG, 7009, fault="", opened_s=2.6, closed_s=2.61)
    return refused_absent([*absent(came_s=None), *looks, *engine(*told), after])


def test_a_connection_for_one_use_that_ends_before_the_refusal_is_in_force_hides_nothing() -> None:
    """Asked for at 1.5, closed by the app at 1.514, in force at 1.52."""
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
    """Under a real refusal none lives on, and none is opened; a pool may close one at any time."""
    assert not refused_under_use(use(1.514), told)


def test_a_refusal_that_nobody_could_count_names_the_runtime_that_counts() -> None:
    """Beside the app's process; in containers there is nothing to add."""
    here = evidence(REFUSED)
    assert "--chaos-runtime=docker" in str(here.missing)
    counts = dict.fromkeys(("syns_dropped", "packets_dropped", "bytes_up", "bytes_down"), 0)
    read = [
        LinkPackets(at_s=at_s, link=PG, fault="out", syns=0, resets=0, **counts)
        for at_s in (1.6, 2.49)
    ]
    assert "--chaos-runtime=docker" not in str(evidence(REFUSED, *read).missing)
    assert "--chaos-runtime=docker" not in str(evidence(DROPPED).missing)


# --- the last message of a connection ---


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (SILENT, "silence"),
        (DROPPED, "dropped"),
        (Slow(name="out", target=PG, latency_s=0.1), "latency"),
    ],
)
def test_a_pool_that_closes_what_is_idle_has_not_used_the_link(spec: Declared, kind: str) -> None:
    """Its last messages are held, on however many connections; one real byte more counts."""
    last = met("t", kind, 5, goodbye=5)
    more = met("t", kind, 19, goodbye=5)
    assert not bit(spec, *engine(on(met=(last,)), on(5002, number=2, met=(last,))))
    found = evidence(spec, *engine(on(met=(last,)), on(5002, number=2, met=(more,))))
    assert {"bytes": 14, "connections": 1} in [reason.data for reason in found.per_link[PG]]


def test_a_longer_fault_makes_no_evidence_of_an_idle_pool() -> None:
    """Held for 1 s nobody closed anything; held for longer the pool did. Both show no use."""
    last = (met("t", "silence", 5, goodbye=5),)
    for told in ([on()], [on(met=last, ending="client_closed", ending_s=2.2), sockets(2.2, PG)]):
        assert not bit(SILENT, *engine(*told))


def test_in_a_run_that_recorded_no_last_message_its_size_tells() -> None:
    """5 bytes on a connection that the app closed; a PING of 14 bytes is a question."""
    for size, expected in ((5, False), (6, True), (14, True)):
        held = (met("t", "silence", size),)
        assert bit(SILENT, *engine(on(met=held, end="client_closed", closed_s=2.0))) is expected
        assert bit(SILENT, *engine(on(met=held), sockets(2.2, PG))) is expected
    answer = (met("t", "silence", 5, stream="downstream"),)
    assert bit(SILENT, *engine(on(met=answer, end="client_closed", closed_s=2.0)))


def packets(dropped: int) -> list[AnyEvent]:
    counts = dict.fromkeys(("syns", "syns_dropped", "bytes_up", "bytes_down", "resets"), 0)
    return [
        LinkPackets(at_s=at_s, link=PG, fault="out", packets_dropped=count, **counts)
        for at_s, count in ((1.6, 0), (2.49, dropped))
    ]


def test_dropped_packets_of_connections_that_the_app_closed_show_no_use() -> None:
    """They may be its last messages, sent again and again; with none closed they are questions."""
    assert bit(DROPPED, *packets(4))
    assert not bit(DROPPED, *packets(4), sockets(2.0, PG))


def heard(**told: object) -> list[AnyEvent]:
    """What an engine tells that recorded who sent when, of the canary and of one connection."""
    steady = canary(0.2, PG, "answered", port=4001, took_s=0.01)
    own = connection(
        PG, 4001, fault="out", read_s=2.49, number=9, opened_s=0.19, asked_s=0.2, answered_s=0.2
    )
    return [steady, own, on(**{"asked_s": 1.2, "answered_s": 1.21, **told})]


def test_a_pool_that_closes_what_is_idle_has_not_asked_a_paused_service() -> None:
    """A question on an older connection is one; what the app closed without a word is none."""
    paused = Paused(name="out", target="postgres")
    assert not bit(paused, *heard(ending="client_closed", ending_s=1.9), sockets(1.9, PG))
    assert bit(paused, *heard(asked_s=1.9))
    assert not bit(paused, *heard(asked_s=1.9, answered_s=1.91))


@pytest.mark.parametrize("kind", [Stopped, Killed, Restarted])
def test_an_app_that_ends_first_on_the_services_own_word_met_its_end(
    kind: type[Stopped | Killed | Restarted],
) -> None:
    """The service sent that it ends the connection; the record says that the app closed it."""
    spec = kind(name="out", target="postgres")
    ended_first = {"end": "client_closed", "closed_s": 1.53, "ending": "client_closed"}
    assert bit(spec, *heard(**ended_first, ending_s=1.53, dismissed_s=1.529))
    assert not bit(spec, *heard(**ended_first, ending_s=1.53), sockets(1.53, PG))
    assert not bit(spec, *heard(**ended_first, ending_s=1.53, dismissed_s=1.531))
    earlier = {"opened_s": 0.9, "closed_s": 1.505, "dismissed_s": 1.4}
    assert not bit(spec, *heard(**{**ended_first, **earlier}, ending_s=1.505))


def test_a_connection_that_the_service_ended_and_the_app_still_holds_shows_it() -> None:
    """A pool reads nothing from what is idle: its own side stays open."""
    stopped = Stopped(name="out", target="postgres")
    assert bit(stopped, *heard(ending="upstream_closed", ending_s=1.51))
    assert not bit(stopped, *heard(ending="upstream_closed", ending_s=1.4))


# --- the others ---


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
def test_bytes_that_the_toxic_bit_show_it_and_other_toxics_do_not(
    spec: Declared, kind: str
) -> None:
    """By the toxic's type, with at least one byte."""
    assert bit(spec, *engine(on(met=(met("t", kind, 3),))))
    assert not bit(spec, *engine(on(met=(met("t", kind, 0),))))
    assert not bit(spec, *engine(on(met=(met("t", "slicer", 3),))))


@pytest.mark.parametrize(
    "spec",
    [
        SILENT,
        OneWay(name="out", target=PG),
        Paused(name="out", target="postgres"),
    ],
)
def test_an_idle_connection_that_stays_open_has_met_nothing(spec: Declared) -> None:
    """One that is opened into the silence, or given up in it, has."""
    assert not bit(spec)
    assert bit(spec, sockets(1.8, PG, established=(5001, 5002)))
    assert bit(spec, sockets(1.8, PG))
    assert not bit(spec, sockets(2.6, PG))


def test_a_question_to_a_paused_service_without_an_answer_shows_it() -> None:
    """Asked while it was frozen."""
    paused = Paused(name="out", target="postgres")
    assert bit(paused, *engine(on(opened_s=1.8, up=14)))
    assert not bit(paused, *engine(on(opened_s=1.8, up=14, down=7)))
    assert not bit(paused, *engine(on(opened_s=1.0, up=14)))


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
    """With records the engine's word is asked for, and nothing less."""
    opened = sockets(1.8, PG, established=(5001, 5002))
    assert not bit(spec)
    assert bit(spec, opened)
    assert not bit(spec, *engine(opened))


def test_a_cut_shows_in_the_end_of_a_connection() -> None:
    """By the engine's word; without records by the app's own sockets."""
    cut = CutMidstream(name="out", target=PG, after_bytes=10)
    assert bit(cut, *engine(on(closed_s=2.0, end="closed_by_fault")))
    assert not bit(cut, *engine(on(closed_s=2.0, end="client_closed"), sockets(2.0, PG)))
    assert bit(cut, sockets(2.0, PG))
    assert not bit(cut)


@pytest.mark.parametrize("kind", [Stopped, Killed, Restarted])
def test_a_service_that_goes_away_shows_at_the_link(
    kind: type[Stopped | Killed | Restarted],
) -> None:
    """Nobody behind the link, connections ended by the service, or all the app's sockets gone."""
    spec = kind(name="out", target="postgres")
    assert not bit(spec)
    assert bit(spec, *engine(on(opened_s=1.8, closed_s=1.8, end="upstream_refused")))
    assert bit(spec, *engine(on(closed_s=1.6, end="upstream_closed")))
    assert bit(spec, sockets(1.51, PG))
    assert not bit(spec, *engine(on(closed_s=1.3, end="upstream_closed")))


@pytest.mark.parametrize("kind", [Stopped, Killed])
def test_a_short_connection_to_a_stopped_service_shows_it_without_records(
    kind: type[Stopped | Killed],
) -> None:
    """A proxy that accepts before it dials: a look may fall on the moment before it closes."""
    spec = kind(name="out", target="postgres")
    booted = without(absent(came_s=2.6), lambda e: e.kind == "bound")
    tried = [sockets(1.9, PG, established=(5002,)), sockets(1.93, PG)]
    for events, expected in ((booted, False), ([*booted, *tried], True)):
        found = evidence_of(spec, TOPOLOGY, history_of(events), app="backend", boot=1)
        assert found.observed is expected
    assert not bit(spec, sockets(1.54, PG, established=(5001, 5002)))
    assert not bit(spec, *heard(), *[replace(e, link=PG) for e in tried])


def test_a_service_whose_end_is_seen_a_little_late_is_still_seen() -> None:
    """A restart is over at once; sockets are looked at each 0.025 s, on a busy machine later."""
    restarted = Restarted(name="out", target="postgres")
    assert bit(restarted, sockets(2.58, PG))
    assert not bit(restarted, sockets(2.8, PG))


def test_flapping_without_records_shows_where_every_connection_ends_at_once() -> None:
    """Come and gone within the flapping."""
    flapping = Flapping(name="out", target=PG, period_s=0.2)
    none = without(absent(came_s=None), lambda e: e.kind == "bound")
    came_and_went = [sockets(1.7, PG, established=(1, 2)), sockets(1.9, PG)]
    for events, expected in ((none, False), ([*none, *came_and_went], True)):
        found = evidence_of(flapping, TOPOLOGY, history_of(events), app="backend", boot=1)
        assert found.observed is expected


@pytest.mark.parametrize("spec", [REFUSED, DROPPED, SILENT])
def test_a_fault_that_was_missed_met_nobody(spec: Severed) -> None:
    """Never in force, or in force and not to be healed: whatever the sockets say."""
    events = [sockets(1.8, PG, syn_sent=(5002,)), sockets(1.9, PG)]
    missed = FaultMissed(at_s=2.51, fault="out", why="could not be healed")
    found = evidence(spec, *events, missed)
    assert (found.observed, str(found.missing)) == (False, "could not be healed")
    history = history_of([*healthy_run(), *events])
    assert not evidence_of(spec, TOPOLOGY, history).observed


def test_without_a_canarys_sight_nothing_is_evidence() -> None:
    """In force means seen."""
    events = [*healthy_run(), *fault("out", 1.5, 1.52, 2.5, 2.52), sockets(1.8, PG, syn_sent=(1,))]
    unseen = without(events, lambda e: isinstance(e, FaultInForce))
    assert evidence_of(DROPPED, TOPOLOGY, history_of(events)).observed
    assert not evidence_of(DROPPED, TOPOLOGY, history_of(unseen)).observed
