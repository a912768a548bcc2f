"""The plan of a cell. Pure."""

from __future__ import annotations

from chaoslab.faults import Restarted, Severed, Stopped
from chaoslab.model import when
from chaoslab.model.cell import Cell
from chaoslab.model.faults import Declared
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.when import AtMoment

FAULT = "fault"  # the label of a cell's fault
SERVED_S = 1.0  # the app serves for so long before a fault begins
STEADY_S = 2.0  # the length of the steady state
HELD_S = 3.0  # a fault is held so long after it was first observed to affect the app
UNSEEN_S = 4.0  # and so long if it is not observed to affect it
UNDER_S = 1.0  # SIGTERM comes so long after the fault
AFTER_S = 5.0  # watched after the heal
RESTARTS = 5


def plan_of(cell: Cell, topology: Topology, *, boot_s: float = 1.0) -> Plan:
    """The plan that tries a cell. `boot_s` is how long the app's start-up took in the steady state:
    a fault at boot is held for so much longer.

    Only the cell's own app is started. Every declared request is sent at its rate, from the spawn
    on.
    """
    app = topology.apps[cell.app]
    return Plan(
        name=cell.name,
        boots=(
            Boot(
                app=app.name, restarts=0 if cell.steady else RESTARTS, stop=_stop_of_app(cell, app)
            ),
        ),
        faults=() if cell.steady else (_fault(cell, boot_s),),
        load=tuple(
            Load(app=app.name, request=name, start=when.spawned(app=app.name))
            for name in app.requests
        ),
        sampling=Sampling(probers=("live", "ready")),
    )


def _fault(cell: Cell, boot_s: float) -> Declared:
    start = when.before_spawn if cell.moment == "boot" else when.started(SERVED_S, app=cell.app)
    stop = when.affected(FAULT, HELD_S, within_s=UNSEEN_S)
    if cell.moment == "boot":
        stop = when.affected(FAULT, HELD_S + boot_s, within_s=UNSEEN_S + boot_s)
    elif cell.moment == "sigterm":
        stop = when.exited(app=cell.app)
    link = f"{cell.app}.{cell.target}"
    match cell.fault:
        case "refused" | "dropped" | "silent":
            return Severed(name=FAULT, target=link, mode=cell.fault, start=start, stop=stop)
        case "silent_dead":
            return Severed(
                name=FAULT, target=link, mode="silent", at_heal="dead", start=start, stop=stop
            )
        case "stopped":
            return Stopped(name=FAULT, target=cell.target, start=start, stop=stop)
        case "restarted":
            return Restarted(name=FAULT, target=cell.target, start=start)
        case "none":
            raise AssertionError("the steady state has no fault")


def _stop_of_app(cell: Cell, app: App) -> AtMoment:
    if cell.steady:
        return when.started(STEADY_S, app=app.name)
    if cell.moment == "sigterm":
        return when.in_force(FAULT, UNDER_S)
    return when.healed(FAULT, AFTER_S)
