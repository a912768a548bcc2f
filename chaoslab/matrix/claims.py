"""What is claimed of an app in a cell: only what must hold under any policy, and the policy of the
topology for that link and moment. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.expectations import BacksOff, Expectation, KeepsAcknowledged, Recovers, Stops
from chaoslab.matrix.pace import Pace
from chaoslab.model.cell import Cell
from chaoslab.model.topology import App


def claims_of(cell: Cell, app: App, pace: Pace) -> tuple[Expectation, ...]:
    """The claims of one cell."""
    return (*_wrong_under_any_policy(cell, app, pace),)


def _wrong_under_any_policy(cell: Cell, app: App, pace: Pace) -> Iterator[Expectation]:
    """Yields the claims whose failure is wrong whatever the app is to do without the service."""
    if cell.steady or cell.moment == "sigterm":
        yield Stops(app=app.name, exit_codes=None)
        return
    yield Recovers(app=app.name, within_s=pace.back_s)
    if app.write is not None:
        yield KeepsAcknowledged(app=app.name)
    if cell.fault != "restarted":
        yield BacksOff(app=app.name)
