"""Skips what needs network namespaces where this machine forbids them, and finds who is in one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.netns import needs


def needs_namespaces() -> None:
    """Skip the test if no lab can make network namespaces and packet rules here."""
    try:
        needs.check()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def namespaces_of(pids: Iterable[int]) -> set[str]:
    """The network and PID namespaces of these processes, without those of this process."""
    found = {where for pid in pids for where in _joined(pid)}
    return found - set(_joined(os.getpid()))


def members_of(namespaces: Collection[str]) -> list[int]:
    """The processes of this machine that are in one of these namespaces."""
    every = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
    return [pid for pid in every if not set(namespaces).isdisjoint(_joined(pid))]


def _joined(pid: int) -> tuple[str, ...]:
    try:
        return tuple(os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "pid"))
    except OSError:  # it has ended, or belongs to another user
        return ()
