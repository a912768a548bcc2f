"""Start-up completes in time, every phase done, in the state that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, completed, settling_start
from chaoslab.evidence.settling import (
    came_s,
    may_settle,
    on_the_way,
    unasked,
    wanted,
)
from chaoslab.evidence.starting import LAST_WORDS, had_time_left, is_past
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    between_looks,
    exited,
    run_ended,
    samples,
    spawned,
    unheard,
    watched_until_s,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    Listening,
    Ready,
    Spawned,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown

_USUAL = Sampling()
SERVING_S = 0.5  # how long after its end a start-up is given to be seen ready, or degraded


StartMode = Literal["normal", "degraded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts(Expectation):
    """Start-up completes within `within_s` of the spawn, every phase completed or degraded.

    `mode` is what health must say then: `normal` healthy, `degraded` degraded, None either. A start
    that is to be `normal` may say degraded first, and has all of `within_s` to become healthy.
    `startup_mode`, where given, is what the app must publish.
    """

    mode: StartMode | None = None
    within_s: float | None = None
    boot: int = 1
    startup_mode: str | None = None
    kind: Literal["starts"] = "starts"

    of_start: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)

    def resolved(self, app: App) -> Self:
        within_s = app.deadlines.startup_s if self.within_s is None else self.within_s
        return replace(self, app=app.name, within_s=within_s)

    @property
    def start_mode(self) -> str:
        return self.mode or "any"

    def awaits(self, seen: Seen) -> bool:
        """Complete, and in the state to which it may settle, up to its bound."""
        settles = self.mode == "normal" and seen.state is not HealthState.HEALTHY
        starting = seen.complete_s is None or settles
        return starting and seen.now_s < seen.spawned_s + (self.within_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        complete = completed(self.app, self.boot, run.history)
        yield from settling_start(
            self.app,
            self.boot,
            self.within_s,
            run.app(self.app).deadlines.gives_up_s,
            run.history,
            settles=complete is not None and may_settle(self, complete),
        )

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        return starts(self, run.app(self.app).health, run.history, run.plan.sampling)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return _under_way(self, run.plan, run.history, now_s)


def starts(
    e: Starts, contract: HealthContract, history: History, sampling: Sampling = _USUAL
) -> Verdict:
    """Start-up completes within its deadline, health serves, no phase is left behind.

    Where health said degraded first and healthy is asked for, the deadline holds for healthy.
    """
    mode = f" {e.mode}" if e.mode else ""
    claim = f"boot {e.boot} of {e.app} starts{mode} within {e.within_s} s"
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return unknown(e.kind, claim, "the app was never spawned")
    if begun.standing:
        claim = f"{e.app}, which stood already, is up{mode} when the lab comes"
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    ended = exited(history, e.app, e.boot)
    if complete is None and had_time_left(e, history, begun, ended):
        why = "the run ended before the start-up's time was up"
        return unknown(e.kind, claim, why, *_how_it_ended(e, history, begun, ended))
    if complete is None and (early := _not_heard(e, history, begun, ended)):
        return unknown(e.kind, claim, early, *_how_it_ended(e, history, begun, ended))
    if complete is None or (ended and not ended.asked and ended.at_s < complete.at_s):
        return failed(e.kind, claim, *_how_it_ended(e, history, begun, ended))
    because = _seen_so_far(e, history, begun, complete)
    wrong = [*_wrong_mode(e, history), *_wrong_phases(e, contract, history)]
    if gone := _gone_at_once(e, begun, ended):
        wrong.append(gone)
    if not wrong and (early := _too_early(e, sampling, history, begun, complete)):
        return unknown(e.kind, claim, early, *because)
    late = _late(e, history, begun, complete)
    if late and not wrong and (unseen := _unseen(e, history, begun, complete)):
        return unknown(e.kind, claim, unseen, *because)
    wrong += late
    wrong += _other_state(e, history, begun, complete)
    if wrong:
        return failed(e.kind, claim, *because, *wrong, *_log(ended))
    if _may_yet_die(e, history, begun):
        return unknown(e.kind, claim, "the run was cut short", *because)
    return passed(e.kind, claim, *because)


def _seen_so_far(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[str]:
    """The first good answer, and what health answered after it."""
    since = "after the lab came" if begun.standing else "after the spawn"
    seen = "found complete" if begun.standing else "complete"
    took_s = complete.at_s - begun.at_s
    told = [f"start-up {seen} {took_s:.3f} s {since}, health {complete.state.value}"]
    turns = on_the_way(e, begun, complete, history)
    return [*told, turns] if turns else told


def _too_early(
    e: Starts, sampling: Sampling, history: History, begun: Spawned, complete: StartupComplete
) -> str:
    """Why nobody knows whether a start that is not yet as asked would have become so."""
    if came_s(e, complete, history) is not None or not may_settle(e, complete):
        return ""
    if had_time_left(e, history, begun, exited(history, e.app, e.boot)):
        return "the run ended before the start-up's time was up"
    if pause := unasked(e, begun, complete, sampling, history):
        return f"nobody asked from {pause.start_s:.3f} to {pause.end_s:.3f} s"
    return unheard(samples(history, e.app, e.boot), begun.at_s + (e.within_s or 0.0))


def _not_heard(e: Starts, history: History, begun: Spawned, ended: Exited | None) -> str:
    """Why nobody knows whether a start-up that was not seen complete was complete in time: the app
    listened, and was not asked up to its bound.
    """
    if ended is not None and not ended.asked:
        return ""
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (e.app, e.boot))
    asked = samples(history, e.app, e.boot)
    if not asked or (bound is None and not begun.standing):
        return ""
    return unheard(asked, begun.at_s + (e.within_s or 0.0))


def _gone_at_once(e: Starts, begun: Spawned, ended: Exited | None) -> str:
    """Complete, and dead by itself before the time for the start was up: that is no start."""
    if ended is None or ended.asked or ended.at_s > begun.at_s + (e.within_s or 0.0):
        return ""
    return f"{_exit(begun, ended)}, having called itself started"


def _may_yet_die(e: Starts, history: History, begun: Spawned) -> bool:
    """Whether the run was broken off while an end of the process would still have counted."""
    end = run_ended(history)
    if end is not None and end.settled:
        return False
    return watched_until_s(history, e.app, e.boot) < begun.at_s + (e.within_s or 0.0)


def _late(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> list[str]:
    """By how much the start missed its bound."""
    came = came_s(e, complete, history)
    took_s = (complete.at_s if came is None else came) - begun.at_s
    if e.within_s is None or took_s <= e.within_s:
        return []
    return [f"{took_s - e.within_s:.3f} s too late"]


def _unseen(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> str:
    """Why nobody knows whether a start that was seen late came in time: the bound passed between
    two questions.
    """
    came = came_s(e, complete, history)
    came = complete.at_s if came is None else came
    asked = [s for s in samples(history, e.app, e.boot) if answered_s(s) <= came]
    if not asked:
        return ""
    before = asked[-2] if len(asked) > 1 else None
    return between_looks(before, asked[-1], begun.at_s + (e.within_s or 0.0))


def _wrong_mode(e: Starts, history: History) -> list[str]:
    """Another start-up mode than the one that was asked for."""
    snapshot = _published(e, history)
    if e.startup_mode is None or (snapshot is not None and snapshot.mode == e.startup_mode):
        return []
    got = snapshot.mode if snapshot else "nothing published"
    return [f"expected startup_mode {e.startup_mode}, got {got}"]


def _other_state(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[str]:
    """Another state in all its time than the one that was asked for, and what health said last."""
    came = came_s(e, complete, history)
    in_time = came is not None and came <= begun.at_s + (e.within_s or 0.0)
    if in_time or complete.state in wanted(e):
        return []
    names = " or ".join(sorted((state.value for state in wanted(e)), reverse=True))
    return [f"expected health {names}, got {complete.state.value}", *_told(e, history)]


def _wrong_phases(e: Starts, contract: HealthContract, history: History) -> list[str]:
    """Phases that failed, that were timed and left behind, or that the contract asks for in vain.

    An app that drops a phase does not mention it any more: only the contract can tell.
    """
    snapshot, wrong = _published(e, history), []
    if snapshot is None:
        return ["no phases published"] if contract.phases else []
    if snapshot.failed or snapshot.failed_phases:
        wrong.append("phases booked as failed: " + (", ".join(snapshot.failed_phases) or "?"))
    done = {*snapshot.completed_phases, *snapshot.degraded_phases}
    asked_for = dict.fromkeys((*contract.phases, *snapshot.phase_timings_s))
    if missing := [phase for phase in asked_for if phase not in done]:
        wrong.append("phases neither completed nor degraded: " + ", ".join(missing))
    return wrong


def _published(e: Starts, history: History) -> StartupSnapshot | None:
    return history.last(StartupSnapshot, lambda s: (s.app, s.boot) == (e.app, e.boot))


def _told(e: Starts, history: History) -> list[str]:
    """What the last answer of health was, where it was no good one."""
    answers = [s for s in samples(history, e.app, e.boot) if s.status_code]
    bad = answers and answers[-1].state not in SERVING
    return [_answer(answers[-1])] if bad else []


def _answer(sample: HealthSample) -> str:
    return sample.error or f"health answered {sample.status_code} {sample.word or ''}".rstrip()


def _how_it_ended(
    e: Starts, history: History, begun: Spawned, ended: Exited | None
) -> tuple[str, ...]:
    """What was seen from outside, how far it says that it came, and the last lines of the log."""
    gone = ended if ended is not None and not ended.asked else None
    seen = _died(e, history, begun, gone) if gone else _lived(e, history, begun)
    restarts = sum(spawn.restart and spawn.app == e.app for spawn in history.of(Spawned))
    again = [f"started anew {restarts} times by its supervisor"] if restarts else []
    return (*seen, *_published_so_far(e, history), *_told(e, history), *again, *_log(ended))


def _exit(begun: Spawned, ended: Exited) -> str:
    return f"exited with {ended.exit_code} after {ended.at_s - begun.at_s:.3f} s"


def _log(ended: Exited | None) -> list[str]:
    return [f"log: {line}" for line in ended.log_tail[-LAST_WORDS:]] if ended else []


def _died(e: Starts, history: History, begun: Spawned, ended: Exited) -> list[str]:
    """Without ever listening, with its port open and mute, and after answering are three deaths."""
    who = (e.app, e.boot)
    bound = history.first(Bound, lambda b: (b.app, b.boot) == who)
    answer = history.first(FirstAnswer, lambda a: (a.app, a.boot) == who)
    if bound is None:
        elsewhere = _elsewhere(e, history, begun)
        return [_exit(begun, ended), *([elsewhere] if elsewhere else [])]
    listened = f"listened on {begun.port} after {bound.at_s - begun.at_s:.3f} s"
    first = f"answered {answer.status_code} first" if answer else "never answered"
    return [f"{listened}, {first}, {_exit(begun, ended)}"]


def _lived(e: Starts, history: History, begun: Spawned) -> list[str]:
    """Mute on its port, on another port, listening but mute, and answering without end differ."""
    who = (e.app, e.boot)
    bound = history.first(Bound, lambda b: (b.app, b.boot) == who)
    answer = history.first(FirstAnswer, lambda a: (a.app, a.boot) == who)
    if begun.standing and answer is None:
        return [f"it never answered health, asked at port {begun.port}"]
    if bound is None and not begun.standing:
        never = f"alive, but never listened on port {begun.port}"
        return [_elsewhere(e, history, begun) or never]
    if bound is not None and answer is None:
        return [f"listening after {bound.at_s - begun.at_s:.3f} s, but never answered health"]
    first = answer.status_code if answer else "?"
    return [f"listening and answering ({first} first), never complete"]


def _elsewhere(e: Starts, history: History, begun: Spawned) -> str:
    """Which other ports it was seen listening on; empty where on none."""
    looks = (x for x in history.of(Listening) if (x.app, x.boot) == (e.app, e.boot))
    ports = sorted({port for look in looks for port in look.ports} - {begun.port})
    if not ports:
        return ""
    shown = ", ".join(map(str, ports))
    return f"listens on {shown}, never on {begun.port}, the port that is routed to it"


def _published_so_far(e: Starts, history: History) -> list[str]:
    snapshot = _published(e, history)
    if snapshot is None:
        return []
    told = [f"phases done: {', '.join(snapshot.completed_phases) or 'none'}"]
    if snapshot.failed or snapshot.failed_phases:
        told.append("phases booked as failed: " + (", ".join(snapshot.failed_phases) or "?"))
    return told


def _serves(e: Starts, history: History, state: HealthState) -> bool:
    if state is HealthState.HEALTHY:
        return history.first(Ready, lambda r: (r.app, r.boot) == (e.app, e.boot)) is not None
    sample = history.last(HealthSample, lambda s: (s.app, s.boot) == (e.app, e.boot))
    return sample is not None and sample.state is state


def _under_way(e: Starts, plan: Plan, history: History, now_s: float) -> str | None:
    """Wait for the start, or until its time is up, and then for the answers that show its state."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None:
        return f"boot {e.boot} of {e.app}"
    if ended:
        return None
    complete = completed(e.app, e.boot, history)
    if complete and not may_settle(e, complete):
        served = now_s > complete.at_s + SERVING_S or _serves(e, history, complete.state)
        return None if served else f"{e.app} to be ready, or degraded"
    if complete and (came := came_s(e, complete, history)) is not None:
        served = now_s > came + SERVING_S or _serves(e, history, HealthState.HEALTHY)
        return None if served else f"{e.app} to be ready"
    given = Span(start_s=begun.at_s, end_s=begun.at_s + (e.within_s or 0.0))
    if is_past(now_s, given, e, plan, history):
        return None
    return f"{e.app} to be healthy" if complete else f"the start-up of {e.app}"
