"""Retries: tries a second while a link is away, by whoever counts them best; the herd after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaoslab import Severed, Stopped
from chaoslab.expectations import BacksOff
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    LinkConnection,
    LinkDrops,
    LinkPackets,
    RunEnded,
    Spawned,
)
from chaoslab.model.faults import Declared
from chaoslab.model.verdict import Verdict

from .events import canary, connection, ended, exited, of, probed, sockets, spawned, without
from .histories import STOPPED, judged, outcomes, run_of, stopped_under_load
from .plans import PG, REDIS, plan_of

DOWN = Stopped(target="postgres")


def bounded(
    events: list[AnyEvent], *, fault: Declared = DOWN, rate: float = 20.0, herd: int = 20
) -> Verdict:
    label = (fault.label,)
    e = BacksOff(app="backend", connects_per_s=rate, herd=herd, rests_on=label)
    return e.judged(run_of(events, plan_of(faults=(fault,))))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def tried(times_s: Iterable[float], *, link: str = PG) -> list[AnyEvent]:
    """Tries as the engine tells them, before the heal and again at the run's end."""
    records = [
        connection(link, 20000 + n, number=100 + n, opened_s=s, closed_s=s, end="upstream_refused")
        for n, s in enumerate(times_s)
    ]
    before_heal = [replace(c, fault=STOPPED, at_s=4.49) for c in records if c.opened_s < 4.49]
    return [*before_heal, *(replace(c, fault="", at_s=7.0) for c in records)]


def every(pause_s: float, start_s: float, end_s: float) -> list[float]:
    return [start_s + i * pause_s for i in range(round((end_s - start_s) / pause_s))]


def alone() -> list[AnyEvent]:
    """The good run without what the engine tells of the app's connections."""
    return without(stopped_under_load(), of(LinkConnection))


def looked() -> list[AnyEvent]:
    """A canary's connection, which the engine tells as any other, for the fault and at the end."""
    return [
        canary(2.46, PG, "refused", port=41),
        *(connection(PG, 41, fault=f, read_s=s, number=1) for f, s in ((STOPPED, 4.49), ("", 7.0))),
    ]


def test_a_few_tries_with_growing_pauses_pass() -> None:
    """Five in two seconds, by the proxy's records, and nobody at the heal but one."""
    verdict = bounded(stopped_under_load())
    assert verdict.outcome == "PASS"
    assert "5 connects in 2.0 s on backend.postgres (2/s, 4 in the worst second" in why(verdict)
    assert "at most 1 connects in half a second after the heal" in why(verdict)


def test_a_storm_fails_with_its_rate_and_manner() -> None:
    """400 in two seconds, one every 5 ms to the last, as no chance would draw them."""
    verdict = bounded([*stopped_under_load(), *tried(every(0.005, 2.46, 4.46))])
    assert verdict.outcome == "FAIL"
    assert "405 connects in 2.0 s on backend.postgres (198/s" in why(verdict)
    assert "the pauses between tries do not grow: 207 tries in the first half" in why(verdict)


def test_many_who_try_side_by_side_are_seen_through() -> None:
    """Ten at once, again and again: most pauses are none, and yet they do not grow."""
    at_once = [s + i * 1e-4 for s in every(0.1, 2.46, 4.46) for i in range(10)]
    verdict = bounded([*alone(), *looked(), *tried(at_once)])
    assert (verdict.outcome, "tries do not grow" in why(verdict)) == ("FAIL", True)


def test_a_storm_of_one_second_in_a_long_fault_fails() -> None:
    """30 in the first second, and then silence: 15 a second on the whole, 20 allowed in any."""
    verdict = bounded([*alone(), *looked(), *tried(every(0.03, 2.5, 3.4))])
    assert (verdict.outcome, "30 in the worst second" in why(verdict)) == ("FAIL", True)


def test_manner_is_told_and_not_judged() -> None:
    """Growing pauses, and pauses without jitter, both within the limit."""
    growing = [2.46, 2.5, 2.58, 2.74, 3.06, 3.5, 4.4]
    verdict = bounded([*alone(), *looked(), *tried(growing)])
    assert (verdict.outcome, "the pauses between tries grow" in why(verdict)) == ("PASS", True)
    assert "no jitter" not in why(verdict)
    steady = bounded([*alone(), *looked(), *tried(every(0.2, 2.5, 4.4))])
    assert (steady.outcome, "no jitter" in why(steady)) == ("PASS", True)


def test_the_labs_canaries_are_not_the_apps_tries() -> None:
    """Four hundred of them, by their ports."""
    events = [*stopped_under_load(), *tried(every(0.005, 2.46, 4.46))]
    ports = {e.client_port for e in events if isinstance(e, LinkConnection)}
    canaries = [canary(2.46, PG, "refused", port=p) for p in ports if p >= 20000]
    assert bounded([*events, *canaries]).outcome == "PASS"


def test_tries_before_the_fault_or_of_an_earlier_boot_do_not_count() -> None:
    """A pool that opened 30 connections at its start is no storm."""
    early = every(0.01, 1.5, 1.8)
    assert bounded([*stopped_under_load(), *tried(early)]).outcome == "PASS"


def test_a_link_that_nobody_tried_passes() -> None:
    """Only the canary is among the engine's records."""
    verdict = bounded([*alone(), *looked()])
    assert (verdict.outcome, "0 connects" in why(verdict)) == ("PASS", True)


def test_a_fault_that_was_short_for_the_app_shows_no_rate() -> None:
    """Spawned 0.9 s before the heal begins."""
    late = [replace(e, at_s=3.6) if isinstance(e, Spawned) else e for e in stopped_under_load()]
    verdict = bounded(late)
    assert (verdict.outcome, "too short for a rate" in why(verdict)) == ("UNKNOWN", True)


@pytest.mark.parametrize("kind", [FaultHealing, FaultHealed, RunEnded])
def test_a_history_without_its_end_is_unknown(kind: type[AnyEvent]) -> None:
    """Storm or none: the records are read when the fault heals."""
    storm = [*stopped_under_load(), *tried(every(0.005, 2.46, 4.46))]
    assert bounded(without(storm, of(kind))).outcome != "PASS"
    assert bounded(without(stopped_under_load(), of(kind))).outcome == "UNKNOWN"


# --- the lab's own questions ---


def questions(pause_s: float, start_s: float, end_s: float, took_s: float) -> list[AnyEvent]:
    """So many more questions of readiness; each may make the app try its link once."""
    (one,) = probed("ready", 0.0, 0.1, None, took_s=took_s)
    return [replace(one, at_s=at_s) for at_s in every(pause_s, start_s, end_s)]


def test_tries_that_are_no_more_than_the_labs_questions_are_no_storm() -> None:
    """60 in two seconds, one for each question; fewer questions leave them a storm."""
    storm = [*alone(), *looked(), *tried(every(0.033, 2.5, 4.48))]
    verdict = bounded([*storm, *questions(0.033, 2.5, 4.48, 0.01)])
    assert (verdict.outcome, "the lab itself asked" in why(verdict)) == ("UNKNOWN", True)
    assert bounded([*storm, *questions(0.2, 2.5, 4.48, 0.01)]).outcome == "FAIL"


def test_a_storm_in_one_second_is_held_to_the_questions_of_that_second() -> None:
    """30 tries in the first second, and the lab asked most only later."""
    storm = [*alone(), *looked(), *tried(every(0.03, 2.46, 3.36))]
    assert bounded([*storm, *questions(0.03, 3.4, 4.48, 0.01)]).outcome == "FAIL"
    assert bounded([*storm, *questions(0.03, 2.46, 3.36, 0.01)]).outcome == "UNKNOWN"


def test_questions_that_hang_may_each_cause_a_connect_when_the_path_is_back() -> None:
    """Sent long before, and still waiting at the heal: no herd of the app's own."""
    herd = [*stopped_under_load(), *tried(every(0.01, 5.1, 5.4))]
    assert bounded(herd).outcome == "FAIL"
    verdict = bounded([*herd, *questions(0.05, 3.4, 4.9, 2.0)])
    assert (verdict.outcome, "do not show too many connects" in why(verdict)) == (
        "UNKNOWN",
        True,
    )


def test_connects_in_syn_sent_are_held_to_the_labs_questions_too() -> None:
    """164 of them, and as many questions that filled the app's few workers; or a storm."""
    cut = Severed(target="backend.postgres", mode="dropped", name=STOPPED)
    events = [sockets(2.5 + i * 0.01, PG, syn_sent=(7000 + i,)) for i in range(164)]
    drops = LinkDrops(at_s=4.49, link=PG, fault=STOPPED, syn_drops=164)
    run = [*stopped_under_load(), *events, drops]
    assert bounded(run, fault=cut).outcome == "FAIL"
    assert bounded([*run, *questions(0.0125, 2.46, 4.48, 2.0)], fault=cut).outcome == "UNKNOWN"


# --- where the tries never reach the proxy ---

CUT = Severed(target="backend.postgres", mode="dropped", name=STOPPED)
REFUSED = Severed(target="backend.postgres", mode="refused", name=STOPPED)


def waiting(count: int) -> list[AnyEvent]:
    """So many connects of the app seen in SYN_SENT, one after another."""
    return [sockets(2.5 + i * 0.01, PG, syn_sent=(7000 + i,)) for i in range(count)]


def dropped(count: int) -> LinkDrops:
    return LinkDrops(at_s=4.49, link=PG, fault=STOPPED, syn_drops=count)


def packets(syns: int, lost: int) -> list[AnyEvent]:
    """The kernel's count in force and before the heal."""
    first = LinkPackets(
        at_s=2.55,
        link=PG,
        fault=STOPPED,
        syns=10,
        syns_dropped=0,
        packets_dropped=0,
        bytes_up=0,
        bytes_down=0,
        resets=0,
    )
    return [first, replace(first, at_s=4.49, syns=10 + syns, syns_dropped=lost)]


def test_dropped_connects_lie_between_what_was_seen_and_what_was_dropped() -> None:
    """A SYN is sent again: the kernel's count is the most, the app's sockets show the least."""
    run = stopped_under_load()
    assert bounded([*run, *waiting(3), dropped(12)], fault=CUT).outcome == "PASS"
    assert bounded([*run, *waiting(3), dropped(90)], fault=CUT).outcome == "UNKNOWN"
    verdict = bounded([*run, *waiting(60), dropped(90)], fault=CUT)
    assert (verdict.outcome, "between 60 and 90 connects" in why(verdict)) == ("FAIL", True)
    assert (verdict.because[0].data["least"], verdict.because[0].data["most"]) == (60, 90)


def test_refused_connects_are_counted_by_the_kernel_or_by_nobody() -> None:
    """They end between two looks at the sockets; in containers each SYN is one."""
    run = stopped_under_load()
    verdict = bounded(run, fault=REFUSED)
    assert (verdict.outcome, "cannot be counted here" in why(verdict)) == ("UNKNOWN", True)
    assert bounded([*run, *packets(30, 0)], fault=REFUSED).outcome == "PASS"
    assert bounded([*run, *packets(300, 0)], fault=REFUSED).outcome == "FAIL"
    assert bounded([*run, *packets(30, 30)], fault=CUT).outcome == "PASS"
    assert bounded([*run, *packets(300, 300)], fault=CUT).outcome == "UNKNOWN"


def test_sockets_alone_can_show_a_storm_and_never_its_absence() -> None:
    """A proxy that keeps no records."""
    assert bounded([*alone(), *waiting(60)]).outcome == "FAIL"
    assert bounded([*alone(), *waiting(3)]).outcome == "UNKNOWN"


def test_connections_that_stood_before_the_fault_are_not_tries() -> None:
    """60 pooled ones, seen at the first look under it."""
    ports = tuple(range(7000, 7060))
    pool = [sockets(2.0, PG, established=ports), sockets(2.5, PG, established=ports)]
    assert bounded([*alone(), *pool]).outcome == "UNKNOWN"


# --- the herd ---


@pytest.mark.parametrize(("count", "outcome"), [(18, "PASS"), (30, "FAIL")])
def test_a_herd_at_the_heal_fails(count: int, outcome: str) -> None:
    """So many within 0.3 s, half a second after the path was back."""
    back = every(0.3 / count, 5.1, 5.4)
    verdict = bounded([*stopped_under_load(), *tried(back)])
    assert (verdict.outcome, "a herd" in why(verdict)) == (outcome, outcome == "FAIL")


def test_as_many_spread_over_seconds_are_no_herd() -> None:
    """30 in two seconds."""
    assert bounded([*stopped_under_load(), *tried(every(0.067, 4.8, 6.8))]).outcome == "PASS"


def test_without_records_at_the_end_nobody_counted_the_herd() -> None:
    """The tries under the fault are known, what came after is not."""

    def at_the_end(event: AnyEvent) -> bool:
        return isinstance(event, LinkConnection) and not event.fault

    verdict = bounded(without(stopped_under_load(), at_the_end))
    assert (verdict.outcome, "after the heal cannot be counted" in why(verdict)) == (
        "UNKNOWN",
        True,
    )


def test_where_only_the_kernel_counts_all_that_came_since_the_heal_are_the_most() -> None:
    """Ten in all are no herd; a hundred may have been one, and the app's sockets may show it."""
    run = [*alone(), *packets(30, 0)]
    whole = next(p for p in packets(30, 0) if isinstance(p, LinkPackets) and p.at_s > 4.0)
    few, many = (replace(whole, fault="", at_s=7.0, syns=40 + n) for n in (10, 100))
    assert bounded([*run, few]).outcome == "PASS"
    assert bounded([*run, replace(few, at_s=5.6)]).outcome == "UNKNOWN"
    assert bounded([*run, many]).outcome == "UNKNOWN"
    ports = sockets(5.2, PG, established=tuple(range(8000, 8040)))
    verdict = bounded([*run, many, ports])
    assert (verdict.outcome, "by the app's sockets" in why(verdict)) == ("FAIL", True)


def test_a_run_that_ends_right_after_the_heal_saw_no_herd() -> None:
    """Its last look was 1.0 s after the heal, 0.6 s after health was good."""
    hasty = [
        replace(e, at_s=5.6) if isinstance(e, LinkConnection) and not e.fault else e
        for e in stopped_under_load()
    ]
    assert bounded(hasty).outcome == "UNKNOWN"
    cut = [*without(stopped_under_load(), of(RunEnded)), ended(7.2, settled=False)]
    assert bounded(cut).outcome == "UNKNOWN"


def test_a_storm_on_one_link_fails_whatever_is_unknown_of_the_other() -> None:
    """Of redis, which the connector carries as well, nothing is known."""
    both = Severed(target="vpc", mode="silent", name=STOPPED)
    storm = tried(every(0.005, 2.46, 4.46))
    assert bounded([*stopped_under_load(), *storm], fault=both).outcome == "FAIL"
    assert bounded(stopped_under_load(), fault=both).outcome == "UNKNOWN"
    assert REDIS in why(bounded(stopped_under_load(), fault=both))


def test_only_faults_that_it_rests_on_are_judged() -> None:
    """None of them is none to judge."""
    e = BacksOff(app="backend", connects_per_s=1.0, herd=1, rests_on=())
    run = run_of(stopped_under_load(), plan_of(faults=(DOWN,)))
    assert e.judged(run).outcome == "UNKNOWN"


def test_the_judge_takes_the_limits_from_the_app() -> None:
    """20 a second, and a herd of 20."""
    assert outcomes(judged(stopped_under_load(), BacksOff(), faults=(DOWN,))) == ["PASS"]
    storm = [*stopped_under_load(), *tried(every(0.04, 2.5, 4.4))]
    assert outcomes(judged(storm, BacksOff(), faults=(DOWN,))) == ["FAIL"]


# --- a boot that the plan replaces ---


def replaced_at(at_s: float, events: list[AnyEvent]) -> list[AnyEvent]:
    """The same, with a second boot from then on."""
    first = without(events, of(RunEnded, Exited))
    return [*first, exited(at_s), spawned(at_s + 0.1, boot=2), exited(8.0, boot=2), ended(8.1)]


def test_the_next_boots_tries_are_not_counted_against_a_replaced_one() -> None:
    """The kernel counted 300 SYNs of the whole fault; who sent them nobody knows."""
    run = [*alone(), *packets(300, 0)]
    assert bounded(run, fault=REFUSED).outcome == "FAIL"
    verdict = bounded(replaced_at(3.8, run), fault=REFUSED)
    assert (verdict.outcome, "cannot be counted here" in why(verdict)) == ("UNKNOWN", True)


def test_a_herd_of_the_next_boot_is_none_of_a_replaced_one() -> None:
    """Replaced before the heal at 4.5 s; thirty connects came right after it."""
    run = [*stopped_under_load(), *tried(every(0.01, 5.1, 5.4))]
    assert bounded(run).outcome == "FAIL"
    verdict = bounded(replaced_at(3.8, run))
    assert (verdict.outcome, "boot 1 was stopped before the heal" in why(verdict)) == ("PASS", True)


def test_a_boot_replaced_soon_after_the_heal_is_held_to_its_own_herd() -> None:
    """Replaced at 5.3 s: what came until then counts, what came later does not."""
    mine, next_ones = tried(every(0.01, 5.0, 5.28)), tried(every(0.01, 5.5, 5.8))
    assert bounded(replaced_at(5.3, [*stopped_under_load(), *mine])).outcome == "FAIL"
    assert bounded(replaced_at(5.3, [*stopped_under_load(), *next_ones])).outcome == "PASS"
