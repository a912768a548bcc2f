"""The toxics, one file each, and the table of their names."""

from __future__ import annotations

from chaoslab.engine.toxics.at_message import AtMessage
from chaoslab.engine.toxics.bandwidth import Bandwidth
from chaoslab.engine.toxics.base import Settings
from chaoslab.engine.toxics.latency import Latency
from chaoslab.engine.toxics.limit_data import LimitData
from chaoslab.engine.toxics.noop import Noop
from chaoslab.engine.toxics.reset_peer import ResetPeer
from chaoslab.engine.toxics.silence import Silence
from chaoslab.engine.toxics.slicer import Slicer
from chaoslab.engine.toxics.slow_close import SlowClose
from chaoslab.engine.toxics.timeout import Timeout

TOXICS: dict[str, type[Settings]] = {
    "at_message": AtMessage,
    "bandwidth": Bandwidth,
    "latency": Latency,
    "limit_data": LimitData,
    "noop": Noop,
    "reset_peer": ResetPeer,
    "silence": Silence,
    "slicer": Slicer,
    "slow_close": SlowClose,
    "timeout": Timeout,
}
