"""From which boot of an app a process came, whatever it has left behind: by its birthmark."""

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
    """A process of an app that was alive after the app's own had ended; `ended` by the lab, or
    alive still.
    """

    pid: int
    name: str
    ended: bool = True


def give(family: Iterable[int], birthmark: int) -> None:
    """Give processes a birthmark, which all that they start from now on inherit.

    Where the platform has no such limit, or forbids it, they stay without: what leaves its parent,
    its session and its environment behind is then not found.
    """
    _limit(family, birthmark)


def take(pid: int) -> None:
    """Let a process of the lab's own have none, where the lab itself was started by an app."""
    _limit((pid,), -1)


def _limit(family: Iterable[int], soft: int) -> None:
    with contextlib.suppress(ImportError, AttributeError):
        import resource  # noqa: PLC0415  (there is none on every platform)

        for pid in family:
            with contextlib.suppress(OSError, ValueError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_RTTIME)
                resource.prlimit(pid, resource.RLIMIT_RTTIME, (soft if soft >= 0 else hard, hard))


def of_boot(session: int, birthmark: int, family: Iterable[int] = ()) -> dict[int, Process]:
    """The live processes of one boot: in its session, with its birthmark, or known before.

    The boot's own process has ended: who leads a session of its number is another, which was given
    the number anew, and with it are all who are in that session.
    """
    known, machine = set(family), reaper.everything()
    is_taken = session in machine
    return {
        pid: process
        for pid, process in machine.items()
        if (process.session == session and not is_taken)
        or pid in known
        or (birthmark and reaper.birthmark(pid) == birthmark)
    }


async def end_rest(
    session: int, birthmark: int, family: Iterable[int] = ()
) -> tuple[LeftProcess, ...]:
    """End by SIGKILL what is alive of a boot whose process has ended; returns what that was.

    Those that end by themselves within 0.2 s are not counted among it.
    """
    left = await _after(ENDING_S, of_boot(session, birthmark, family))
    if not left:
        return ()
    names = {pid: name_of(pid) for pid in left}
    alive, end_s = left, now_s() + _KILLED_WITHIN_S
    while alive and now_s() < end_s:  # again: one may have forked meanwhile
        for pid in alive:
            reaper.send(pid, signal.SIGKILL)
        await _after(_KILLED_WITHIN_S / 2, alive)
        alive = of_boot(session, birthmark, alive)
    return tuple(
        LeftProcess(pid=pid, name=names[pid], ended=pid not in alive) for pid in sorted(left)
    )


async def _after(limit_s: float, processes: dict[int, Process]) -> dict[int, Process]:
    """Those that are still alive, by number and birth, after at most that time."""
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
    """What the kernel calls a process, printable; empty for one that is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        name = file.read().decode(errors="replace").rstrip("\n")
        return "".join(letter if letter.isprintable() else "?" for letter in name)
    return ""
