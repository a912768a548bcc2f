"""Judges the history of a cell as if its app had other policies and deadlines. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.history.events import Spawned
from chaoslab.history.journal import History
from chaoslab.matrix.claims import claims_of
from chaoslab.matrix.pace import Pace
from chaoslab.model.cell import Cell
from chaoslab.model.plan import Plan, written_out
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.judge import judge


def judged_as(
    app: App, cell: Cell, topology: Topology, plan: Plan, history: History, *, boot_s: float
) -> tuple[Verdict, ...]:
    """The verdicts of a cell if its app had the policies and deadlines of `app`. `boot_s` is how
    long the app's start-up took in the steady state.

    The plan stays as it was carried out, with the claims that the cell would have. So a fault that
    was too short for a bound makes a verdict UNKNOWN.
    """
    mine = replace(topology.apps[app.name], policies=app.policies, deadlines=app.deadlines)
    topology = replace(topology, apps={**topology.apps, app.name: mine})
    attached = any(begun.standing for begun in history.of(Spawned))
    claims = claims_of(cell, topology, Pace.of(mine, boot_s), attached=attached)
    return judge(topology, written_out(replace(plan, expect=claims), topology), history)
