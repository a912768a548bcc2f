"""What is wrong with a part of the lab, and with a process that should run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chaoslab.errors import ChaoslabError
from chaoslab.machine.process import is_stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with a part, where no act of the lab's own explains it.

    `ended`: it will not come back by itself, and nothing can be judged from now on. `error` is what
    the run ends with then, where that is known better than that the part ended.
    """

    what: str
    ended: bool = False
    log: tuple[str, ...] = ()
    error: ChaoslabError | None = None


def ended_by(code: int) -> str:
    """An exit code in words: `exit status 1`, `SIGKILL`."""
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def trouble_of(
    process: subprocess.Popen[bytes], family: Sequence[int], log: Callable[[], tuple[str, ...]]
) -> Trouble | None:
    """What is wrong with a process that should run; `family` is it and its descendants."""
    if (code := process.poll()) is not None:
        return Trouble(what=f"it ended by {ended_by(code)}", ended=True, log=log())
    stopped = [pid for pid in family if is_stopped(pid)]
    return Trouble(what="a signal has stopped it (SIGSTOP)") if stopped else None
