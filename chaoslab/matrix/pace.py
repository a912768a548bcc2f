"""How long each part of a cell lasts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.model.cell import Cell, CellMoment
from chaoslab.model.policy import Policy
from chaoslab.model.topology import App, Deadlines

FAULT = "fault"  # the label of a cell's fault
NOTICES_S = 5.0  # enough for health that is refreshed in the background every few seconds
SEEN_S = 1.0  # after a deadline, to observe that it passed
_USUAL = Deadlines()
_SILENT = frozenset(("dropped", "silent", "silent_dead"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The lengths of a cell, in seconds.

    `boot_s` is how long the start-up takes in the steady state. `notices_s` is how long health may
    stay healthy while requests fail, and `back_s` how long a running app has to be back after the
    heal. A deadline of the topology that differs from the usual one replaces both. `bound_s` is how
    long a fault is held at least for a policy, so that what the app does after its deadline is
    observed. `hangs_s` is how long a request waits for its answer: one that hangs fails only then.
    """

    boot_s: float
    notices_s: float
    back_s: float
    bound_s: Mapping[tuple[CellMoment, Policy], float]
    hangs_s: float
    steady_s: float = 2.0  # the steady state
    served_s: float = 1.0  # the app serves for so long before a fault begins
    under_s: float = 1.0  # SIGTERM comes so long after the fault

    @classmethod
    def of(cls, app: App, boot_s: float) -> Pace:
        """The lengths for this app."""
        declared = app.deadlines
        slow = declared.degraded_s != _USUAL.degraded_s
        late = declared.recovery_s != _USUAL.recovery_s
        exits_s = _own(declared.fail_fast_s, _USUAL.fail_fast_s)
        starts_s = _own(declared.startup_s, _USUAL.startup_s)
        return cls(
            boot_s=boot_s,
            bound_s={
                ("boot", "exit"): exits_s,
                ("running", "exit"): exits_s,
                ("boot", "degrade"): starts_s,
                ("boot", "unavailable"): starts_s,
            },
            notices_s=declared.degraded_s if slow else NOTICES_S if app.requests else 1.0,
            back_s=declared.recovery_s if late else round(5.0 + boot_s, 1),
            hangs_s=max((each.timeout_s for each in app.requests.values()), default=1.0),
        )

    def comes_back_s(self, cell: Cell) -> float:
        """How long the app has to be back after the heal. At boot it may have to start again."""
        return round(self.back_s + self._start_s(cell), 1)

    def held_s(self, cell: Cell, policy: Policy | None) -> float:
        """How long a fault is held after it was first observed to affect the app: at boot for the
        length of a start-up more, and if requests may hang until the first of them has failed.
        """
        fails_s = self.hangs_s if cell.fault in _SILENT else 1.0
        held_s = self.notices_s + fails_s + SEEN_S + self._start_s(cell)
        return max(held_s, self._bound_s(cell, policy))

    def unseen_s(self, cell: Cell, policy: Policy | None) -> float:
        """How long a fault is held that is not observed to affect the app."""
        return max(4.0 + self._start_s(cell), self._bound_s(cell, policy))

    def _start_s(self, cell: Cell) -> float:
        return self.boot_s if cell.moment == "boot" else 0.0

    def _bound_s(self, cell: Cell, policy: Policy | None) -> float:
        bound_s = self.bound_s.get((cell.moment, policy), 0.0) if policy else 0.0
        return bound_s + SEEN_S if bound_s else 0.0


def _own(declared_s: float, usual_s: float) -> float:
    """The deadline, if it is the app's own and not the usual one. Else 0."""
    return 0.0 if declared_s == usual_s else declared_s
