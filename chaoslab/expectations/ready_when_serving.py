"""Readiness is true: it says ready while users are served, and only then. Pure.

What users get is known from their writes alone; what lies between two of them is not judged. Every
comparison leaves out what was under way: a word of readiness counts against a row of writes only
when it was asked for after the row had shown itself, and given before the row's last was sent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    end_s,
    exited,
    gap,
    last_healed_s,
    life,
    run_ended,
    silence_s,
    spawned,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultHealing,
    FirstAnswer,
    HealthSample,
    ProberSample,
    StartupComplete,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown

MIN_IN_A_ROW = 3  # fewer writes, or fewer words of readiness, show no state
AHEAD_S = 0.5  # readiness may turn so much before the first write that is served again: pools fill
NOTICED_S = 2.0  # what the lab takes at most to see a start-up complete: two answers of 1 s
LATE_S = 0.5  # by how much the lab may be late to write down what was over


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyWhenServing(Expectation):
    """Readiness is true: not 2xx before start-up is complete, nor while users' writes are refused;
    2xx again once they are served. It may be wrong for `within_s` after each change.
    """

    within_s: float | None = None
    boot: int = 1
    kind: Literal["ready_when_serving"] = "ready_when_serving"

    @property
    def watches(self) -> frozenset[Watch]:
        return frozenset({"readiness"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_path(place, self, "ready_path")
        yield from needs.a_load(place, self)

    @property
    def needs_writes(self) -> bool:
        return True

    def resolved(self, app: App) -> Self:
        within_s = app.deadlines.degraded_s if self.within_s is None else self.within_s
        return replace(self, app=app.name, within_s=within_s)

    def given(self, run: Run) -> Iterator[Given]:
        if (healed_s := last_healed_s(run.history)) is not None:
            yield Given(span=Span(start_s=healed_s, end_s=healed_s + (self.within_s or 0.0)))

    def judged(self, run: Run) -> Verdict:
        return ready_when_serving(self, run.plan, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return readiness_under_way(
            self, run.plan, run.history, now_s, run.app(self.app).deadlines.startup_s
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Users' writes in a row, by the time they were sent, that were all served or all not.

    It has shown itself by `shown_s`; the last of it was sent at `last_s`.
    """

    served: bool
    writes: tuple[Write, ...]
    shown_s: float
    last_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One answer of readiness, asked for at `at_s`, there at `over_s`; None without an answer."""

    at_s: float
    over_s: float
    code: int | None

    @property
    def ready(self) -> bool:
        """2xx."""
        return self.code is not None and 200 <= self.code < 300


def ready_when_serving(e: ReadyWhenServing, plan: Plan, history: History) -> Verdict:
    """Not ready before start-up is complete, nor while writes are refused; ready once served."""
    within_s = e.within_s or 0.0
    claim = f"{e.app} says ready while it serves and only then, but for {within_s} s"
    known_s = _known_s(plan, history)
    words, rows = _words(e, history, known_s), _rows(e, history, known_s)
    if early := _early(e, words, plan, history):
        return failed(e.kind, claim, early)
    heals_s = [h.at_s for h in history.of(FaultHealing) if h.fault in (e.rests_on or ())]
    if lie := next(_lies(rows, words, within_s, heals_s), ""):
        return failed(e.kind, claim, lie)
    if why := _unjudged(e, plan, words, rows, history):
        return unknown(e.kind, claim, why)
    return passed(e.kind, claim, *map(_agreed, rows, [words] * len(rows)))


def _known_s(plan: Plan, history: History) -> float:
    """Until when nothing that was sent is still under way, and missing in a history cut short."""
    if run_ended(history) is not None:
        return end_s(history)
    slowest_s = max((load.timeout_s for load in plan.load), default=plan.sampling.timeout_s)
    return end_s(history) - slowest_s - LATE_S


def _words(e: ReadyWhenServing, history: History, known_s: float) -> list[Word]:
    """In the order in which they were asked for."""
    ended = exited(history, e.app, e.boot)
    gone_s = ended.at_s if ended else math.inf
    mine = (
        Word(at_s=p.at_s, over_s=p.at_s + p.took_s, code=p.status_code)
        for p in history.of(ProberSample)
        if (p.app, p.boot, p.path) == (e.app, e.boot, "ready") and p.at_s <= known_s
    )
    return sorted((w for w in mine if w.over_s <= gone_s or w.code), key=lambda w: w.at_s)


def _rows(e: ReadyWhenServing, history: History, known_s: float) -> list[Row]:
    lived = life(history, e.app, e.boot)
    if lived is None:
        return []
    writes = sorted(
        (
            w
            for w in history.of(Write)
            if w.app == e.app and w.purpose == "load" and lived.holds(w.at_s) and w.at_s <= known_s
        ),
        key=lambda w: w.at_s,
    )
    groups = [(ok, tuple(g)) for ok, g in groupby(writes, key=lambda w: w.outcome == "ok")]
    rows, before_s = [], 0.0
    for served, group in groups:
        overs_s = [w.at_s + w.took_s for w in group]
        shown_s = max(before_s, min(overs_s))  # what was sent before may be served, or fail, later
        rows.append(Row(served=served, writes=group, shown_s=shown_s, last_s=group[-1].at_s))
        before_s = max(before_s, *overs_s) if served else before_s
    return [row for row in rows if len(row.writes) >= MIN_IN_A_ROW]


def _during(row: Row, words: list[Word], within_s: float = 0.0) -> list[Word]:
    """The words that can only have been about this row, from `within_s` after it showed."""
    return [w for w in words if w.at_s >= row.shown_s + within_s and w.over_s <= row.last_s]


def _ahead_s(row: Row, heals_s: list[float]) -> float:
    """From when readiness may say yes to what comes next: a little before it, after the heal."""
    if row.served:
        return row.last_s
    healed_s = [h_s for h_s in heals_s if row.shown_s < h_s <= row.last_s]
    return max(row.last_s - AHEAD_S, *healed_s) if healed_s else row.last_s - AHEAD_S


def _early(e: ReadyWhenServing, words: list[Word], plan: Plan, history: History) -> str:
    """Ready, although health, asked after that, was still none of a complete start-up."""
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    ready = [w for w in words if w.ready and (complete is None or w.over_s < complete.at_s)]
    if not ready:
        return ""
    first = ready[0]
    noticed_s = (
        NOTICED_S + plan.sampling.fast_s
    )  # which an app that is to be asked seldom makes long
    if complete is not None and first.over_s < complete.at_s - noticed_s:
        return f"ready {complete.at_s - first.over_s:.3f} s before start-up was complete"
    before_s = complete.at_s if complete else end_s(history)
    denied = next((s for s in _denials(e, history, before_s) if s.at_s >= first.over_s), None)
    if denied is None:
        return ""
    told = "ready although start-up was never complete"
    if complete is not None:
        told = f"ready {complete.at_s - first.over_s:.3f} s before start-up was complete"
    said = f"health said {denied.status_code} {denied.word} at {answered_s(denied):.3f} s"
    return f"{told}: {said}, after readiness had said {first.code} at {first.over_s:.3f} s"


def _denials(e: ReadyWhenServing, history: History, before_s: float) -> Iterator[HealthSample]:
    for s in history.of(HealthSample):
        mine = (s.app, s.boot) == (e.app, e.boot) and s.status_code is not None
        if mine and s.state not in SERVING and s.at_s < before_s:
            yield s


def _lies(
    rows: list[Row], words: list[Word], within_s: float, heals_s: list[float]
) -> Iterator[str]:
    """What readiness still said of a row of writes that had lasted longer than the bound."""
    for row in rows:
        until_s = _ahead_s(row, heals_s)
        late = [w for w in _during(row, words, within_s) if w.over_s <= until_s]
        wrong = [w for w in late if w.ready is not row.served and w.code is not None]
        if len(wrong) < MIN_IN_A_ROW:
            continue
        said = "ready" if wrong[0].ready else "not ready"
        yield (
            f"said {said} {len(wrong)} times from {wrong[0].at_s:.3f} to {wrong[-1].over_s:.3f} s "
            f"while {len(row.writes)} writes in a row were {_fate(row)}"
        )


def _fate(row: Row) -> str:
    """What became of a row's writes, with the words of one that was not served."""
    if row.served:
        return "served"
    w = next((w for w in row.writes if w.said or w.error), row.writes[0])
    said = w.said or w.error or ""
    if _is_mute(w):
        return f"{_unserved(row)} ({said or 'no answer'})"
    return f"{_unserved(row)} ({w.status_code or 'no answer'}{': ' + said if said else ''})"


def _unserved(row: Row) -> str:
    """A write that hangs is not refused: nobody said no."""
    mute = sum(map(_is_mute, row.writes))
    if mute == len(row.writes):
        return "without an answer"
    return "refused or without an answer" if mute else "refused"


def _is_mute(write: Write) -> bool:
    return write.outcome == "indeterminate" and write.status_code is None


def _lasted_s(row: Row) -> float:
    """From the first of its writes to the end of the last: never below zero."""
    return row.writes[-1].at_s + row.writes[-1].took_s - row.writes[0].at_s


def _unjudged(
    e: ReadyWhenServing, plan: Plan, words: list[Word], rows: list[Row], history: History
) -> str:
    """Why readiness cannot be said to have been true all the time; empty where it can."""
    ended, end = exited(history, e.app, e.boot), run_ended(history)
    if len(words) < MIN_IN_A_ROW:
        return f"readiness was asked {len(words)} times"
    if not rows:
        return f"there are no {MIN_IN_A_ROW} writes in a row that tell whether it serves"
    if ended is not None and not ended.asked:
        return f"the process exited with {ended.exit_code} at {ended.at_s:.3f} s"
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (e.app, e.boot))
    begun_s = [first.at_s] if first and first.at_s < words[0].at_s else []
    asked = [Span(start_s=w.at_s, end_s=w.over_s) for w in words]
    asked += [Span(start_s=s, end_s=s) for s in (*begun_s, rows[-1].last_s)]
    longest_s = silence_s(plan.sampling) + 3 * plan.sampling.prober_cadence_s
    if pause := gap(sorted(asked, key=lambda span: span.start_s), longest_s):
        return f"nobody asked for readiness from {pause.start_s:.3f} to {pause.end_s:.3f} s"
    refused = [row for row in rows if not row.served]
    if refused and not any(_turned(row, words) for row in refused):
        longest = max(refused, key=_lasted_s)
        lasted = f"{_unserved(longest)} for {_lasted_s(longest):.3f} s"
        return f"writes were {lasted}, and readiness was not seen to say no"
    at_last = _is_ready if rows[-1].served else _turned
    if not at_last(rows[-1], words):
        return "at the end readiness was not seen to agree with what users got"
    return "" if end is not None and end.settled else "the run was cut short"


def _turned(row: Row, words: list[Word]) -> bool:
    """Whether readiness said no while these writes were refused: no answer says neither."""
    said = [w for w in _during(row, words) if w.code is not None]
    return sum(not w.ready for w in said) >= MIN_IN_A_ROW


def _is_ready(row: Row, words: list[Word]) -> bool:
    """Whether the newest answers of readiness, asked for since this row showed, all say ready.

    How long it takes over them is another verdict's.
    """
    newest = [w for w in words if w.at_s >= row.shown_s and w.code is not None][-MIN_IN_A_ROW:]
    return len(newest) == MIN_IN_A_ROW and all(w.ready for w in newest)


def _agreed(row: Row, words: list[Word]) -> str:
    seen = [w for w in _during(row, words) if w.code is not None]
    ready = sum(w.ready for w in seen)
    return (
        f"{len(row.writes)} writes from {row.writes[0].at_s:.3f} to {row.last_s:.3f} s were "
        f"{_fate(row)}: said ready {ready} of {len(seen)} times"
    )


def readiness_under_way(
    e: ReadyWhenServing, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait until it serves, says so, and both are seen; or has had the time of a start for it."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    since_s = max(begun.at_s, last_healed_s(history) or 0.0)
    within_s = e.within_s or 0.0
    if now_s > since_s + startup_s + within_s + LATE_S:
        return None
    rows, words = _rows(e, history, now_s), _words(e, history, now_s)
    if rows and rows[-1].served and rows[-1].last_s >= since_s:
        longest_s = within_s + plan.sampling.prober_cadence_s * (MIN_IN_A_ROW + 1)
        if _is_ready(rows[-1], words) or rows[-1].last_s - rows[-1].shown_s > longest_s:
            return None
    return f"{e.app} to serve again, and to say that it is ready"
