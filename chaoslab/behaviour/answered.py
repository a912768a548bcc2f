"""Reads from the history how an app's paths and requests answered in a span of time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from chaoslab.behaviour.facts import Answers, Back, Role
from chaoslab.evidence.timeline import Span, life, samples
from chaoslab.history.events import Bound, FirstAnswer, HealthSample, ProberSample, Request, Spawned
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.model.topology import App

HANGS, REFUSES, BREAKS, WRONG = "hangs", "refuses", "breaks", "wrong content"
OK = "ok"
IN_A_ROW, FOR_S = 3, 1.0  # so many failed requests in a row, for so long, are no short race
AGAIN = 2  # so many good answers at the end of the watch show that a path is back


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to the app, sent at `at_s` and over at `over_s`, and the way in which it was
    answered. `good`: as in a steady state.
    """

    at_s: float
    over_s: float
    way: str
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All requests on one path, or of one name, in the order in which they were sent."""

    name: str
    role: Role
    asked: tuple[Asked, ...]

    def broken_by(self, span: Span) -> list[Asked]:
        """The requests that were open when the span began, were over in it, and were not answered
        as in a steady state.
        """
        return [
            a for a in self.asked if a.at_s < span.start_s <= a.over_s <= span.end_s and not a.good
        ]

    def within(self, span: Span) -> list[Asked]:
        """The requests whose result belongs to the span. One that was open at its end counts as a
        hang if it had waited as long as any other by then; else it is left out.
        """
        over = [a for a in self.asked if a.at_s >= span.start_s and a.over_s <= span.end_s]
        longest_s = max((a.over_s - a.at_s for a in over), default=1.0)
        return over + [
            Asked(at_s=a.at_s, over_s=span.end_s, way=HANGS, good=False)
            for a in self.asked
            if span.start_s <= a.at_s <= span.end_s - max(1.0, longest_s) and a.over_s > span.end_s
        ]


def series_of(app: App, history: History) -> tuple[Series, ...]:
    """The series of the app's paths and requests, over all of its boots. What was sent before a
    boot listened, or after it had ended, is left out: nothing could answer then.
    """
    contract = app.health
    paths = {"live": ("liveness", contract.live_path), "ready": ("readiness", contract.ready_path)}
    boots = [s.boot for s in history.of(Spawned) if s.app == app.name]
    alive = list(_listening(app.name, history))
    found = [_series(contract.path, "health", _health(app.name, boots, history), alive)]
    for which, (role, path) in paths.items():
        mine = [
            _probed(s) for s in history.of(ProberSample) if (s.app, s.path) == (app.name, which)
        ]
        found.append(_series(path or "", _ROLES[role], mine, alive))
    for name in app.requests:
        sent = (r for r in history.of(Request) if (r.app, r.request) == (app.name, name))
        mine = [_requested(r) for r in sent if r.purpose == "load"]
        found.append(_series(name, "request", mine, alive))
    return tuple(each for each in found if each.asked)


def answers_in(series: Series, span: Span) -> Answers | None:
    """How the series was answered in the span. None if nothing of it belongs to the span."""
    return _answers(series, series.within(span), span)


def answers_under(series: Series, shown: Span, around: Span, *, ran_before: bool) -> Answers | None:
    """How the series was answered under a fault, which the time `shown` shows. None if nothing of
    it belongs to the time of the fault.

    If all was good then, and something was not in the time `around`, while a service was being
    stopped or started, it is how the series was answered in that. The settled way stays that of
    `shown`: a policy says what the app does without the service. `ran_before`: the app ran before
    that time, so that a request that was open at its begin counts, if it failed.
    """
    under = answers_in(series, shown)
    broken = series.broken_by(around) if ran_before else []
    wide = _answers(series, broken + series.within(around), around)
    if under is None or wide is None or not under.all_good or wide.all_good:
        return under or wide
    after_s = wide.settled_after_s if wide.settled_good else 0.0
    return replace(wide, settled=under.settled, settled_good=True, settled_after_s=after_s)


def _answers(series: Series, asked: Sequence[Asked], span: Span) -> Answers | None:
    if not asked:
        return None
    runs = [(way, list(group)) for way, group in groupby(asked, key=lambda a: a.way)]
    way, last = runs[-1]
    took_s = sorted((a.over_s - a.at_s for a in asked), reverse=True)
    return Answers(
        name=series.name,
        role=series.role,
        ways=dict(Counter(a.way for a in asked)),
        settled=way,
        settled_good=last[-1].good,
        settled_after_s=max(0.0, last[0].at_s - span.start_s) if len(runs) > 1 else 0.0,
        turns=len(runs) - 1,
        good=sum(a.good for a in asked),
        slowest_s=took_s[0],
        good_at_end=sum(1 for _ in takewhile(lambda a: a.good, reversed(asked))),
        third_slowest_s=took_s[2] if len(took_s) > 2 else 0.0,
    )


def back_of(series: Series, under: Span, healed_s: float, until_s: float) -> Back | None:
    """How the series came back after the heal at `healed_s`. None if nothing was asked after it."""
    after = series.within(Span(start_s=healed_s, end_s=until_s))
    if not after:
        return None
    bad = [number for number, a in enumerate(after) if not a.good]
    if not bad and all(a.good for a in series.within(under)):
        return Back(name=series.name, role=series.role, after_s=0.0)
    good = after[bad[-1] + 1 :] if bad else after
    enough = len(good) >= min(AGAIN, len(after))
    after_s = max(0.0, good[0].over_s - healed_s) if good and enough else None
    return Back(name=series.name, role=series.role, after_s=after_s)


def reports_healthy(series: Sequence[Series], span: Span) -> bool:
    """Whether health was healthy in every answer while requests of one name failed, `IN_A_ROW` of
    them at least, for `FOR_S` seconds at least.
    """
    health = [a for each in series if each.role == "health" for a in each.within(span)]
    for each in series:
        if each.role != "request":
            continue
        for good, group in groupby(each.within(span), key=lambda a: a.good):
            failed = list(group)
            row = Span(start_s=failed[0].at_s, end_s=failed[-1].over_s)
            during = [a for a in health if row.start_s <= a.at_s and a.over_s <= row.end_s]
            long = row.end_s - row.start_s >= FOR_S and len(failed) >= IN_A_ROW
            if not good and long and len(during) >= IN_A_ROW and all(a.good for a in during):
                return True
    return False


_ROLES: dict[str, Role] = {"liveness": "liveness", "readiness": "readiness"}


def _series(name: str, role: Role, asked: Iterable[Asked], alive: Sequence[Span]) -> Series:
    mine = (a for a in asked if any(span.holds(a.at_s) for span in alive))
    return Series(name=name, role=role, asked=tuple(sorted(mine, key=lambda a: a.at_s)))


def _listening(app: str, history: History) -> Iterator[Span]:
    """The spans in which a boot of the app listened, until its process ended."""
    for begun in (s for s in history.of(Spawned) if s.app == app):
        lived = life(history, app, begun.boot)
        first = (
            history.first_of_boot(Bound, app, begun.boot),
            history.first_of_boot(FirstAnswer, app, begun.boot),
        )
        times = [event.at_s for event in first if event]
        if lived is not None and (times or begun.standing):
            yield Span(start_s=min(times, default=lived.start_s), end_s=lived.end_s)


def _health(app: str, boots: Iterable[int], history: History) -> list[Asked]:
    return [_sampled(s) for boot in boots for s in samples(history, app, boot)]


def _sampled(s: HealthSample) -> Asked:
    way = _no_answer(s.error) if s.status_code is None else f"{s.status_code} {s.state.value}"
    good = s.state is HealthState.HEALTHY
    return Asked(at_s=s.at_s, over_s=s.at_s + s.took_s, way=way, good=good)


def _probed(s: ProberSample) -> Asked:
    way = _no_answer(s.error) if s.status_code is None else str(s.status_code)
    good = s.status_code is not None and 200 <= s.status_code < 400
    return Asked(at_s=s.at_s, over_s=s.at_s + s.took_s, way=way, good=good)


def _requested(r: Request) -> Asked:
    if r.outcome == "ok":
        way = OK
    elif r.status_code is None:
        way = _no_answer(r.error)
    else:
        way = WRONG if r.outcome == "wrong" else str(r.status_code)
    return Asked(at_s=r.at_s, over_s=r.at_s + r.took_s, way=way, good=r.outcome == "ok")


def _no_answer(error: str | None) -> str:
    text = (error or "").lower()
    if "timeout" in text:
        return HANGS
    return REFUSES if "connecterror" in text or "refused" in text else BREAKS
