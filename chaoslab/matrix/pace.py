"""How long each part of a cell lasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.model.cell import Cell
from chaoslab.model.topology import App, Deadlines

FAULT = "fault"  # the label of a cell's fault
_USUAL = Deadlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The lengths of a cell, in seconds.

    `boot_s` is how long the start-up takes in the steady state. `notices_s` is how long health may
    stay healthy while requests fail, and `back_s` how long the app has to be back after the heal. A
    deadline of the topology that differs from the usual one replaces both.
    """

    boot_s: float
    notices_s: float
    back_s: float
    steady_s: float = 2.0  # the steady state
    served_s: float = 1.0  # the app serves for so long before a fault begins
    under_s: float = 1.0  # SIGTERM comes so long after the fault

    @classmethod
    def of(cls, app: App, boot_s: float) -> Pace:
        """The lengths for this app."""
        declared = app.deadlines
        slow = declared.degraded_s != _USUAL.degraded_s
        late = declared.recovery_s != _USUAL.recovery_s
        return cls(
            boot_s=boot_s,
            notices_s=declared.degraded_s if slow else 1.0,
            back_s=declared.recovery_s if late else round(5.0 + boot_s, 1),
        )

    def held_s(self, cell: Cell) -> float:
        """How long a fault is held after it was first observed to affect the app: at boot for the
        length of a start-up more.
        """
        return self.notices_s + 2.0 + self._start_s(cell)

    def unseen_s(self, cell: Cell) -> float:
        """How long a fault is held that is not observed to affect the app."""
        return 4.0 + self._start_s(cell)

    def _start_s(self, cell: Cell) -> float:
        return self.boot_s if cell.moment == "boot" else 0.0
