"""A cell of the matrix: one fault on one link of one app, at one moment. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CellFault = Literal[
    "none", "refused", "dropped", "silent", "silent_dead", "stopped", "restarted"
]  # fmt: skip
CellMoment = Literal["boot", "running", "sigterm"]

# The faults of a path. The others act on the service itself.
ON_LINKS: tuple[CellFault, ...] = ("refused", "dropped", "silent", "silent_dead")
ON_SERVICES: tuple[CellFault, ...] = ("stopped", "restarted")
IN_WORDS: Mapping[CellFault, str] = {
    "none": "no fault",
    "refused": "refused",
    "dropped": "dropped",
    "silent": "silent",
    "silent_dead": "silent, then dead",
    "stopped": "stopped",
    "restarted": "restarted",
}
MEANS: Mapping[CellFault, str] = {
    "none": "nothing is injected",
    "refused": "connects are refused, open connections are reset",
    "dropped": "packets are dropped: connects hang, open connections are silent",
    "silent": "connects succeed, no byte passes",
    "silent_dead": "as silent; after the heal the old connections stay open and silent",
    "stopped": "the service is shut down and started again",
    "restarted": "the service is restarted at once",
}
AT: Mapping[CellMoment, str] = {
    "boot": "at boot",
    "running": "running",
    "sigterm": "at SIGTERM",
}
STEADY = "steady"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one run of the matrix tries: `fault` on the app's link to `target`, or on the service
    `target` itself, at `moment`.

    `boot`: the fault is in force before the app starts. `running`: it begins while the app serves.
    `sigterm`: the app is asked to stop while the fault is in force. The cell without a fault has no
    target and is the steady state, with which the others are compared. `qualified`: the topology
    has several apps, so the name begins with the app's.
    """

    app: str
    target: str = ""
    fault: CellFault = "none"
    moment: CellMoment = "running"
    qualified: bool = False

    @property
    def steady(self) -> bool:
        """Whether the cell has no fault."""
        return self.fault == "none"

    @property
    def name(self) -> str:
        """A short name that does not change, for options and folders: `postgres-refused-boot`."""
        own = STEADY if self.steady else f"{self.target}-{self.fault}-{self.moment}"
        return f"{self.app}-{own}" if self.qualified else own

    @property
    def label(self) -> str:
        """The cell for people, without its app: `postgres refused, at boot`."""
        if self.steady:
            return IN_WORDS["none"]
        return f"{self.target} {IN_WORDS[self.fault]}, {AT[self.moment]}"
