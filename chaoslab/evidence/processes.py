"""What the records show of an app's further processes, such as its worker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chaoslab.history.events import ProcessExited, ProcessSpawned
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason


def _exited(data: Mapping[str, Any]) -> str:
    last = f"; log: {data['log_line']}" if data["log_line"] else "; log: (no output)"
    return (
        f"process '{data['process']}' of {data['app']} ended at {data['at_s']:.3f} s with "
        f"{data['exit_code']}{last}"
    )


PROCESS_EXITED = Code(
    "process.exited",
    _exited,
    "A further process of the app, such as a worker, ended by itself. `log_line` is the last line"
    " that it wrote.",
    data=("app", "process", "exit_code", "at_s", "log_line"),
)
PROCESS_KILLED = Code(
    "process.killed",
    "process '{process}' of {app} still ran {grace_s:g} s after SIGTERM: the lab sent SIGKILL",
    "A further process of the app still ran at the end of the grace period that the lab gave it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLife:
    """One life of a further process: when it began, and its end; None while it runs."""

    begun_s: float
    restart: bool
    ended: ProcessExited | None

    @property
    def ended_by_itself(self) -> ProcessExited | None:
        """Its end, if the lab did not ask for it."""
        return self.ended if self.ended is not None and not self.ended.asked else None


def lives_of(app: str, process: str, history: History) -> list[ProcessLife]:
    """The lives of one process, in order. Empty if it was not started."""
    ends = {e.start: e for e in history.of(ProcessExited) if (e.app, e.process) == (app, process)}
    return [
        ProcessLife(begun_s=s.at_s, restart=s.restart, ended=ends.get(s.start))
        for s in history.of(ProcessSpawned)
        if (s.app, s.process) == (app, process)
    ]


def own_exits(app: str, history: History, since_s: float) -> list[ProcessExited]:
    """The ends of the app's further processes from `since_s` on that the lab did not ask for."""
    mine = (e for e in history.of(ProcessExited) if e.app == app and not e.asked)
    return [e for e in mine if e.at_s >= since_s]


def process_exited(ended: ProcessExited) -> Reason:
    """The reason that a process ended, with its last words."""
    return PROCESS_EXITED(
        app=ended.app,
        process=ended.process,
        exit_code=ended.exit_code,
        at_s=ended.at_s,
        log_line=ended.log_tail[-1] if ended.log_tail else "",
    )


def process_killed(ended: ProcessExited) -> Reason | None:
    """The reason that the lab killed a process. None if it did not."""
    if ended.killed_after_s is None:
        return None
    return PROCESS_KILLED(app=ended.app, process=ended.process, grace_s=ended.killed_after_s)


def stopped_since(app: str, history: History, since_s: float) -> Iterable[ProcessExited]:
    """The ends of the app's further processes from `since_s` on that the lab asked for."""
    mine = (e for e in history.of(ProcessExited) if e.app == app and e.asked)
    return [e for e in mine if e.at_s >= since_s]
