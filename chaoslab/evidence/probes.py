"""An app's answers as a platform's prober counts them: hits and misses, by path. Pure.

A prober sends one request after the other, and acts after several misses in a row. The lab sends
its requests in the same way. In runs of older versions requests overlap. So a miss counts only if
it was sent after the miss before was over: one pause of the app is then counted once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.timeline import end_s, exited, run_ended, silence_s, spawned
from chaoslab.history.events import (
    Bound,
    FirstAnswer,
    HealthSample,
    ProberSample,
    SupervisorStops,
)
from chaoslab.history.journal import History
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan

MIN_SAMPLES = 3  # fewer answers do not show that the state lasts
GRACE_S = 0.1  # after a bound, until the sample that shows it is in the history
LATE_S = 0.02  # how much too early a sample may follow the one before: the lab is not exact
EXIT_SEEN_S = 0.5  # a miss so shortly before a recorded exit is caused by the exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request as a prober counts it. A prober waits no longer than its limit, until `over_s`.
    The lab itself waited `took_s` seconds, until `ended_s`.

    `heard`: an answer arrived within the limit. `good`: that answer was 2xx. `answer_s` is the time
    at which the answer arrived, in time or late; None without an answer.
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
    """The probes of one boot, without misses that the end of the boot caused.

    `answered_s` is the time of the first answer, `listened_s` the time at which the app began to
    listen (None: not observed). `before` are the probes that were over by `answered_s`, `after`
    those that were sent later. Misses count until `until_s`.
    """

    listened_s: float | None
    answered_s: float | None
    until_s: float
    before: tuple[Probe, ...]
    after: tuple[Probe, ...]

    def of(self, path: str) -> list[Probe]:
        """The probes of one path after the first answer."""
        return [p for p in self.after if p.path == path]


def watched(app: str, boot: int, contract: HealthContract, history: History) -> Watched:
    """The probes of one boot, without misses that the end of the boot caused, and the times of its
    first answer and of its listening.
    """
    begun, ended = spawned(history, app, boot), exited(history, app, boot)
    until_s = end_s(history)
    if run_ended(history) is None:  # a request that was still open may have had a good answer
        until_s -= contract.prober_timeout_s
    stopped = history.first_of_boot(SupervisorStops, app, boot)
    if stopped is not None:  # for its misses until then
        until_s = min(until_s, stopped.at_s)
    elif ended is not None:
        until_s = min(until_s, ended.at_s - (0.0 if ended.asked else EXIT_SEEN_S))
    bound = history.first_of_boot(Bound, app, boot)
    listened_s = bound.at_s if bound else (begun.at_s if begun and begun.standing else None)
    probes = probes_of(app, boot, contract, history)
    answers_s = [p.answer_s for p in probes if p.answer_s is not None]
    first = history.first_of_boot(FirstAnswer, app, boot)
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


def probes_of(app: str, boot: int, contract: HealthContract, history: History) -> list[Probe]:
    """Every recorded request of one boot to health, liveness and readiness, in the order in which
    they were sent.
    """
    return sorted(_probes(app, boot, contract, history), key=lambda p: p.at_s)


def _probes(app: str, boot: int, contract: HealthContract, history: History) -> Iterable[Probe]:
    for s in history.of_boot(HealthSample, app, boot):
        yield _probe("health", s, contract.prober_timeout_s)
    for p in history.of_boot(ProberSample, app, boot):
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
    """The first `failures` probes in a row that are all in `missed`, each sent after the one before
    was over. Empty if there are fewer.

    Every probe that was sent between two of them is a miss as well.
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
    """Text that says what the run still waits for: the boot, its first answer (at most `startup_s`
    seconds after the spawn), or a few answers after the first on the paths `asked_by`. None if it
    waits for nothing more.
    """
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    first = history.first_of_boot(FirstAnswer, e.app, e.boot)
    if first is None:
        late = now_s > begun.at_s + startup_s + GRACE_S
        return None if late else f"the first answer of {e.app}"
    cadence_s = max(plan.sampling.cadence_s, plan.sampling.prober_cadence_s)
    watched_s = (MIN_SAMPLES + 1) * cadence_s + plan.sampling.timeout_s
    few = any(_few(path, first, plan, history, now_s) for path in asked_by)
    done = now_s > first.at_s + watched_s and not few
    return None if done else f"the prober's answers of {e.app}"


def _few(path: str, first: FirstAnswer, plan: Plan, history: History, now_s: float) -> bool:
    """Whether the lab still sends requests on `path`, and has recorded fewer results after the
    first answer than are required.
    """
    health, who = path == "health", (first.app, first.boot)
    mine: list[HealthSample | ProberSample] = []
    mine += history.of_boot(HealthSample, *who) if health else ()
    mine += (s for s in history.of_boot(ProberSample, *who) if s.path == path)
    if not mine or sum(s.at_s >= first.at_s for s in mine) >= MIN_SAMPLES:
        return False
    sampling = plan.sampling
    each_s = sampling.cadence_s if health else sampling.prober_cadence_s
    longest_s = silence_s(Sampling(cadence_s=each_s)) + max(s.took_s for s in mine)
    return now_s - max(s.at_s + s.took_s for s in mine) <= longest_s
