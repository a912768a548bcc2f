"""The plan of a cell. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.faults import Restarted, Severed, Stopped
from chaoslab.matrix.claims import claims_of, policy_in
from chaoslab.matrix.pace import FAULT, Pace
from chaoslab.model import when
from chaoslab.model.cell import Cell
from chaoslab.model.faults import Declared
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan
from chaoslab.model.policy import Policy
from chaoslab.model.steps import Step
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Topology
from chaoslab.model.when import AtMoment, Trigger

NO_SUPERVISOR = Supervisor(restart="never")  # that of an attached app is not the lab's


def plan_of(cell: Cell, topology: Topology, *, boot_s: float = 1.0, attached: bool = False) -> Plan:
    """The plan that tries a cell. `boot_s` is how long the app's start-up took in the steady state.
    `attached`: the app runs already, and the lab neither stops nor restarts it.

    Only the cell's own app is started, with its supervisor; in the steady state without one. Every
    declared request is sent at its rate, from the spawn on.
    """
    app = topology.apps[cell.app]
    pace = Pace.of(app, boot_s)
    supervisor = NO_SUPERVISOR if attached else app.supervisor or Supervisor()
    boot = Boot(
        app=app.name,
        supervisor=replace(supervisor, restart="never") if cell.steady else supervisor,
        stop=None if attached else _stop_of_app(cell, app, pace),
    )
    return Plan(
        name=cell.name,
        boots=(boot,),
        faults=() if cell.steady else (_fault(cell, pace, policy_in(topology, cell)),),
        load=tuple(
            Load(app=app.name, request=name, start=when.spawned(app=app.name))
            for name in app.requests
        ),
        sampling=Sampling(probers=("live", "ready")),
        steps=(_watched(app, pace),) if cell.steady and attached else (),
        expect=claims_of(cell, topology, pace, attached=attached),
    )


def _fault(cell: Cell, pace: Pace, policy: Policy | None) -> Declared:
    start: Trigger = when.before_spawn
    if cell.moment != "boot":
        start = when.started(pace.served_s, app=cell.app)
    held_s, unseen_s = pace.held_s(cell, policy), pace.unseen_s(cell, policy)
    stop = when.affected(FAULT, held_s, within_s=unseen_s)
    if cell.moment == "sigterm":
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


def _watched(app: App, pace: Pace) -> Step:
    """A step until which a run lasts whose end is not that of the app."""
    return Step(name="watched", at=when.started(pace.steady_s, app=app.name), do=_nothing)


def _nothing() -> None:
    """Do nothing: the run waits for the moment of the step."""


def _stop_of_app(cell: Cell, app: App, pace: Pace) -> AtMoment | None:
    if cell.steady:
        return when.started(pace.steady_s, app=app.name)
    if cell.moment == "sigterm":
        return when.in_force(FAULT, pace.under_s)
    return None
