"""Reads from the history how the further processes of an app ended in a cell. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.behaviour.boots import last_words
from chaoslab.behaviour.facts import Exit, ProcessEnds, ProcessStop, Stop
from chaoslab.evidence.processes import ProcessLife, lives_of
from chaoslab.evidence.timeline import last_healed_s
from chaoslab.history.events import StopRequested
from chaoslab.history.journal import History
from chaoslab.model.topology import App


def ends_of(
    app: App, history: History, *, asked_s: float | None, in_force_s: float | None
) -> Iterator[ProcessEnds]:
    """Yields each further process that ended by itself from the request of the fault on, with the
    time since it was in force. None means in the whole cell.
    """
    healed_s = last_healed_s(history)
    for name in app.processes:
        lives = lives_of(app.name, name, history)
        ends = [
            (life, end)
            for life in lives
            if (end := life.ended_by_itself) is not None and end.at_s >= (asked_s or 0.0)
        ]
        if not ends:
            continue
        life, first = ends[0]
        yield ProcessEnds(
            name=name,
            first=Exit(
                code=first.exit_code,
                after_s=first.at_s - life.begun_s,
                since_fault_s=None if in_force_s is None else max(0.0, first.at_s - in_force_s),
                words=last_words(first.log_tail),
            ),
            codes=tuple(dict.fromkeys(end.exit_code for _, end in ends)),
            count=len(ends),
            restarts=sum(life.restart and life.begun_s >= first.at_s for life in lives),
            runs_after_s=_runs_after_s(lives[-1], healed_s),
        )


def stops_of(app: App, history: History) -> Iterator[ProcessStop]:
    """Yields how each further process ended after the plan's SIGTERM."""
    asked = history.last(StopRequested, lambda s: s.app == app.name)
    if asked is None:
        return
    for name in app.processes:
        lives = lives_of(app.name, name, history)
        ended = lives[-1].ended if lives else None
        if ended is not None and ended.asked:
            stop = Stop(
                code=ended.exit_code,
                after_s=ended.at_s - asked.at_s,
                killed_after_s=ended.killed_after_s,
            )
            yield ProcessStop(name=name, stop=stop)


def _runs_after_s(last: ProcessLife, healed_s: float | None) -> float | None:
    if last.ended_by_itself is not None or healed_s is None:
        return None
    return max(0.0, last.begun_s - healed_s)
