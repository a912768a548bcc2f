"""Finds and ends all processes of a lab, and deletes its folder.

The dead-man's switch of a lab (`deadman.py`) runs it in a process of its own, so it imports nothing
of chaoslab.

A process belongs to the lab if one of these holds:

- It has the lab's mark in its environment. This holds from its start, before it is registered.
- It works in the lab's folder. PostgreSQL overwrites the environment that the kernel shows.
- It is in a session that the owner registered.
- It has a birthmark of the lab's apps. A daemon keeps it after it has left its session, its
  parents and its environment.
- It descends from a process for which one of these holds.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import time
from collections.abc import Sequence

GRACE_S = 0.6
LIMIT_S = 4.0
# The owner may have died between fork and exec; its child has the mark only after exec.
MORE_LOOKS_S = (0.3,)
_POLL_S = 0.003
_IPC_RMID = 0
_BIRTHMARK = 1 << 62  # microseconds of real-time scheduling: no limit that acts on anything
_SPAWNS = 1 << 16
_LIMIT = b"Max realtime timeout"


class Process:
    """One live process as `/proc` shows it; `born` is its start in clock ticks since the
    machine's boot.
    """

    __slots__ = ("born", "parent", "pid", "session")

    def __init__(self, pid: int, parent: int, session: int, born: int) -> None:
        self.pid, self.parent, self.session, self.born = pid, parent, session, born


def look(pid: int) -> Process | None:
    """The process with the number `pid`; None if it has ended or is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if not fields or fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]))


def all_processes() -> dict[int, Process]:
    """Maps the number of every live process of the machine to its process."""
    found = (look(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def birthmarks(mark: str) -> range:
    """The birthmarks of a lab's apps, one for each spawn; empty if `mark` is not a lab's mark.

    A birthmark is a value of the soft limit RLIMIT_RTTIME. Children inherit it through fork and
    exec; a new session, an empty environment and a dead parent do not change it.
    """
    try:
        first = _BIRTHMARK + int(mark.partition("=")[0].rpartition("_")[2], 16) * _SPAWNS
    except ValueError:
        return range(0)
    return range(first, first + _SPAWNS)


def birthmark(pid: int) -> int:
    """The birthmark of a process; 0 if the process has none, has ended, or cannot be read."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            word = file.read().partition(_LIMIT)[2].split(None, 1)[0]
            return int(word) if word.isdigit() else 0
    except (OSError, IndexError):
        return 0


def _carries(pid: int, mark: bytes, folder: str) -> bool:
    # A process that cannot be read belongs to another user, so it is not the lab's.
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            if mark and mark in file.read().split(b"\0"):
                return True
    except OSError:
        pass
    try:
        there = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return bool(folder) and (there + "/").startswith(folder + "/")


def members(mark: str, folder: str, sessions: dict[int, int]) -> dict[int, Process]:
    """Maps the number of each live process of a lab to the process. A process is of the lab if it
    has the mark, works in the folder, or is in one of the sessions.

    Descendants of such a process are included, this process is not. `sessions` maps a session
    leader's number to its start in clock ticks. An empty `mark` matches nothing, so that a service
    can be found by its folder alone.
    """
    machine = all_processes()
    births = birthmarks(mark)
    ours: dict[int, Process] = {}
    for pid, process in machine.items():
        if pid == os.getpid():
            continue
        born = sessions.get(process.session)
        leader = machine.get(process.session)
        if (
            (born is not None and (leader is None or leader.born == born))
            or _carries(pid, mark.encode(), folder)
            or birthmark(pid) in births
        ):
            ours[pid] = process
    grew = True
    while grew:
        young = {p.pid: p for p in machine.values() if p.parent in ours and p.pid not in ours}
        young.pop(os.getpid(), None)
        ours.update(young)
        grew = bool(young)
    return ours


def send(pid: int, number: int) -> None:
    """Send a signal to a process; no error if the process has ended or belongs to another user."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _postmasters(folder: str) -> dict[int, int]:
    # pid -> id of the System V segment that only an orderly end removes (postmaster.pid, line 7).
    # The folder is a lab's, with `<service>/data` inside, or a service's.
    found = {}
    home = glob.escape(folder)
    for path in glob.glob(f"{home}/*/data/postmaster.pid") + glob.glob(
        f"{home}/data/postmaster.pid"
    ):
        with contextlib.suppress(OSError, ValueError, IndexError), open(path) as file:
            lines = file.read().split("\n")
            found[int(lines[0])] = int(lines[6].split()[1])
    return found


def _remove_segments(segments: dict[int, int]) -> None:
    # A killed PostgreSQL leaves a segment, and the machine has only 4096 of them.
    if segments:
        import ctypes  # noqa: PLC0415  (5 ms that an orderly end does not need)

        libc = ctypes.CDLL(None)
        for segment in segments.values():
            libc.shmctl(segment, _IPC_RMID, None)


def end_processes(mark: str, folder: str, sessions: dict[int, int]) -> bool:
    """End all processes of a lab; returns whether none is left.

    PostgreSQL gets SIGQUIT, so that it frees its shared memory, the others SIGKILL. After `GRACE_S`
    seconds all that are left get SIGKILL.
    """
    start = time.monotonic()
    while ours := members(mark, folder, sessions):
        late = time.monotonic() - start > GRACE_S
        postmasters = () if late else tuple(_postmasters(folder))
        for pid in postmasters:
            if pid in ours:
                send(pid, signal.SIGQUIT)
                send(pid, signal.SIGCONT)
        for pid in ours:
            if pid not in postmasters:
                send(pid, signal.SIGKILL)
        if time.monotonic() - start > LIMIT_S:
            return False
        wait_for(ours, GRACE_S)
    _remove_segments(_postmasters(folder))
    return True


def wait_for(ours: dict[int, Process], limit_s: float) -> None:
    """Wait until all of the processes have ended, at most `limit_s` seconds."""
    end = time.monotonic() + limit_s
    left = set(ours)
    while left and time.monotonic() < end:
        left = {pid for pid in left if look(pid) is not None}
        if left:
            time.sleep(_POLL_S)


def clean(mark: str, folder: str, sessions: dict[int, int]) -> bool:
    """End all processes of a lab and delete its folder; returns whether nothing is left.

    Safe to repeat.
    """
    gone = end_processes(mark, folder, sessions)
    # A process may write into the folder while it is deleted, so try again.
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return gone
    return False


def clean_up(words: Sequence[str], lines: Sequence[str], *, again: bool) -> str:
    """End a lab's processes and delete its folder. `deadman.py` calls it.

    Returns what is left, or the empty string. `words` are the lab's mark and folder; each line has
    a session's leader and its start.
    """
    del again
    mark, folder = words
    sessions = {int(leader): int(born) for leader, born in map(str.split, lines)}
    return "" if clean(mark, folder, sessions) else f"processes of {mark}, or {folder}"
