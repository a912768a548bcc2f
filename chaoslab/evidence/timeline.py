"""Times, spans and events that several claims need from a history. Pure. All times are in seconds
since the lab's start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaoslab.evidence.claim import OfBoot
from chaoslab.evidence.reasons import NOT_ASKED_AT_BOUND, NOT_ASKED_UNTIL_BOUND
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    HealthSample,
    RunEnded,
    Spawned,
    StartupComplete,
    StopRequested,
)
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.reason import Reason

HEARD_S = 0.5  # an answer this shortly before a bound counts as one at the bound
SERVING = frozenset({HealthState.HEALTHY, HealthState.DEGRADED})  # the states of an app that is up


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of time from `start_s` to `end_s`, in seconds since the lab's start."""

    start_s: float
    end_s: float

    def holds(self, at_s: float) -> bool:
        """Whether the time `at_s` is in the span."""
        return self.start_s <= at_s <= self.end_s


def end_s(history: History) -> float:
    """The time at which the history ends: the run's end, else the last event; 0 if the history is
    empty.
    """
    ended = run_ended(history)
    return ended.at_s if ended else max((e.at_s for e in history.events), default=0.0)


def run_ended(history: History) -> RunEnded | None:
    """The event of the run's end. None if the history has none: the run was killed, or has not
    ended.
    """
    return history.last(RunEnded)


def asked_s(history: History, fault: str) -> float:
    """The time at which the fault was requested or, if the proxy engine was armed with it, at which
    it began. 0 if that is not recorded.
    """
    times = [e.since_s for e in history.of(FaultInForce) if e.fault == fault]
    times += [e.at_s for e in history.of(FaultRequested) if e.fault == fault and not e.armed]
    return min(times, default=0.0)


def fault_span(history: History, fault: str) -> Span | None:
    """The span from the time since which the fault was observed in force until its heal began, or
    until the history's end. None if it was not observed.
    """
    began = history.first(FaultInForce, lambda e: e.fault == fault)
    if began is None:
        return None
    healing = history.first(FaultHealing, lambda e: e.fault == fault)
    return Span(start_s=began.since_s, end_s=healing.at_s if healing else end_s(history))


def around_span(history: History, fault: str) -> Span | None:
    """The span from the request of the fault until it was healed, or until the history's end: the
    time in which it may have affected the app. It is longer than `fault_span` by the time that a
    service takes to stop and to start again. None if the fault was not observed in force.
    """
    held = fault_span(history, fault)
    if held is None:
        return None
    healed = history.first(FaultHealed, lambda e: e.fault == fault)
    asked = min(asked_s(history, fault) or held.start_s, held.start_s)
    return Span(start_s=asked, end_s=healed.at_s if healed else end_s(history))


def last_healed_s(history: History) -> float | None:
    """The time at which the last fault was healed. None if none was."""
    healed = history.last(FaultHealed)
    return healed.at_s if healed else None


def counted_from_s(rests_on: Sequence[str] | None, plan: Plan, history: History) -> float:
    """The time from which a claim that rests on these faults counts good answers: the last heal, or
    the time at which one without a stop began. Infinite if that has not come, and minus infinity if
    the claim rests on no fault.
    """
    healed_s = {h.fault: h.at_s for h in history.of(FaultHealed)}
    requested = {f.fault for f in history.of(FaultRequested)}
    since_s = -math.inf
    for label in rests_on or ():
        fault = plan.fault(label)
        if fault is not None and fault.stop is None:
            begun_s = asked_s(history, label) if label in requested else math.inf
        else:
            begun_s = healed_s.get(label, math.inf)
        since_s = max(since_s, begun_s)
    return since_s


def started_by(history: History, app: str, boot: int) -> float | None:
    """The time at which start-up was complete: that of its event, or of an earlier good answer of
    health. None if it was not observed.
    """
    complete = history.first_of_boot(StartupComplete, app, boot)
    times = [answered_s(s) for s in samples(history, app, boot) if s.state in SERVING]
    return min([*times, complete.at_s] if complete else times, default=None)


def answered_s(sample: HealthSample) -> float:
    """The time at which the answer to the request `sample` arrived, or at which the lab stopped
    waiting. The state that the answer shows may have begun only then.
    """
    return sample.at_s + sample.took_s


def samples(history: History, app: str, boot: int) -> list[HealthSample]:
    """The health samples of one boot in the order in which they were sent.

    A request without an answer that was open when the lab stopped the app is left out.
    """
    mine = [*history.of_boot(HealthSample, app, boot)]
    ended = exited(history, app, boot)
    if ended is not None and ended.asked:
        gone = HealthState.UNREACHABLE
        mine = [s for s in mine if s.state is not gone or answered_s(s) < ended.at_s]
    return sorted(mine, key=lambda s: s.at_s)


def recovery_span(history: History, app: str, boot: int) -> Span | None:
    """The span from the last heal in this boot's life to the next fault, or without end. None if no
    fault was healed in its life. For an app that ended by itself, later heals count as well.
    """
    begun, ended = spawned(history, app, boot), exited(history, app, boot)
    if begun is None:
        return None
    until_s = ended.at_s if ended and ended.asked else math.inf
    begun_s = -math.inf if begun.standing else begun.at_s
    heals_s = [h.at_s for h in history.of(FaultHealed) if begun_s <= h.at_s <= until_s]
    if not heals_s:
        return None
    later_s = [at_s for at_s in faults_begun_s(history).values() if at_s > heals_s[-1]]
    return Span(start_s=heals_s[-1], end_s=min(later_s, default=math.inf))


def faults_begun_s(history: History) -> dict[str, float]:
    """Maps the label of each fault that began to the time at which it began (see `asked_s`)."""
    asked = {e.fault for e in history.of(FaultRequested) if not e.armed}
    fired = {e.fault for e in history.of(FaultInForce)}
    return {fault: asked_s(history, fault) for fault in sorted(asked | fired)}


def healthy_since(
    history: History, app: str, boot: int, after_s: float, until_s: float = math.inf
) -> HealthSample | None:
    """The first sample of the healthy series at the end: it and all later samples are healthy.

    Only samples that were sent from `after_s` on and answered by `until_s` count. None if there are
    none, or if the last of them is not healthy.
    """
    since = None
    for sample in samples(history, app, boot):
        if sample.at_s < after_s or answered_s(sample) > until_s:
            continue
        if sample.state is not HealthState.HEALTHY:
            since = None
        elif since is None:
            since = sample
    return since


def silence_s(sampling: Sampling) -> float:
    """The longest pause, in seconds, between requests to health for which the app still counts as
    watched.

    It allows for a lab that is half a second late; with a longer lag no verdict is trusted.
    """
    return 0.5 + 3 * sampling.cadence_s


def asking(sample: HealthSample) -> Span:
    """The span in which the request `sample` was open: the app was watched during all of it."""
    return Span(start_s=sample.at_s, end_s=answered_s(sample))


def gap(asked: Iterable[Span], longest_s: float) -> Span | None:
    """The first pause of more than `longest_s` seconds in which no request was open. None if there
    is none.

    `asked` are the spans of the requests, in the order in which they were sent.
    """
    over_s = math.inf
    for question in asked:
        if question.start_s - over_s > longest_s:
            return Span(start_s=over_s, end_s=question.start_s)
        over_s = question.end_s if over_s == math.inf else max(over_s, question.end_s)
    return None


def not_asked_at(before: HealthSample | None, first: HealthSample, due_s: float) -> Reason | None:
    """The reason why it is not known whether the state that `first` shows began by the bound
    `due_s`. None if it is known.

    `before` is the last answer with another state. If its request was open at the bound, the new
    state had not begun by then.
    """
    if first.at_s <= due_s or (before is not None and answered_s(before) >= due_s):
        return None
    last_s = None if before is None else answered_s(before)
    return NOT_ASKED_AT_BOUND(last_s=last_s, asked_s=first.at_s, bound_s=due_s)


def not_asked_until(asked: Iterable[HealthSample], due_s: float) -> Reason | None:
    """The reason that the last of the answers `asked` was received too long before the bound
    `due_s` to know whether the missing state began in time. None if it was received late enough.
    """
    last_s = max(map(answered_s, asked), default=None)
    if last_s is not None and last_s >= due_s - HEARD_S:
        return None
    return NOT_ASKED_UNTIL_BOUND(last_s=last_s, bound_s=due_s)


def still_asked(seen: Sequence[HealthSample], sampling: Sampling, now_s: float) -> bool:
    """Whether a further answer may still arrive: the last request of `seen` was over not long
    before `now_s`.
    """
    return bool(seen) and now_s - answered_s(seen[-1]) <= silence_s(sampling) + sampling.timeout_s


def spawned(history: History, app: str, boot: int) -> Spawned | None:
    """The event that the boot of the app was spawned. None if it was not."""
    return history.first_of_boot(Spawned, app, boot)


def newest_boot(history: History, app: str) -> Spawned | None:
    """The spawn of the app's newest boot. None if it was never started."""
    return history.last(Spawned, lambda s: s.app == app)


def restarts(history: History, app: str, during: Span | None = None) -> list[Spawned]:
    """The boots that the app's supervisor started, in the time `during`."""
    mine = (s for s in history.of(Spawned) if s.app == app and s.restart)
    return [s for s in mine if during is None or during.holds(s.at_s)]


def exited(history: History, app: str, boot: int) -> Exited | None:
    """The event that the process of the boot ended. None while it runs."""
    return history.first_of_boot(Exited, app, boot)


def exited_by(at_s: float, e: OfBoot, history: History) -> Exited | None:
    """The event that the process ended, if it ended by itself at `at_s` or earlier. Else None."""
    ended = exited(history, e.app, e.boot)
    early = ended is not None and not ended.asked and ended.at_s <= at_s
    return ended if early else None


def replaced(history: History, app: str, boot: int) -> Exited | None:
    """The event that the boot's process ended, if the plan stopped it, or started the app again.
    Else None.
    """
    ended = exited(history, app, boot)
    later = history.first(Spawned, lambda s: s.app == app and s.boot > boot)
    stopped = history.first_of_boot(StopRequested, app, boot)
    return ended if ended and ended.asked and (later or stopped) else None


def life(history: History, app: str, boot: int) -> Span | None:
    """The span from the spawn of the boot to its exit, or to the history's end. None if it never
    started.

    For an app that ran before the lab, the life has no beginning.
    """
    begun, ended = spawned(history, app, boot), exited(history, app, boot)
    if begun is None:
        return None
    start_s = -math.inf if begun.standing else begun.at_s
    return Span(start_s=start_s, end_s=ended.at_s if ended else end_s(history))


def lived_alone(history: History, app: str, span: Span) -> bool:
    """Whether only one boot of the app lived in the time `span`, so that all counts are of that
    boot.
    """
    lives = [life(history, s.app, s.boot) for s in history.of(Spawned) if s.app == app]
    return sum(x.start_s <= span.end_s and x.end_s >= span.start_s for x in lives if x) == 1


def watched_until_s(history: History, app: str, boot: int) -> float:
    """The time until which the app was watched: the history's end, or the time at which the lab
    stopped the app.
    """
    ended = exited(history, app, boot)
    return min(end_s(history), ended.at_s) if ended and ended.asked else end_s(history)
