"""Start-up completes in time, every phase done, in the state that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, completed, settling_start
from chaoslab.evidence.phases import phases_missed, published
from chaoslab.evidence.reasons import CUT_SHORT, MISSED, NEVER_SPAWNED, NOT_ASKED
from chaoslab.evidence.settling import (
    came_s,
    may_settle,
    on_the_way,
    unasked,
    wanted,
)
from chaoslab.evidence.starting import is_past, not_reached
from chaoslab.evidence.timeline import (
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
from chaoslab.evidence.unfinished_start import (
    how_it_ended,
    last_bad_answer,
    log_lines,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    Bound,
    Exited,
    HealthSample,
    Ready,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]


def _complete(data: Data) -> str:
    after_s, state = data["after_s"], data["state"]
    if data["attached"]:
        return f"start-up was complete {after_s:.3f} s after the lab attached, health {state}"
    return f"start-up complete {after_s:.3f} s after the spawn, health {state}"


def _other_mode(data: Data) -> str:
    mode = data["published"]
    what = "published no startup_mode" if mode is None else f"published startup_mode '{mode}'"
    return f"the app {what}, expected '{data['expected']}'"


COMPLETE = Code(
    "start.complete",
    _complete,
    "The first answer of health that showed the start-up to be complete, and its state.",
    data=("after_s", "state", "attached"),
)
GONE = Code(
    "start.exited_after_complete",
    "exited with {exit_code} after {after_s:.3f} s, although start-up was complete",
    "The process ended by itself within the time for its start, after health had answered as up.",
)
OTHER_MODE = Code(
    "start.other_mode",
    _other_mode,
    "The start-up mode that the app published is not the expected one.",
    data=("published", "expected"),
)
OTHER_STATE = Code(
    "start.other_state",
    lambda data: (
        f"health was {data['state']} at the end of start-up, "
        f"expected {' or '.join(data['expected'])}"
    ),
    "The state in which start-up ended is not an expected one.",
    data=("state", "expected"),
)

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
    begun = spawned(history, e.app, e.boot)
    claim = _claim(e, begun)
    if begun is None:
        return unknown(e.kind, claim, NEVER_SPAWNED(app=e.app, boot=e.boot))
    complete, ended = completed(e.app, e.boot, history), exited(history, e.app, e.boot)
    if complete is None:
        course = how_it_ended(e, history, begun, ended)
        early = not_reached(e, history, begun, ended) or _not_asked(e, history, begun, ended)
        return unknown(e.kind, claim, early, *course) if early else failed(e.kind, claim, *course)
    if ended and not ended.asked and ended.at_s < complete.at_s:
        return failed(e.kind, claim, *how_it_ended(e, history, begun, ended))
    because = _seen_so_far(e, history, begun, complete)
    wrong = [
        *_wrong_mode(e, history),
        *phases_missed(e, contract, history),
        *_gone_at_once(e, begun, ended),
    ]
    if not wrong and (early := _too_early(e, sampling, history, begun, complete)):
        return unknown(e.kind, claim, early, *because)
    late = _late(e, history, begun, complete)
    if late and not wrong and (unseen := _unseen(e, history, begun, complete)):
        return unknown(e.kind, claim, unseen, *because)
    wrong += late
    wrong += _other_state(e, history, begun, complete)
    if wrong:
        return failed(e.kind, claim, *because, *wrong, *log_lines(ended))
    if _may_yet_die(e, history, begun):
        return unknown(e.kind, claim, CUT_SHORT(), *because)
    return passed(e.kind, claim, *because)


def _claim(e: Starts, begun: Spawned | None) -> str:
    mode = f" {e.mode}" if e.mode else ""
    if begun is not None and begun.standing:
        return f"{e.app}, which was running already, is up{mode} when the lab attaches"
    return f"boot {e.boot} of {e.app} starts{mode} within {e.within_s} s"


def _seen_so_far(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[Reason]:
    """The first good answer, and what health answered after it."""
    first = COMPLETE(
        after_s=complete.at_s - begun.at_s, state=complete.state.value, attached=begun.standing
    )
    turns = on_the_way(e, begun, complete, history)
    return [first, turns] if turns else [first]


def _too_early(
    e: Starts, sampling: Sampling, history: History, begun: Spawned, complete: StartupComplete
) -> Reason | None:
    """Why nobody knows whether a start that is not yet as asked would have become so."""
    if came_s(e, complete, history) is not None or not may_settle(e, complete):
        return None
    if early := not_reached(e, history, begun, exited(history, e.app, e.boot)):
        return early
    if pause := unasked(e, begun, complete, sampling, history):
        return NOT_ASKED(start_s=pause.start_s, end_s=pause.end_s)
    return unheard(samples(history, e.app, e.boot), begun.at_s + (e.within_s or 0.0))


def _not_asked(e: Starts, history: History, begun: Spawned, ended: Exited | None) -> Reason | None:
    """Why nobody knows whether a start-up that was not seen complete was complete in time: the app
    listened, and was not asked up to its bound.
    """
    if ended is not None and not ended.asked:
        return None
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (e.app, e.boot))
    asked = samples(history, e.app, e.boot)
    if not asked or (bound is None and not begun.standing):
        return None
    return unheard(asked, begun.at_s + (e.within_s or 0.0))


def _gone_at_once(e: Starts, begun: Spawned, ended: Exited | None) -> list[Reason]:
    """Complete, and dead by itself before the time for the start was up: that is no start."""
    if ended is None or ended.asked or ended.at_s > begun.at_s + (e.within_s or 0.0):
        return []
    return [GONE(exit_code=ended.exit_code, after_s=ended.at_s - begun.at_s)]


def _may_yet_die(e: Starts, history: History, begun: Spawned) -> bool:
    """Whether the run was broken off while an end of the process would still have counted."""
    end = run_ended(history)
    if end is not None and end.settled:
        return False
    return watched_until_s(history, e.app, e.boot) < begun.at_s + (e.within_s or 0.0)


def _late(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> list[Reason]:
    """By how much the start missed its bound."""
    came = came_s(e, complete, history)
    took_s = (complete.at_s if came is None else came) - begun.at_s
    if e.within_s is None or took_s <= e.within_s:
        return []
    return [MISSED(late_s=took_s - e.within_s, within_s=e.within_s)]


def _unseen(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> Reason | None:
    """Why nobody knows whether a start that was seen late came in time: the bound passed between
    two questions.
    """
    came = came_s(e, complete, history)
    came = complete.at_s if came is None else came
    asked = [s for s in samples(history, e.app, e.boot) if answered_s(s) <= came]
    if not asked:
        return None
    before = asked[-2] if len(asked) > 1 else None
    return between_looks(before, asked[-1], begun.at_s + (e.within_s or 0.0))


def _wrong_mode(e: Starts, history: History) -> list[Reason]:
    """Another start-up mode than the one that was asked for."""
    snapshot = published(e, history)
    mode = snapshot.mode if snapshot else None
    if e.startup_mode is None or mode == e.startup_mode:
        return []
    return [OTHER_MODE(published=mode, expected=e.startup_mode)]


def _other_state(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[Reason]:
    """Another state in all its time than the one that was asked for, and what health said last."""
    came = came_s(e, complete, history)
    in_time = came is not None and came <= begun.at_s + (e.within_s or 0.0)
    if in_time or complete.state in wanted(e):
        return []
    expected = sorted((state.value for state in wanted(e)), reverse=True)
    other = OTHER_STATE(state=complete.state.value, expected=expected)
    return [other, *last_bad_answer(e, history)]


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
