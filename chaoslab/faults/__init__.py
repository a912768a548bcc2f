"""What goes wrong: one module for each kind of fault, and the table of all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chaoslab.faults.base import Fault
from chaoslab.faults.cut_midstream import CutMidstream
from chaoslab.faults.flapping import Flapping
from chaoslab.faults.killed import Killed
from chaoslab.faults.one_way import OneWay
from chaoslab.faults.paused import Paused
from chaoslab.faults.restarted import Restarted
from chaoslab.faults.severed import Severed
from chaoslab.faults.slow import Slow
from chaoslab.faults.stopped import Stopped
from chaoslab.faults.throttled import Throttled

__all__ = [
    "TABLE",
    "CutMidstream",
    "Fault",
    "Flapping",
    "Killed",
    "OneWay",
    "Paused",
    "Restarted",
    "Severed",
    "Slow",
    "Stopped",
    "Throttled",
    "kinds",
    "merged",
]

TABLE: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "severed": Severed,
        "slow": Slow,
        "throttled": Throttled,
        "one_way": OneWay,
        "flapping": Flapping,
        "cut_midstream": CutMidstream,
        "stopped": Stopped,
        "killed": Killed,
        "paused": Paused,
        "restarted": Restarted,
    }
)


def kinds() -> Mapping[str, type[Fault]]:
    """Every kind that is known here, in the order of lists for people."""
    return merged({})


def merged(extra: Mapping[str, type[Fault]]) -> Mapping[str, type[Fault]]:
    """The table with the kinds of other distributions. Raises ValueError for a kind named twice."""
    if taken := sorted(TABLE.keys() & extra.keys()):
        raise ValueError(f"kinds of fault that chaoslab has itself: {', '.join(taken)}")
    return {**TABLE, **extra}
