"""Retries: how often the app tries a link that is down, and how many come at once after. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.counted import packets_counted, syns_dropped
from chaoslab.evidence.questions import questions
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    fault_span,
    healthy_since,
    life,
    lived_alone,
    run_ended,
)
from chaoslab.evidence.traffic import app_connections, engine_tells, most_within, pauses
from chaoslab.evidence.writing import LOOKED_S
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    AppSockets,
    FaultHealed,
    FaultHealing,
    LinkConnection,
    LinkPackets,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Link, Topology
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown

LEAST_S = 1.0  # a fault that the app lived under for less than this shows no rate
HERD_WINDOW_S = 0.5
HERD_S = 3.0  # for so long after the heal a herd may come
HERD_CALM_S = 1.0  # or for so long after health was good again: then all have come back
FEW = 6  # fewer tries than this show neither back-off nor jitter
RARER = 0.7  # of the tries of the first half at most come in the second where pauses grow
ALIKE = 0.02  # pauses that differ by less than this fraction were not drawn by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class BacksOff(Expectation):
    """While a fault holds the app tries each of its links at most `connects_per_s` times a second,
    and in no half second after the heal are there more than `herd` connects. Tries that are no more
    than the lab's own questions in that time fail nothing. None takes both from the app's limits.
    """

    connects_per_s: float | None = None
    herd: int | None = None
    boot: int = 1
    kind: Literal["backs_off"] = "backs_off"

    counted: ClassVar[bool] = True

    @property
    def watches(self) -> frozenset[Watch]:
        return frozenset({"connects"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        if self.connects_per_s is not None and not self.connects_per_s > 0:
            yield needs.wrong(place, "connects_per_s", self.connects_per_s, "more than 0")
        yield from needs.least(place, 1, herd=self.herd)

    def resolved(self, app: App) -> Self:
        rate = app.limits.connects_per_s if self.connects_per_s is None else self.connects_per_s
        herd = app.limits.herd if self.herd is None else self.herd
        return replace(self, app=app.name, connects_per_s=rate, herd=herd)

    def judged(self, run: Run) -> Verdict:
        return backs_off(self, run.topology, run.plan, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        if exited(run.history, self.app, self.boot) is not None:
            return None
        heals = [h for h in run.history.of(FaultHealed) if h.fault in (self.rests_on or ())]
        over = max((herd_over_s(self, run.history, h.at_s) for h in heals), default=0.0)
        return f"a herd of {self.app}" if now_s <= over + LOOKED_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often the app tried a link while a fault held: `least` for certain, `most` at the most
    (None: nobody can say); `times_s` where each is known; `until_s` is when was looked last.
    """

    least: int
    most: int | None
    by: str
    times_s: tuple[float, ...] = ()
    until_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    outcome: Outcome
    because: tuple[str, ...]


def backs_off(e: BacksOff, topology: Topology, plan: Plan, history: History) -> Verdict:
    """At most so many tries a second on each link of each fault, and no herd after its heal.

    Tries that are no more than the lab's own questions in the same time may each be the answer to
    one: they are no storm.

    The tries are the proxy's records where each connect reaches it (the worst second counts), else
    the kernel's count of SYNs, else the app's own sockets, which show the least that there were.
    """
    claim = (
        f"{e.app} tries a link that is away at most {e.connects_per_s:g} times a second, and at "
        f"most {e.herd} times in any half second after the heal"
    )
    found = [
        each
        for fault in plan.faults
        if fault.label in (e.rests_on or ())
        for link in topology.links_of(fault.target)
        if link.app == e.app
        for each in (_while_it_holds(e, fault, link, history), _herd(e, fault, link, history))
    ]
    because = tuple(line for each in found for line in each.because)
    outcomes = {each.outcome for each in found}
    ended = run_ended(history)
    if ended is None:
        return unknown(e.kind, claim, "the run was cut short", *because)
    if Outcome.FAIL in outcomes:
        return failed(e.kind, claim, *because)
    if not found:
        return unknown(e.kind, claim, "no fault of the plan is on a link of the app")
    if Outcome.UNKNOWN in outcomes:
        return unknown(e.kind, claim, *because)
    if not ended.settled:
        return unknown(e.kind, claim, "the run was cut short", *because)
    return passed(e.kind, claim, *because)


def _while_it_holds(e: BacksOff, fault: Declared, link: Link, history: History) -> _Found:
    span, lived = fault_span(history, fault.label), life(history, e.app, e.boot)
    if lived is None:
        return _Found(outcome=Outcome.UNKNOWN, because=(f"boot {e.boot} was not spawned",))
    if span is None:
        return _Found(outcome=Outcome.UNKNOWN, because=(f"{fault.label} was not seen in force",))
    if history.first(FaultHealing, lambda h: h.fault == fault.label) is None:
        return _Found(outcome=Outcome.UNKNOWN, because=(f"{fault.label} was not healed",))
    met = Span(start_s=max(span.start_s, lived.start_s), end_s=min(span.end_s, lived.end_s))
    lasted_s = met.end_s - met.start_s
    if lasted_s < LEAST_S:
        why = f"{fault.label} held for only {max(0.0, lasted_s):.3f} s of the app's time"
        return _Found(outcome=Outcome.UNKNOWN, because=(f"{why}: too short for a rate",))
    tries, allowed = _tries(fault, link, met, history, e.boot), e.connects_per_s or 0.0
    rate = tries.least / lasted_s
    worst = most_within(list(tries.times_s), 1.0)
    said = f"{tries.least} connects in {lasted_s:.1f} s on {link.name} ({rate:.0f}/s"
    said += f", {worst} in the worst second" if tries.times_s else ""
    said += f", {allowed:g} are allowed), by {tries.by}"
    asked = questions(history, e.app, e.boot)
    in_a_second = asked.fewer_than_in(list(tries.times_s), 1.0, math.floor(allowed))
    if in_a_second or (rate > allowed and tries.least > asked.under_way(met)):
        return _Found(outcome=Outcome.FAIL, because=(said, *_manner(tries, met)))
    if max(rate, worst) > allowed:
        why = f"{said}; {_as_many(asked.under_way(met))}"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    if tries.most is None:
        why = f"at least {said}: connects that end at once cannot be counted here"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    if tries.most / lasted_s > allowed:
        why = f"between {tries.least} and {tries.most} {said.partition(' ')[2]}"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    return _Found(outcome=Outcome.PASS, because=(said, *_manner(tries, met)))


def _as_many(asked: int) -> str:
    """Why tries are no evidence against the app."""
    return (
        f"the lab itself asked {asked} times meanwhile (health, liveness, readiness), and each "
        "question may have caused a connect: they show no storm"
    )


def _tries(fault: Declared, link: Link, met: Span, history: History, boot: int) -> Tries:
    """The most exact count that the history has."""
    in_connect = fault.acts_on_connects
    if not in_connect and engine_tells(history, link.name, fault.label):
        told = app_connections(history, link.name, fault.label)
        times_s = tuple(c.opened_s for c in told if met.holds(c.opened_s))
        return Tries(
            least=len(times_s), most=len(times_s), by="the proxy's records", times_s=times_s
        )
    least = len(_seen_trying(link, met, history, boot))
    held = fault_span(history, fault.label)
    if held is None or not lived_alone(history, link.app, held):  # the kernel counts every boot's
        return Tries(least=least, most=None, by="the app's sockets")
    if (counted := packets_counted(link, fault, history)) is not None:
        if counted.syns_dropped:  # a SYN that got no answer is sent again: fewer connects
            return Tries(
                least=least, most=max(least, counted.syns), by="the kernel's count of SYNs"
            )
        return Tries(least=counted.syns, most=counted.syns, by="the kernel's count of SYNs")
    if (dropped := _dropped(fault, link, met, history)) is not None:
        by = "the app's sockets and the kernel's count of dropped SYNs"
        return Tries(least=least, most=max(least, dropped), by=by)
    return Tries(least=least, most=None, by="the app's sockets")


def _dropped(fault: Declared, link: Link, met: Span, history: History) -> int | None:
    if not fault.drops_every_connect:
        return None
    count = syns_dropped(link, fault, met, history)
    return count if count >= 0 else None


def _seen_trying(link: Link, met: Span, history: History, boot: int) -> dict[int, float]:
    """The local ports from which the app was seen to connect, or connected anew, in that time, and
    when each was seen first.
    """
    mine = [s for s in history.of(AppSockets) if (s.link, s.boot) == (link.name, boot)]
    before = [s for s in mine if s.at_s < met.start_s]
    known = {*before[-1].established, *before[-1].syn_sent} if before else set()
    seen: dict[int, float] = {}
    for look in (s for s in mine if met.holds(s.at_s)):
        for port in {*look.syn_sent, *look.established} - known:
            seen.setdefault(port, look.at_s)
    return seen


def _manner(tries: Tries, met: Span) -> Iterator[str]:
    """Whether the tries become rarer, and differ in their pauses: told, not judged.

    Halves of the time are compared, so that several who try side by side are seen through.
    """
    if len(tries.times_s) < FEW:
        return
    middle_s = (met.start_s + met.end_s) / 2
    early = sum(at_s < middle_s for at_s in tries.times_s)
    late = len(tries.times_s) - early
    grow = "grow" if late <= RARER * early else "do not grow"
    halves = f"{early} tries in the first half of that time, {late} in the second"
    yield f"the pauses between tries {grow}: {halves}"
    ends = pauses(list(tries.times_s))[-max(3, len(tries.times_s) // 3) :]
    if max(ends) - min(ends) <= ALIKE * max(ends):
        yield f"no jitter: the last {len(ends)} pauses are alike within 2 %"


def herd_over_s(e: BacksOff, history: History, healed_s: float) -> float:
    """Until when connects after a heal may be a herd."""
    since = healthy_since(history, e.app, e.boot, healed_s)
    latest_s = healed_s + HERD_S
    return min(latest_s, answered_s(since) + HERD_CALM_S) if since else latest_s


def _herd(e: BacksOff, fault: Declared, link: Link, history: History) -> _Found:
    healing = history.first(FaultHealing, lambda h: h.fault == fault.label)
    healed = history.first(FaultHealed, lambda h: h.fault == fault.label)
    if healing is None or healed is None:
        return _Found(outcome=Outcome.UNKNOWN, because=(f"{fault.label} was not healed",))
    lived, ended = life(history, e.app, e.boot), exited(history, e.app, e.boot)
    after = Span(start_s=healing.at_s, end_s=healed.at_s + HERD_S)
    over_s = herd_over_s(e, history, healed.at_s)
    if lived is not None and ended is not None and ended.asked:  # the next boot's are not its own
        if lived.end_s <= healing.at_s:
            why = f"boot {e.boot} was stopped before the heal: it made no herd"
            return _Found(outcome=Outcome.PASS, because=(why,))
        after, over_s = (
            replace(after, end_s=min(after.end_s, lived.end_s)),
            min(over_s, lived.end_s),
        )
    came, allowed = _came(fault, link, after, history, e.boot), e.herd or 0
    said = f"at most {came.least} connects in half a second after the heal on {link.name}"
    said += f" ({allowed} are allowed)"
    asked = questions(history, e.app, e.boot)
    if asked.fewer_than_in(list(came.times_s), HERD_WINDOW_S, allowed):
        return _Found(outcome=Outcome.FAIL, because=(f"a herd: {said}, by {came.by}",))
    if came.least > allowed:
        why = f"{said}; {_as_many(asked.under_way(after))}"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    if came.most is None or came.most > allowed:
        why = f"connects on {link.name} after the heal cannot be counted here"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    watched_s = max(0.0, came.until_s - healed.at_s)
    if came.until_s < over_s:
        why = f"{said}, and nobody looked later than {watched_s:.3f} s after it"
        return _Found(outcome=Outcome.UNKNOWN, because=(why,))
    return _Found(outcome=Outcome.PASS, because=(said,))


def _came(fault: Declared, link: Link, after: Span, history: History, boot: int) -> Tries:
    """How many connects there were in the fullest half second; `until_s` is the last look.

    Where a kernel counts and no proxy tells times, all that came since the heal are the most.
    """
    if engine_tells(history, link.name, ""):
        told = app_connections(history, link.name, "")
        times_s = [c.opened_s for c in told if after.holds(c.opened_s)]
        count = most_within(times_s, HERD_WINDOW_S)
        until_s = max(c.at_s for c in history.of(LinkConnection) if not c.fault)
        return Tries(
            least=count,
            most=count,
            by="the proxy's records",
            times_s=tuple(times_s),
            until_s=until_s,
        )
    seen_s = tuple(sorted(_seen_trying(link, after, history, boot).values()))
    least = most_within(list(seen_s), HERD_WINDOW_S)
    read = [p for p in history.of(LinkPackets) if p.link == link.name]
    before = [p for p in read if p.fault == fault.label]
    counted = bool(read and before and not read[-1].fault)
    if not counted or not lived_alone(history, link.app, replace(after, end_s=read[-1].at_s)):
        return Tries(least=least, most=None, by="the app's sockets", times_s=seen_s)
    most = max(least, read[-1].syns - before[-1].syns)
    until_s = read[-1].at_s
    return Tries(least=least, most=most, by="the app's sockets", times_s=seen_s, until_s=until_s)
