"""Events of the lab itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chaoslab.history.events.base import Event
from chaoslab.model.saved_reason import SavedReason

PastProxy = Literal["detected", "prevented", "not observed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabUp(Event):
    """Services and proxies run, and the lab tried each link. All this took `took_s` seconds.

    `disabled` names the fault that was disabled in this run, and how; empty if none was.
    `past_proxy` says how this run treats a connection that goes past a link's proxy: the lab
    detects it, the network prevents it, or the lab does not observe it. It is empty in runs that
    older versions saved.
    """

    took_s: float
    versions: Mapping[str, str]
    links: Mapping[str, str]
    notes: tuple[str, ...] = ()
    disabled: str = ""
    past_proxy: PastProxy | Literal[""] = ""
    kind: Literal["lab_up"] = "lab_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLag(Event):
    """The lab's own loop woke `late_s` seconds late. After a long lag its times are unreliable."""

    late_s: float
    kind: Literal["lab_lag"] = "lab_lag"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedOutside(Event):
    """An app tried an address outside the lab, which its network does not have.

    `attempts` counts TCP connects, each retry included, or datagrams, from `first_s` to `last_s`.
    `names` are those that it looked up there, the first 20, if the address is that of a DNS server.
    Written at the end of the run.
    """

    app: str
    protocol: Literal["tcp", "udp"]
    host: str
    port: int
    attempts: int
    first_s: float
    last_s: float
    names: tuple[str, ...] = ()
    kind: Literal["tried_outside"] = "tried_outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class UncountedOutside(Event):
    """`packets` to addresses outside the lab, of any app, are in no TriedOutside: the apps tried
    too many addresses, or sent too fast.
    """

    packets: int
    kind: Literal["uncounted_outside"] = "uncounted_outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabTrouble(Event):
    """A part of the lab itself failed at `at_s`, and no fault of the plan caused it.

    `part` names the part, such as `postgres`, `the proxy engine` or `the lab's own requests`.
    `what` is what was observed. `lasted_s` is how long the failure lasted, as far as known; None
    if it did not end or has no duration.
    """

    part: str
    what: str
    lasted_s: float | None = None
    kind: Literal["lab_trouble"] = "lab_trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCrashed(Event):
    """A probe of the lab raised an error. What it should have observed is unknown."""

    probe: str
    error: str
    kind: Literal["probe_crashed"] = "probe_crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The last event of a run. `settled`: every expectation could be judged by then. `why` is the
    cause of the end. `cause` is the reason for an early end of a run that could show nothing.
    """

    settled: bool
    why: str
    cause: SavedReason | None = None
    kind: Literal["run_ended"] = "run_ended"
