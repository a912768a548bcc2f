"""`backs_off`: the app limits how often it connects to a link that is down, and after the heal.
Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.connection_attempts import (
    HERD_WINDOW_S,
    SOURCES,
    Tries,
    connects_after,
    rate_of,
    retry_pattern,
    tries_of,
)
from chaoslab.evidence.questions import questions
from chaoslab.evidence.reasons import CUT_SHORT, NEVER_SPAWNED, NOT_HEALED, NOT_IN_FORCE
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    fault_span,
    healthy_since,
    life,
    run_ended,
)
from chaoslab.evidence.traffic import most_within
from chaoslab.evidence.writing import LOOKED_S
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import FaultHealed, FaultHealing
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

LEAST_S = 1.0  # the app must run under the fault for at least this long to show a rate
HERD_S = 3.0  # a herd may come up to this long after the heal,
HERD_CALM_S = 1.0  # or up to this long after health was healthy again, if that is earlier

NO_FAULT = Code(
    "retry.no_fault",
    "no fault that the claim rests on acts on a link of the app",
    "None of the faults that the claim rests on acts on a link of the app.",
)
SHORT = Code(
    "retry.short",
    "the app ran for only {lasted_s:.3f} s while {fault} was in force: too short for a rate",
    "The app did not run under the fault for long enough to show how often it connects.",
)
AS_MANY_AS_ASKED = Code(
    "retry.as_many_as_asked",
    "the lab itself asked {count} times meanwhile (health, liveness, readiness), and each question "
    "may have caused a connect: they do not show too many connects",
    "The lab asked as often as the app connected, so each connect may be caused by a question.",
)
NOT_COUNTED = Code(
    "retry.not_counted",
    "connects on {link} that end at once cannot be counted here",
    "Nothing on this runtime shows an upper bound of the connects; there may be more than allowed.",
)


def _herd_text(data: Mapping[str, Any]) -> str:
    most = f"at most {data['count']} connects in half a second after the heal on {data['link']}"
    bound = f"({data['allowed']} are allowed)"
    if data["herd"]:
        return f"a herd: {most} {bound}, by {SOURCES[data['source']]}"
    return f"{most} {bound}"


CONNECTS = Code(
    "herd.connects",
    _herd_text,
    "The most connects in any half second after the heal. `herd` is true if they are more than "
    "allowed, and more than the lab's own questions.",
    data=("link", "count", "allowed", "source", "herd"),
)
STOPPED_BEFORE = Code(
    "herd.stopped_before",
    "boot {boot} was stopped before the heal, so it made no connects after it",
    "The plan replaced the boot that the claim is about while the fault was in force.",
)
HERD_NOT_COUNTED = Code(
    "herd.not_counted",
    "connects on {link} after the heal cannot be counted here",
    "Nothing on this runtime shows an upper bound of the connects in half a second after the heal.",
)
NOT_WATCHED = Code(
    "herd.not_watched",
    "connects were counted only until {watched_s:.3f} s after the heal",
    "The last count was too early to exclude a herd.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacksOff(Expectation):
    """While a fault is in force the app makes at most `connects_per_s` connects a second on each
    link. After the heal it makes at most `herd` connects in any half second.

    If the lab itself asked the app as often in that time, the verdict is UNKNOWN, not FAIL. A field
    that is None takes its value from the app's limits.
    """

    connects_per_s: float | None = None
    herd: int | None = None
    boot: int = 1
    kind: Literal["backs_off"] = "backs_off"

    over_boots: ClassVar[bool] = True
    counted: ClassVar[bool] = True
    watches: ClassVar[frozenset[Watch]] = frozenset({"connects"})
    app_defaults: ClassVar[AppDefaults] = {
        "connects_per_s": lambda app: app.limits.connects_per_s,
        "herd": lambda app: app.limits.herd,
    }

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        if self.connects_per_s is not None and not self.connects_per_s > 0:
            yield wrong(place.where, "connects_per_s", self.connects_per_s, "more than 0")
        yield from needs.least(place, 1, herd=self.herd)

    def judged(self, run: Run) -> Verdict:
        """The verdict over each link of the app on which a fault of `rests_on` acts.

        It counts the connects under the fault, and right after its heal, as the module
        `evidence.connection_attempts` describes.
        """
        history = run.history
        claim = (
            f"{self.app} connects at most {self.connects_per_s:g} times a second to a link that is "
            f"down, and at most {self.herd} times in any half second after the heal"
        )
        found = [
            each
            for fault in run.plan.faults
            if fault.label in (self.rests_on or ())
            for link in run.topology.links_of(fault.target)
            if link.app == self.app
            for each in (
                _under_fault(self, fault, link, history),
                _herd(self, fault, link, history),
            )
        ]
        because = tuple(reason for each in found for reason in each.because)
        outcomes = {each.outcome for each in found}
        ended = run_ended(history)
        if ended is None:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        if Outcome.FAIL in outcomes:
            return failed(self.kind, claim, *because)
        if not found:
            return unknown(self.kind, claim, NO_FAULT())
        if Outcome.UNKNOWN in outcomes:
            return unknown(self.kind, claim, *because)
        if not ended.settled:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        return passed(self.kind, claim, *because)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        if exited(run.history, self.app, self.boot) is not None:
            return None
        heals = [h for h in run.history.of(FaultHealed) if h.fault in (self.rests_on or ())]
        over = max((_herd_over_s(self, run.history, h.at_s) for h in heals), default=0.0)
        return f"connects of {self.app} after the heal" if now_s <= over + LOOKED_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    outcome: Outcome
    because: tuple[Reason, ...]


def _unknown(*because: Reason) -> _Found:
    return _Found(outcome=Outcome.UNKNOWN, because=because)


def _under_fault(e: BacksOff, fault: Declared, link: Link, history: History) -> _Found:
    """PASS, UNKNOWN or FAIL for the connects on `link` while `fault` was in force, with reasons."""
    span, lived = fault_span(history, fault.label), life(history, e.app, e.boot)
    if lived is None:
        return _unknown(NEVER_SPAWNED(app=e.app, boot=e.boot))
    if span is None:
        return _unknown(NOT_IN_FORCE(fault=fault.label))
    if history.first(FaultHealing, lambda h: h.fault == fault.label) is None:
        return _unknown(NOT_HEALED(fault=fault.label))
    held = Span(start_s=max(span.start_s, lived.start_s), end_s=min(span.end_s, lived.end_s))
    lasted_s = held.end_s - held.start_s
    if lasted_s < LEAST_S:
        return _unknown(SHORT(fault=fault.label, lasted_s=max(0.0, lasted_s)))
    return _judged(e, tries_of(fault, link, held, history, e.boot), link, held, history)


def _judged(e: BacksOff, tries: Tries, link: Link, held: Span, history: History) -> _Found:
    """PASS, UNKNOWN or FAIL for the connects `tries` that were counted on `link` in the time
    `held`, with reasons.
    """
    allowed, lasted_s = e.connects_per_s or 0.0, held.end_s - held.start_s
    rate, worst = tries.least / lasted_s, most_within(list(tries.times_s), 1.0)
    seen = rate_of(tries, link, lasted_s, allowed)
    asked = questions(history, e.app, e.boot)
    in_a_second = asked.fewer_than_in(list(tries.times_s), 1.0, math.floor(allowed))
    if in_a_second or (rate > allowed and tries.least > asked.under_way(held)):
        return _Found(outcome=Outcome.FAIL, because=(seen, *retry_pattern(tries, held)))
    if max(rate, worst) > allowed:
        return _unknown(seen, AS_MANY_AS_ASKED(count=asked.under_way(held)))
    if tries.most is None:
        return _unknown(seen, NOT_COUNTED(link=link.name))
    if tries.most / lasted_s > allowed:
        return _unknown(seen)
    return _Found(outcome=Outcome.PASS, because=(seen, *retry_pattern(tries, held)))


def _herd_over_s(e: BacksOff, history: History, healed_s: float) -> float:
    """The time until which connects after the heal may be a herd: 3 s after the heal, or 1 s after
    health is healthy again if that is earlier.
    """
    since = healthy_since(history, e.app, e.boot, healed_s)
    latest_s = healed_s + HERD_S
    return min(latest_s, answered_s(since) + HERD_CALM_S) if since else latest_s


def _herd(e: BacksOff, fault: Declared, link: Link, history: History) -> _Found:
    """PASS, UNKNOWN or FAIL for the connects on `link` after the heal of `fault`, with reasons."""
    healing = history.first(FaultHealing, lambda h: h.fault == fault.label)
    healed = history.first(FaultHealed, lambda h: h.fault == fault.label)
    if healing is None or healed is None:
        return _unknown(NOT_HEALED(fault=fault.label))
    lived, ended = life(history, e.app, e.boot), exited(history, e.app, e.boot)
    after = Span(start_s=healing.at_s, end_s=healed.at_s + HERD_S)
    over_s = _herd_over_s(e, history, healed.at_s)
    if lived is not None and ended is not None and ended.asked:  # later ones are the next boot's
        if lived.end_s <= healing.at_s:
            return _Found(outcome=Outcome.PASS, because=(STOPPED_BEFORE(boot=e.boot),))
        after = replace(after, end_s=min(after.end_s, lived.end_s))
        over_s = min(over_s, lived.end_s)
    came, allowed = connects_after(fault, link, after, history, e.boot), e.herd or 0
    asked = questions(history, e.app, e.boot)
    herd = bool(asked.fewer_than_in(list(came.times_s), HERD_WINDOW_S, allowed))
    seen = CONNECTS(
        link=link.name, count=came.least, allowed=allowed, source=came.source, herd=herd
    )
    if herd:
        return _Found(outcome=Outcome.FAIL, because=(seen,))
    if came.least > allowed:
        return _unknown(seen, AS_MANY_AS_ASKED(count=asked.under_way(after)))
    if came.most is None or came.most > allowed:
        return _unknown(HERD_NOT_COUNTED(link=link.name))
    if came.until_s < over_s:
        return _unknown(seen, NOT_WATCHED(watched_s=max(0.0, came.until_s - healed.at_s)))
    return _Found(outcome=Outcome.PASS, because=(seen,))
