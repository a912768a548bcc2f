"""A platform's prober: liveness answered well, health and readiness answered in time. Pure.

A prober asks one question after the other and acts after so many misses in a row. So does the lab,
and in runs saved earlier its questions overlap: so that one pause is not counted many times, a miss
counts only when it was sent after the one before was over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import end_s, exited, run_ended, silence_s, spawned
from chaoslab.history.events import Bound, FirstAnswer, HealthSample, ProberSample
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan

MIN_SAMPLES = 3  # fewer answers than this do not show that it stays so
GRACE_S = 0.1  # after a bound has passed, so that the sample that shows it is in the history
LATE_S = 0.02  # how much too early a sample may follow the one before: the lab's own unevenness
EXIT_SEEN_S = 0.5  # what an app did not answer just before its end was noted is its end's doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request as a prober sees it, which waits no longer than its limit: over at `over_s`,
    though the lab waited for `took_s`, until `ended_s`.

    `heard` is any answer within the limit, `good` one of 2xx; `answer_s` is when any came, if late.
    """

    path: str
    at_s: float
    over_s: float
    took_s: float
    heard: bool
    good: bool
    status_code: int | None
    error: str | None

    @property
    def ended_s(self) -> float:
        return self.at_s + self.took_s

    @property
    def answer_s(self) -> float | None:
        return None if self.status_code is None else self.ended_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Every probe of one boot by path, from its first answer on, as far as a miss is its own."""

    listened_s: float | None
    answered_s: float | None
    until_s: float
    before: tuple[Probe, ...]
    after: tuple[Probe, ...]

    def of(self, path: str) -> list[Probe]:
        """The probes of one path since the first answer."""
        return [p for p in self.after if p.path == path]


def watched(app: str, boot: int, contract: HealthContract, history: History) -> Watched:
    """What was asked of one boot, and the misses that are its own: not those of its end."""
    begun, ended = spawned(history, app, boot), exited(history, app, boot)
    until_s = end_s(history)
    if run_ended(history) is None:  # what is still under way may have been a good answer
        until_s -= contract.prober_timeout_s
    if ended is not None:
        until_s = min(until_s, ended.at_s - (0.0 if ended.asked else EXIT_SEEN_S))
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (app, boot))
    listened_s = bound.at_s if bound else (begun.at_s if begun and begun.standing else None)
    probes = sorted(_probes(app, boot, contract, history), key=lambda p: p.at_s)
    answers_s = [p.answer_s for p in probes if p.answer_s is not None]
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (app, boot))
    answered_s = min([*answers_s, first.at_s] if first else answers_s, default=None)
    own = [p for p in probes if p.heard or p.over_s < until_s]
    turn_s = until_s if answered_s is None else answered_s
    return Watched(
        listened_s=listened_s,
        answered_s=answered_s,
        until_s=until_s,
        before=tuple(p for p in own if p.over_s <= turn_s),
        after=tuple(p for p in own if answered_s is not None and p.at_s >= answered_s),
    )


def _probes(app: str, boot: int, contract: HealthContract, history: History) -> Iterable[Probe]:
    for s in history.of(HealthSample):
        if (s.app, s.boot) == (app, boot):
            yield _probe("health", s, contract.prober_timeout_s)
    for p in history.of(ProberSample):
        if (p.app, p.boot) == (app, boot):
            path = "liveness" if p.path == "live" else "readiness"
            yield _probe(path, p, contract.prober_timeout_s)


def _probe(path: str, sample: HealthSample | ProberSample, limit_s: float) -> Probe:
    code = sample.status_code
    heard = code is not None and sample.took_s <= limit_s
    return Probe(
        path=path,
        at_s=sample.at_s,
        over_s=sample.at_s + min(sample.took_s, limit_s),
        took_s=sample.took_s,
        heard=heard,
        good=heard and code is not None and 200 <= code < 300,
        status_code=code,
        error=sample.error,
    )


def in_a_row(missed: Iterable[Probe], probes: Iterable[Probe], failures: int) -> list[Probe]:
    """The first `failures` misses of a prober that asks one after the other; empty without.

    No probe sent between two of them was any better.
    """
    bad, row = set(map(id, missed)), list[Probe]()
    for probe in probes:
        if id(probe) not in bad:
            row = []
        elif not row or probe.at_s >= row[-1].over_s - LATE_S:
            row.append(probe)
        if len(row) == failures:
            return row
    return []


def watch_under_way(
    e: OfBoot,
    asked_by: tuple[str, ...],
    plan: Plan,
    history: History,
    now_s: float,
    *,
    startup_s: float,
) -> str | None:
    """Wait for a few answers after the first, or until start-up's time is up without one."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (e.app, e.boot))
    if first is None:
        late = now_s > begun.at_s + startup_s + GRACE_S
        return None if late else f"the first answer of {e.app}"
    cadence_s = max(plan.sampling.cadence_s, plan.sampling.prober_cadence_s)
    watched_s = (MIN_SAMPLES + 1) * cadence_s + plan.sampling.timeout_s
    few = any(_few(path, first, plan, history, now_s) for path in asked_by)
    done = now_s > first.at_s + watched_s and not few
    return None if done else f"the prober's answers of {e.app}"


def _few(path: str, first: FirstAnswer, plan: Plan, history: History, now_s: float) -> bool:
    """Whether a path that somebody asks has not yet had the fewest answers that count."""
    who, health = (first.app, first.boot), path == "health"
    mine: list[HealthSample | ProberSample] = [
        s for s in history.of(HealthSample) if health and (s.app, s.boot) == who
    ]
    mine += [s for s in history.of(ProberSample) if (s.app, s.boot, s.path) == (*who, path)]
    if not mine or sum(s.at_s >= first.at_s for s in mine) >= MIN_SAMPLES:
        return False
    sampling = plan.sampling
    each_s = sampling.cadence_s if health else sampling.prober_cadence_s
    longest_s = silence_s(Sampling(cadence_s=each_s)) + max(s.took_s for s in mine)
    return now_s - max(s.at_s + s.took_s for s in mine) <= longest_s
