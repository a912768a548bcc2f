"""Describes what is wrong with a part of the lab, or with a process that should run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from chaoslab.errors import ChaoslabError
from chaoslab.machine.process import is_stopped

E = TypeVar("E", bound=ChaoslabError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with a part of the lab, if the lab itself is not the cause.

    `ended` is True if the part does not come back, and the run must end. `error` is the error that
    ends the run, if one is known.
    """

    what: str
    ended: bool = False
    log: tuple[str, ...] = ()
    error: ChaoslabError | None = None


def ended_by(code: int) -> str:
    """An exit code in words, as in `exit status 1` or `SIGKILL` (for a negative code)."""
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def trouble_of(
    process: subprocess.Popen[bytes], family: Sequence[int], log: Callable[[], tuple[str, ...]]
) -> Trouble | None:
    """What is wrong with a process that should run; None if nothing is.

    `family` has the numbers of the process and its descendants. `log` returns the last lines of the
    process's log.
    """
    if (code := process.poll()) is not None:
        return Trouble(what=f"it ended by {ended_by(code)}", ended=True, log=log())
    stopped = [pid for pid in family if is_stopped(pid)]
    return Trouble(what="a signal has stopped it (SIGSTOP)") if stopped else None


def last_lines(log: Sequence[str]) -> tuple[str, ...]:
    """The lines of a log for `Problem.lines`; `(nothing)` if there are none."""
    return tuple(log) or ("(nothing)",)


def with_place(error: E, where: str) -> E:
    """A copy of the error, with `where` before the place of each of its problems."""
    return type(error)(
        replace(each, where=f"{where}: {each.where}" if each.where else where)
        for each in error.problems
    )
