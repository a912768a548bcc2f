"""What an app cost before a fault, while it was in force, and after its heal. Pure.

A rate is the number between two readings of a count, divided by the longest time that may lie
between them. So it is never put too high, however late the lab read.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from chaoslab.evidence.timeline import Span, end_s, faults_begun_s, watched_until_s
from chaoslab.evidence.traffic import first_fault_s, well_s
from chaoslab.history.events import (
    AppUsage,
    FaultHealing,
    LinkTraffic,
    QuestionsAsked,
    ServerCommands,
)
from chaoslab.history.journal import History

Phase = Literal["during", "after"]
BASELINE_S = 1.0  # the app must run well for at least this long before the first fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A number that was read at some time from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The highest value in each phase. None if nothing was measured there."""

    baseline: float | None
    during: float | None
    after: float | None

    def of(self, phase: Phase) -> float | None:
        """The highest value in that phase."""
        return self.during if phase == "during" else self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """The times that costs are compared over.

    `baseline` is from the app's first healthy or ready answer to the first fault of the run, None
    if there was no such answer by then. `during` are the times in which a fault was injected,
    `begun_s` is when the first one began. Everything later, until `until_s`, is after the heal.
    """

    baseline: Span | None
    during: tuple[Span, ...]
    begun_s: float
    until_s: float

    def at(self, at_s: float) -> Phase | None:
        """The phase at the time `at_s`; None if it is neither."""
        if not self.begun_s <= at_s <= self.until_s:
            return None
        return "during" if any(span.holds(at_s) for span in self.during) else "after"

    def healed_by(self, at_s: float) -> float:
        """The time of the last heal up to `at_s`. Minus infinity if there was none."""
        return max((s.end_s for s in self.during if s.end_s <= at_s), default=-math.inf)

    @property
    def baseline_s(self) -> float:
        """How long the baseline is, in seconds."""
        return 0.0 if self.baseline is None else self.baseline.end_s - self.baseline.start_s


def phases(history: History, app: str, boot: int, faults: Collection[str]) -> Phases:
    """The phases of the boot for the faults with these labels. They end when another fault begins
    after these.
    """
    begun = faults_begun_s(history)
    mine = {label: at_s for label, at_s in begun.items() if label in faults}
    first_s = min(mine.values(), default=math.inf)
    others = (at_s for label, at_s in begun.items() if label not in mine and at_s > first_s)
    since_s, until_s = well_s(history, app, boot), first_fault_s(history)
    has_baseline = since_s is not None and since_s < until_s
    healing = {h.fault: h.at_s for h in history.of(FaultHealing)}
    return Phases(
        baseline=Span(start_s=since_s or 0.0, end_s=until_s) if has_baseline else None,
        during=tuple(
            Span(start_s=at_s, end_s=healing.get(label, end_s(history)))
            for label, at_s in mine.items()
        ),
        begun_s=first_s,
        until_s=min([_watched_until_s(history, app, boot), *others]),
    )


def _watched_until_s(history: History, app: str, boot: int) -> float:
    """The time until which the app was watched. What the lab does at the end of the run, such as
    looking up writes, is not counted as a cost of the app.
    """
    stopped = history.last_of_boot(QuestionsAsked, app, boot)
    until_s = watched_until_s(history, app, boot)
    return min(until_s, stopped.at_s) if stopped else until_s


def highest_rates(
    readings: Sequence[Reading], over: Phases, window_s: float, late_s: float = 0.0
) -> Peaks:
    """The highest number per second of a count in each phase, over any time of `window_s` seconds
    or more between two readings. Such a time belongs to the phase in which it ends. After a heal it
    begins with the last reading before the heal, or later.

    A shorter baseline is one such time as a whole. The count may be up to `late_s` seconds late.
    """
    base = over.baseline
    if base is None:
        return Peaks(baseline=None, during=None, after=None)
    mine = [r for r in readings if base.start_s <= r.start_s and r.end_s <= over.until_s]
    calm = [r for r in mine if r.end_s <= base.end_s]
    whole_s = calm[-1].start_s - calm[0].end_s if calm else 0.0
    rates = [window.rate for window in _windows(calm, min(window_s, whole_s), late_s)]
    found: dict[Phase, float] = {}
    for window in _windows(mine, window_s, late_s):
        phase = over.at(window.end_s)
        if phase == "during" or (phase and window.next_s > over.healed_by(window.end_s)):
            found[phase] = max(window.rate, found.get(phase, 0.0))
    return Peaks(
        baseline=max(rates, default=None), during=found.get("during"), after=found.get("after")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """The time between two readings. `next_s` is when the reading after the first one was taken."""

    next_s: float
    end_s: float
    rate: float


def _windows(readings: Sequence[Reading], window_s: float, late_s: float) -> Iterator[_Window]:
    """Yields the shortest time of `window_s` seconds or more up to each reading."""
    ends = [reading.end_s for reading in readings]
    for last in readings:
        before = bisect_right(ends, last.start_s - window_s) - 1
        if before >= 0 and (first := readings[before]) is not last:
            longest_s = last.end_s - first.start_s + late_s
            if longest_s > 0:
                rate = (last.value - first.value) / longest_s
                yield _Window(next_s=ends[before + 1], end_s=last.end_s, rate=rate)


def highest_levels(readings: Sequence[Reading], over: Phases) -> Peaks:
    """The highest level in each phase that two readings in a row reached. A shorter peak is left
    out: for a moment a process that forks has its memory twice.
    """
    base, found = over.baseline, dict[Phase | None, float]()
    baseline: float | None = None
    for first, last in pairwise(readings):
        level = min(first.value, last.value)
        if base is not None and base.holds(first.start_s) and base.holds(last.end_s):
            baseline = max(level, baseline or 0.0)
        if (phase := over.at(first.start_s)) is not None and over.at(last.end_s) == phase:
            found[phase] = max(level, found.get(phase, 0.0))
    return Peaks(baseline=baseline, during=found.get("during"), after=found.get("after"))


def usage(history: History, app: str, boot: int) -> list[AppUsage]:
    """What the boot used, in the order in which it was read."""
    return [*history.of_boot(AppUsage, app, boot)]


def of_usage(read: Sequence[AppUsage], field: str) -> list[Reading]:
    """The readings of one field of what a boot used."""
    return [Reading(start_s=u.at_s, end_s=u.at_s + u.took_s, value=getattr(u, field)) for u in read]


def sent_on(history: History, link: str) -> list[Reading]:
    """The readings of the bytes that the app sent on a link."""
    return [
        Reading(start_s=t.at_s, end_s=t.at_s + t.took_s, value=t.bytes_upstream)
        for t in history.of(LinkTraffic)
        if t.link == link
    ]


def commands_of(history: History, service: str) -> tuple[list[Reading], float]:
    """The readings of the commands that a server carried out, and how late it may count them. A
    server that starts again may count from 0: then at least the new count came in between.
    """
    total, last, late_s = 0, 0, 0.0
    found = []
    for look in history.of(ServerCommands):
        if look.service != service or look.count is None:
            continue
        total += look.count - last if look.count >= last else look.count
        last, late_s = look.count, look.late_s
        found.append(Reading(start_s=look.at_s, end_s=look.at_s + look.took_s, value=total))
    return found, late_s
