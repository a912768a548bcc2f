"""The faults that a scenario can inject. Each kind is one module; `KINDS` lists them. Pure.

To add a fault, write a module with one frozen dataclass that derives from `base.LinkFault` or
`base.ServiceFault`, and add a line here.
"""

from chaoslab.faults.at_message import AtMessage
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

KINDS: tuple[type[Fault], ...] = (
    Severed,
    Slow,
    Throttled,
    OneWay,
    Flapping,
    CutMidstream,
    AtMessage,
    Stopped,
    Killed,
    Paused,
    Restarted,
)

__all__ = [
    "KINDS",
    "AtMessage",
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
]
