"""Labels of containers, networks, volumes and images: they name the lab that made them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from chaoslab.machine import reaper

ROLE = "org.chaoslab"
SESSION = f"{ROLE}.session"
PID = f"{ROLE}.pid"
STARTED = f"{ROLE}.started"
HOST = f"{ROLE}.host"
# The process namespace: a container may have its host's name, but has its own process numbers.
PIDS = f"{ROLE}.pids"


def labels_for(session_id: str, role: str) -> dict[str, str]:
    """The labels of everything that this process makes in the engine; `role` is its purpose.

    The process is identified by its number and its start, in clock ticks since boot (field 22 of
    /proc/<pid>/stat; empty without /proc), since numbers are reused.
    """
    return {
        ROLE: role,
        SESSION: session_id,
        PID: str(os.getpid()),
        STARTED: _started(os.getpid()),
        HOST: socket.gethostname(),
        PIDS: _pid_namespace(),
    }


def owner_lives(labels: Mapping[str, str]) -> bool | None:
    """Whether the lab that set these labels still runs; None if that cannot be known here.

    It cannot be known for a lab on another host or in another process namespace (a container), or
    if a label is missing. Such things are not removed.
    """
    if labels.get(HOST) != socket.gethostname() or labels.get(PIDS) != _pid_namespace():
        return None
    pid = labels.get(PID, "")
    if not (pid.isascii() and pid.isdecimal()) or int(pid) == 0 or STARTED not in labels:
        return None
    if started := labels[STARTED]:
        return _started(int(pid)) == started
    return _exists(int(pid))


def _started(pid: int) -> str:
    process = reaper.look(pid)
    return str(process.born) if process is not None else ""


def _pid_namespace() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
