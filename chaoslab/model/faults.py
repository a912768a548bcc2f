"""The faults that a plan can declare, as plain data; `chaoslab.injection` makes them happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.model.when import AtMoment, Trigger, before_spawn

SeveredMode = Literal["dropped", "refused", "silent"]
Stream = Literal["upstream", "downstream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What every declared fault has: a target of the topology, and when it starts and stops.

    `stop=None` keeps it until the run ends. `name` is unique within a plan.
    """

    target: str
    name: str = ""
    start: Trigger = before_spawn
    stop: AtMoment | None = None
    kind: str = ""

    @property
    def label(self) -> str:
        """The name by which the history and the verdicts speak of it."""
        return self.name or f"{self.kind}:{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Severed(Declared):
    """The path carries nothing. `dropped`: SYNs vanish, established connections go silent.
    `refused`: connects are refused, established connections reset. `silent`: connects succeed,
    nothing passes.
    """

    mode: SeveredMode = "dropped"
    kind: Literal["severed"] = "severed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Declared):
    """Every chunk of `streams` arrives `latency_s` ± `jitter_s` (uniform) late."""

    latency_s: float
    jitter_s: float = 0.0
    streams: tuple[Stream, ...] = ("downstream",)
    kind: Literal["slow"] = "slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Declared):
    """At most `rate_kb_per_s` kilobytes a second pass in each of `streams`."""

    rate_kb_per_s: int
    streams: tuple[Stream, ...] = ("downstream",)
    kind: Literal["throttled"] = "throttled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutMidstream(Declared):
    """Each connection is closed once `after_bytes` bytes of `stream` have passed."""

    after_bytes: int
    stream: Stream = "downstream"
    kind: Literal["cut_midstream"] = "cut_midstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay(Declared):
    """`stream` carries nothing; the other direction is untouched."""

    stream: Stream = "downstream"
    kind: Literal["one_way"] = "one_way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping(Declared):
    """Severed and whole in turn: severed for `duty` of each `period_s`, ± 20 % by the seed."""

    period_s: float
    duty: float = 0.5
    mode: SeveredMode = "refused"
    kind: Literal["flapping"] = "flapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Declared):
    """The service is shut down in order; started again on the same port at the heal."""

    kind: Literal["stopped"] = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed(Declared):
    """The service is killed as by a crash; started again on the same port at the heal."""

    kind: Literal["killed"] = "killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Declared):
    """The service is frozen: its connections stay open and silent until the heal."""

    kind: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Declared):
    """The service is stopped and started again at once; pooled connections to it go stale."""

    kind: Literal["restarted"] = "restarted"


NetworkFault = Severed | Slow | Throttled | CutMidstream | OneWay | Flapping
ServiceFault = Stopped | Killed | Paused | Restarted
FaultSpec = NetworkFault | ServiceFault
