"""Whether an app's further processes, such as its worker, run again after a heal. Pure.

Only a process that ended by itself since the first fault began has to come back. It is back if it
runs, and has run for long enough by the end of the watch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaoslab.evidence.processes import ProcessLife, lives_of, process_exited
from chaoslab.evidence.reasons import NOT_REACHED
from chaoslab.evidence.timeline import Span, faults_begun_s
from chaoslab.history.journal import History
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome
from chaoslab.reason import Code, Reason

RUNS = Code(
    "back.process_runs",
    "process '{process}' runs from {after_s:.3f} s after the heal on, restarted {restarts} x since "
    "the first fault",
    "A further process of the app ended since the first fault began, and its supervisor restarted"
    " it. `after_s` is 0 if it ran at the heal.",
    data=("process", "after_s", "restarts"),
)
DOWN = Code(
    "back.process_down",
    "process '{process}' did not run {watched_s:.3f} s after the heal, and nothing starts it again",
    "A further process of the app ended, and its supervisor does not start it again.",
    data=("process", "watched_s"),
)
RESTARTS = Code(
    "back.process_restarts",
    "process '{process}' ended again and again: it did not run for {required_s:g} s within "
    "{watched_s:.3f} s of the heal",
    "The supervisor of a further process starts it again, and it ends soon each time.",
    data=("process", "required_s", "watched_s"),
)
LATE = Code(
    "back.process_late",
    "process '{process}' runs only from {after_s:.3f} s after the heal on, {late_s:.3f} s too late",
    "A further process of the app runs again, but it was started after the bound.",
    data=("process", "after_s", "late_s"),
)
SHORT = Code(
    "back.process_short",
    "process '{process}' was watched for only {ran_s:.3f} s after its restart, {required_s:g} s "
    "are required",
    "The watch ended too soon after the restart of a further process to know whether it stays.",
    data=("process", "ran_s", "required_s"),
)
TOO_MANY = Code(
    "back.process_too_many",
    "{restarts} restarts of process '{process}' after the heal, {allowed} are allowed",
    "A further process needed more restarts by its supervisor than the claim allows.",
    data=("process", "restarts", "allowed"),
)
Found = tuple[Outcome, Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """The lives of one process that ended by itself since the first fault began."""

    process: str
    lives: tuple[ProcessLife, ...]
    begun_s: float  # of the first fault

    @property
    def last(self) -> ProcessLife:
        """Its last life."""
        return self.lives[-1]

    def restarts_from(self, since_s: float) -> int:
        """How often a supervisor started it from then on."""
        return sum(life.restart and life.begun_s >= since_s for life in self.lives)


def to_come_back(app: App, history: History) -> Iterator[Back]:
    """Yields each process of the app that ended by itself since the first fault began."""
    begun_s = min(faults_begun_s(history).values(), default=None)
    if begun_s is None:
        return
    for process in app.processes:
        lives = tuple(lives_of(app.name, process, history))
        ends = (life.ended_by_itself for life in lives)
        if any(end is not None and end.at_s >= begun_s for end in ends):
            yield Back(process=process, lives=lives, begun_s=begun_s)


def processes_back(
    app: App, history: History, watched: Span, within_s: float, allowed: int | None
) -> Iterator[Found]:
    """Yields whether each process that ended runs again within `within_s` of the heal, with the
    reasons. `watched` is from the heal to the end of the watch. `allowed` is the number of restarts
    from the heal on; None means any.
    """
    for back in to_come_back(app, history):
        outcome, why = _of(back, app.deadlines.stable_s, watched, within_s)
        yield outcome, why
        if outcome is Outcome.FAIL and (ended := _last_end(back)) is not None:
            yield outcome, ended
        again = back.restarts_from(watched.start_s)
        if allowed is not None and again > allowed:
            yield Outcome.FAIL, TOO_MANY(process=back.process, restarts=again, allowed=allowed)


def process_to_wait_for(app: App, history: History, due_s: float, now_s: float) -> str | None:
    """The name of a process that may still come back by `due_s`, or that runs again and has not run
    for long enough. None if there is none.
    """
    stable_s = app.deadlines.stable_s
    for back in to_come_back(app, history):
        ended = back.last.ended
        if ended is not None:
            comes = ended.wait_s is not None and now_s <= due_s
        else:
            comes = back.last.begun_s <= due_s and now_s < back.last.begun_s + stable_s
        if comes:
            return back.process
    return None


def _of(back: Back, stable_s: float, watched: Span, within_s: float) -> Found:
    name, last = back.process, back.last
    healed_s, until_s, due_s = watched.start_s, watched.end_s, watched.start_s + within_s
    watched_s = until_s - healed_s
    ended = last.ended_by_itself
    if ended is not None and ended.wait_s is None:
        return Outcome.FAIL, DOWN(process=name, watched_s=watched_s)
    ran_s = until_s - last.begun_s
    if ended is not None or (ran_s < stable_s and last.begun_s > due_s):
        if until_s < due_s:
            return Outcome.UNKNOWN, NOT_REACHED(until_s=until_s, bound_s=due_s)
        return Outcome.FAIL, RESTARTS(process=name, required_s=stable_s, watched_s=watched_s)
    after_s = max(0.0, last.begun_s - healed_s)
    if last.begun_s > due_s:
        return Outcome.FAIL, LATE(process=name, after_s=after_s, late_s=last.begun_s - due_s)
    if ran_s < stable_s:
        return Outcome.UNKNOWN, SHORT(process=name, ran_s=ran_s, required_s=stable_s)
    return Outcome.PASS, RUNS(
        process=name, after_s=after_s, restarts=back.restarts_from(back.begun_s)
    )


def _last_end(back: Back) -> Reason | None:
    ends = [life.ended_by_itself for life in back.lives if life.ended_by_itself]
    return process_exited(ends[-1]) if ends else None
