"""Finds the processes of one boot of an app. Each boot has a birthmark, which its processes
inherit.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.clock import now_s
from chaoslab.machine import reaper
from chaoslab.machine.reaper import Process

ENDING_S = 0.2  # for those that are about to end by themselves, as workers do after their parent
_KILLED_WITHIN_S = 2.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftProcess:
    """A process of an app that was still alive after the app's own process had ended.

    `ended` is True if the lab has then ended it, False if it is still alive.
    """

    pid: int
    name: str
    ended: bool = True


def set_birthmark(family: Iterable[int], birthmark: int) -> None:
    """Give the processes numbered `family` a birthmark; every process that they start from now on
    inherits it.

    A birthmark is a value of the limit RLIMIT_RTTIME. If the platform has no such limit, or forbids
    to set it, the processes get none. A process is then not found if it leaves its parent, its
    session and its environment.
    """
    _limit(family, birthmark)


def remove_birthmark(pid: int) -> None:
    """Remove the birthmark of a process of the lab, which has one if an app started the lab."""
    _limit((pid,), -1)


def _limit(family: Iterable[int], soft: int) -> None:
    with contextlib.suppress(ImportError, AttributeError):
        import resource  # noqa: PLC0415  (not on every platform)

        for pid in family:
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
                resource.prlimit(pid, resource.RLIMIT_RTTIME, (soft if soft >= 0 else hard, hard))


def of_boot(session: int, birthmark: int, family: Iterable[int] = ()) -> dict[int, Process]:
    """Maps the number of each live process of one boot to the process. A process is of the boot if
    it is in the session, has the birthmark, or is in `family`.

    Call it only once the boot's own process, whose number is `session`, has ended. If a live
    process has that number, the number is reused, and the processes of that session are not the
    boot's.
    """
    known, machine = set(family), reaper.all_processes()
    is_reused = session in machine
    return {
        pid: process
        for pid, process in machine.items()
        if (process.session == session and not is_reused)
        or pid in known
        or (birthmark and reaper.birthmark(pid) == birthmark)
    }


async def end_rest(
    session: int, birthmark: int, family: Iterable[int] = ()
) -> tuple[LeftProcess, ...]:
    """Kill the processes that a boot left alive after its own process ended. Returns those
    processes, and for each whether it has ended.

    Processes that end by themselves within 0.2 s are left out.
    """
    left = await _after(ENDING_S, of_boot(session, birthmark, family))
    if not left:
        return ()
    names = {pid: name_of(pid) for pid in left}
    alive, end_s = left, now_s() + _KILLED_WITHIN_S
    while alive and now_s() < end_s:  # repeat: one may have forked meanwhile
        for pid in alive:
            reaper.send(pid, signal.SIGKILL)
        await _after(_KILLED_WITHIN_S / 2, alive)
        alive = of_boot(session, birthmark, alive)
    return tuple(
        LeftProcess(pid=pid, name=names[pid], ended=pid not in alive) for pid in sorted(left)
    )


async def _after(limit_s: float, processes: dict[int, Process]) -> dict[int, Process]:
    """Wait until the processes have ended, at most `limit_s` seconds; returns those that are still
    alive.
    """
    end_s = now_s() + limit_s
    while processes and now_s() < end_s:
        await asyncio.sleep(_POLL_S)
        processes = _alive(processes)
    return _alive(processes)


def _alive(processes: dict[int, Process]) -> dict[int, Process]:
    now = {pid: reaper.look(pid) for pid in processes}
    return {
        pid: process
        for pid, process in processes.items()
        if (still := now[pid]) is not None and still.born == process.born
    }


def name_of(pid: int) -> str:
    """The kernel's name of a process, in printable characters; empty if the process has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        name = file.read().decode(errors="replace").rstrip("\n")
        return "".join(letter if letter.isprintable() else "?" for letter in name)
    return ""
