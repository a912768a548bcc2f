"""`starts`: start-up completes in time and in the expected state. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.evidence.given import Given, completed, settling_start
from chaoslab.evidence.phases import phases_missed, published
from chaoslab.evidence.reasons import CUT_SHORT, MISSED, NEVER_SPAWNED, NOT_ASKED
from chaoslab.evidence.settling import (
    came_s,
    may_settle,
    pause_before_deadline,
    states_in_turn,
    wanted,
)
from chaoslab.evidence.starting import is_past, not_reached
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    not_asked_at,
    not_asked_until,
    samples,
    spawned,
    watched_until_s,
)
from chaoslab.evidence.unfinished_start import (
    how_it_ended,
    last_bad_answer,
    log_lines,
)
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import (
    Bound,
    Exited,
    HealthSample,
    Ready,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Seen
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
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
    "The first answer of health that showed a completed start-up, and its state.",
    data=("after_s", "state", "attached"),
)
GONE = Code(
    "start.exited_after_complete",
    "exited with {exit_code} after {after_s:.3f} s, although start-up was complete",
    "The process exited by itself within the time for its start, after start-up was complete.",
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

SERVING_S = 0.5  # how long after start-up the run waits to observe the app ready, or degraded


StartMode = Literal["normal", "degraded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts(Expectation):
    """Start-up completes within `within_s` of the spawn, with every phase completed or degraded.

    `mode` is the state that health must have then: healthy for `normal`, degraded for `degraded`,
    either for None. With `normal`, health may be degraded first and has all of `within_s` to become
    healthy. `startup_mode`, if given, is the mode that the app must publish.
    """

    mode: StartMode | None = None
    within_s: float | None = None
    boot: int = 1
    startup_mode: str | None = None
    kind: Literal["starts"] = "starts"

    of_start: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.startup_s}

    @property
    def start_mode(self) -> str:
        return self.mode or "any"

    def awaits(self, seen: Seen) -> bool:
        """Whether the app may still complete its start-up, or become healthy if `mode` is normal,
        before `within_s` is over.
        """
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
        """The verdict on the start-up. If health is degraded first and healthy is expected,
        `within_s` is the bound for the first healthy answer.
        """
        history = run.history
        begun = spawned(history, self.app, self.boot)
        claim = _claim(self, begun)
        if begun is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=self.boot))
        complete = completed(self.app, self.boot, history)
        ended = exited(history, self.app, self.boot)
        if complete is None:
            return _never_complete(self, claim, history, begun, ended)
        if ended and not ended.asked and ended.at_s < complete.at_s:
            return failed(self.kind, claim, *how_it_ended(self, history, begun, ended))
        because = _seen_so_far(self, history, begun, complete)
        wrong = [
            *_wrong_mode(self, history),
            *phases_missed(self, run.app(self.app).health, history),
            *_gone_at_once(self, begun, ended),
        ]
        if not wrong and (early := _too_early(self, run.plan.sampling, history, begun, complete)):
            return unknown(self.kind, claim, early, *because)
        late = _late(self, history, begun, complete)
        if late and not wrong and (unseen := _unseen(self, history, begun, complete)):
            return unknown(self.kind, claim, unseen, *because)
        wrong += late
        wrong += _other_state(self, history, begun, complete)
        if wrong:
            return failed(self.kind, claim, *because, *wrong, *log_lines(ended))
        if _exit_would_count(self, run, begun):
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        return passed(self.kind, claim, *because)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: the end of the start-up, up to its bound,
        and then the app to be observed ready or degraded. None if nothing.
        """
        history = run.history
        begun, ended = spawned(history, self.app, self.boot), exited(history, self.app, self.boot)
        if begun is None:
            return f"boot {self.boot} of {self.app}"
        if ended:
            return None
        complete = completed(self.app, self.boot, history)
        if complete and not may_settle(self, complete):
            served = now_s > complete.at_s + SERVING_S or _serves(self, history, complete.state)
            return None if served else f"{self.app} to be ready, or degraded"
        if complete and (came := came_s(self, complete, history)) is not None:
            served = now_s > came + SERVING_S or _serves(self, history, HealthState.HEALTHY)
            return None if served else f"{self.app} to be ready"
        given = Span(start_s=begun.at_s, end_s=begun.at_s + (self.within_s or 0.0))
        if is_past(now_s, given, self, run.plan, history):
            return None
        return f"{self.app} to be healthy" if complete else f"the start-up of {self.app}"


def _claim(e: Starts, begun: Spawned | None) -> str:
    mode = f" {e.mode}" if e.mode else ""
    if begun is not None and begun.standing:
        return f"{e.app}, which was running already, is up{mode} when the lab attaches"
    return f"boot {e.boot} of {e.app} starts{mode} within {e.within_s} s"


def _never_complete(
    e: Starts, claim: str, history: History, begun: Spawned, ended: Exited | None
) -> Verdict:
    """The verdict for a start-up that was never complete: FAIL if the app was watched and asked up
    to the bound, else UNKNOWN.
    """
    course = how_it_ended(e, history, begun, ended)
    early = not_reached(e, history, begun, ended) or _not_asked(e, history, begun, ended)
    return unknown(e.kind, claim, early, *course) if early else failed(e.kind, claim, *course)


def _seen_so_far(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[Reason]:
    """The reasons that describe the start-up: the first answer that showed it complete, and the
    states of health after that answer, if they changed.
    """
    first = COMPLETE(
        after_s=complete.at_s - begun.at_s, state=complete.state.value, attached=begun.standing
    )
    turns = states_in_turn(e, begun, complete, history)
    return [first, turns] if turns else [first]


def _too_early(
    e: Starts, sampling: Sampling, history: History, begun: Spawned, complete: StartupComplete
) -> Reason | None:
    """The reason why the expected state may still have been reached in time although the lab did
    not observe it. None if it was observed, or if the app was watched and asked up to the bound.
    """
    if came_s(e, complete, history) is not None or not may_settle(e, complete):
        return None
    if early := not_reached(e, history, begun, exited(history, e.app, e.boot)):
        return early
    if pause := pause_before_deadline(e, begun, complete, sampling, history):
        return NOT_ASKED(start_s=pause.start_s, end_s=pause.end_s)
    return not_asked_until(samples(history, e.app, e.boot), begun.at_s + (e.within_s or 0.0))


def _not_asked(e: Starts, history: History, begun: Spawned, ended: Exited | None) -> Reason | None:
    """The reason why a start-up may have been complete in time although this was not observed: the
    lab did not ask health up to the bound. None if the lab did, if the app never listened, or if
    its process exited by itself.
    """
    if ended is not None and not ended.asked:
        return None
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (e.app, e.boot))
    asked = samples(history, e.app, e.boot)
    if not asked or (bound is None and not begun.standing):
        return None
    return not_asked_until(asked, begun.at_s + (e.within_s or 0.0))


def _gone_at_once(e: Starts, begun: Spawned, ended: Exited | None) -> list[Reason]:
    """A list with the reason that the process exited by itself within the time for the start; empty
    if it did not.
    """
    if ended is None or ended.asked or ended.at_s > begun.at_s + (e.within_s or 0.0):
        return []
    return [GONE(exit_code=ended.exit_code, after_s=ended.at_s - begun.at_s)]


def _exit_would_count(e: Starts, run: Run, begun: Spawned) -> bool:
    """Whether the run was cut short before the bound of the start.

    Until that bound an exit of the process would be a failure.
    """
    until_s = watched_until_s(run.history, e.app, e.boot)
    return run.was_cut_short and until_s < begun.at_s + (e.within_s or 0.0)


def _late(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> list[Reason]:
    """A list with the reason that says by how much the start missed its bound; empty if it was in
    time.
    """
    came = came_s(e, complete, history)
    took_s = (complete.at_s if came is None else came) - begun.at_s
    if e.within_s is None or took_s <= e.within_s:
        return []
    return [MISSED(late_s=took_s - e.within_s, within_s=e.within_s)]


def _unseen(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> Reason | None:
    """The reason why a start that was observed late may have been in time: the bound passed between
    two requests of the lab. None if the answers show that it was late.
    """
    came = came_s(e, complete, history)
    came = complete.at_s if came is None else came
    asked = [s for s in samples(history, e.app, e.boot) if answered_s(s) <= came]
    if not asked:
        return None
    before = asked[-2] if len(asked) > 1 else None
    return not_asked_at(before, asked[-1], begun.at_s + (e.within_s or 0.0))


def _wrong_mode(e: Starts, history: History) -> list[Reason]:
    """A list with the reason that the app published another start-up mode than `startup_mode`;
    empty if it published that mode, or if none is expected.
    """
    snapshot = published(e, history)
    mode = snapshot.mode if snapshot else None
    if e.startup_mode is None or mode == e.startup_mode:
        return []
    return [OTHER_MODE(published=mode, expected=e.startup_mode)]


def _other_state(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[Reason]:
    """Reasons with the state at the end of start-up, and the last bad answer of health. Empty if
    the app reached an expected state in time, or ended its start-up in one.
    """
    came = came_s(e, complete, history)
    in_time = came is not None and came <= begun.at_s + (e.within_s or 0.0)
    if in_time or complete.state in wanted(e):
        return []
    expected = sorted((state.value for state in wanted(e)), reverse=True)
    other = OTHER_STATE(state=complete.state.value, expected=expected)
    return [other, *last_bad_answer(e, history)]


def _serves(e: Starts, history: History, state: HealthState) -> bool:
    """Whether the app was observed in `state`: for healthy it answered ready, for another state its
    last answer of health had that state.
    """
    if state is HealthState.HEALTHY:
        return history.first(Ready, lambda r: (r.app, r.boot) == (e.app, e.boot)) is not None
    sample = history.last(HealthSample, lambda s: (s.app, s.boot) == (e.app, e.boot))
    return sample is not None and sample.state is state
