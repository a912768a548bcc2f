"""Skips what needs network namespaces where this machine forbids them, and finds who is in one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.netns import needs

_KINDS = ("net", "pid")


def needs_namespaces() -> None:
    """Skip the test if no lab can make network namespaces and packet rules here."""
    try:
        needs.check()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


class Inside:
    """The network and PID namespaces of some processes, without those of this process.

    They are held open meanwhile: the kernel gives the number of one that is gone to the next.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._held: dict[str, int] = {}
        own = _joined("self")
        for pid in pids:
            for kind in _KINDS:
                with suppress(OSError):  # it has ended
                    self._hold(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), own)

    def _hold(self, held: int, own: set[str]) -> None:
        name = os.readlink(f"/proc/self/fd/{held}")
        if name in own or name in self._held:
            os.close(held)
        else:
            self._held[name] = held

    def members(self) -> list[int]:
        """The processes of this machine that are in one of them."""
        every = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
        return [pid for pid in every if not self._held.keys().isdisjoint(_joined(pid))]

    def close(self) -> None:
        """Hold them no longer."""
        while self._held:
            os.close(self._held.popitem()[1])


def _joined(pid: int | str) -> set[str]:
    try:
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in _KINDS}
    except OSError:  # it has ended, or belongs to another user
        return set()
