"""Reads the memory and the processor time of a process tree, as the kernel shows them.

Source: proc(5): `/proc/<pid>/stat` has the times in clock ticks and the resident pages.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from chaoslab.machine.sockets import tree

# Fields after the name, which may contain spaces: utime, stime, cutime and cstime; rss.
_TIMES = slice(11, 15)
_RSS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process and its descendants use: resident memory now, processor time so far.

    Memory that processes share is counted for each of them. The processor time contains that of
    children that have ended, if their parent has waited for them.
    """

    rss_bytes: int
    cpu_s: float


def used_by(pid: int) -> Used | None:
    """What the process and its descendants use. None if the process has ended, or if the platform
    does not show it.
    """
    found = [used for member in tree(pid) if (used := _used(member)) is not None]
    if not found:
        return None
    return Used(
        rss_bytes=sum(used.rss_bytes for used in found), cpu_s=sum(used.cpu_s for used in found)
    )


def _used(pid: int) -> Used | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        ticks, pages = sum(map(int, fields[_TIMES])), int(fields[_RSS])
    except (OSError, IndexError, ValueError):
        return None
    return Used(
        rss_bytes=pages * os.sysconf("SC_PAGE_SIZE"), cpu_s=ticks / os.sysconf("SC_CLK_TCK")
    )
