"""Reads from the history how the boots of an app began and ended. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chaoslab.behaviour.facts import Exit, Start, Stop
from chaoslab.evidence.timeline import answered_s, exited, samples, spawned
from chaoslab.history.events import (
    Bound,
    Exited,
    Spawned,
    StartupComplete,
    StopRequested,
)
from chaoslab.history.journal import History

_TELLS = re.compile(
    r"error|exception|refused|timed? ?out|timeout|fatal|panic|failed|cannot|could not|unable"
    r"|denied|unreachable|reset|ECONN",
    re.IGNORECASE,
)
# What only names a place tells nothing about this exit: `(Background on this error at: https://…)`,
# and a line of a traceback of Node, Java or Python.
_ONLY_REFERS = re.compile(
    r"\b(?:at|see|visit|help):?\s+https?://\S+$|^at\s.*[(:]\S*\d|^File \".+\", line \d",
    re.IGNORECASE,
)


def start_of(app: str, history: History, until_s: float) -> Start | None:
    """How the first boot of the app began, and whether it listened and answered by `until_s`. None
    if it was not spawned.
    """
    begun = spawned(history, app, 1)
    if begun is None:
        return None
    complete = history.first_of_boot(StartupComplete, app, 1)
    heard = [s for s in samples(history, app, 1) if s.status_code and answered_s(s) <= until_s]
    bound = history.first_of_boot(Bound, app, 1)
    return Start(
        listens_s=_after_s(bound, begun) if bound and bound.at_s <= until_s else None,
        complete_s=_after_s(complete, begun),
        state=complete.state.value if complete else "",
        last_status=heard[-1].status_code if heard else None,
        attached=begun.standing,
    )


def exits_of(app: str, history: History, since_s: float | None) -> list[tuple[float, Exit]]:
    """Each exit of the app without a request of the lab, after the time at which it was recorded.
    `since_s` is when the fault was in force.
    """
    found = []
    for ended in history.of(Exited):
        begun = spawned(history, app, ended.boot)
        complete = history.first_of_boot(StartupComplete, app, ended.boot)
        if ended.app != app or ended.asked or begun is None:
            continue
        exit_ = Exit(
            code=ended.exit_code,
            after_s=ended.at_s - begun.at_s,
            since_fault_s=None if since_s is None else max(0.0, ended.at_s - since_s),
            words=last_words(ended.log_tail),
            complete_s=_after_s(complete, begun),
            state=complete.state.value if complete else "",
        )
        found.append((ended.at_s, exit_))
    return found


def completed_s(app: str, history: History) -> list[float]:
    """The times at which a boot of the app had completed its start-up, in order."""
    return sorted(c.at_s for c in history.of(StartupComplete) if c.app == app)


def stop_of(app: str, history: History) -> Stop | None:
    """The end of the app after the plan's SIGTERM. None if there was none."""
    asked = history.last(StopRequested, lambda s: s.app == app)
    ended = exited(history, app, asked.boot) if asked else None
    if asked is None or ended is None:
        return None
    return Stop(
        code=ended.exit_code,
        after_s=ended.at_s - asked.at_s,
        killed_after_s=ended.killed_after_s,
    )


def last_words(log_tail: Sequence[str]) -> str:
    """The last line of a log that tells why a process ended; the last line at all if none does. A
    line that only refers to a page on the web, or to a place in the code, does not tell.
    """
    lines = [line.strip() for line in log_tail if line.strip()]
    telling = (
        line for line in reversed(lines) if _TELLS.search(line) and not _ONLY_REFERS.search(line)
    )
    return next(telling, lines[-1] if lines else "")


def _after_s(event: Bound | StartupComplete | None, begun: Spawned) -> float | None:
    return None if event is None else event.at_s - begun.at_s
