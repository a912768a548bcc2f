"""What is claimed of an app in a cell: only what must hold under any policy, and the policy of the
topology for that link and moment. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import cast, get_args

from chaoslab.expectations import BacksOff, HonestHealth, Stops
from chaoslab.expectations.base import Expectation
from chaoslab.expectations.of_policy import honest_and_back, no_restart_storm, of_policy
from chaoslab.matrix.cells import cells
from chaoslab.matrix.pace import FAULT, Pace
from chaoslab.model.cell import Cell
from chaoslab.model.load import Sampling
from chaoslab.model.policy import OutageMode, Policy, PolicyMoment
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Topology

MODES: tuple[OutageMode, ...] = get_args(OutageMode)
MOMENTS: tuple[PolicyMoment, ...] = get_args(PolicyMoment)


def claims_of(
    cell: Cell, topology: Topology, pace: Pace, *, attached: bool = False
) -> tuple[Expectation, ...]:
    """The claims of one cell. `attached`: only those about an app that the lab did not start."""
    app = topology.apps[cell.app]
    always = _wrong_under_any_policy(cell, app, pace, attached=attached)
    return (*always, *_of_policy(cell, topology))


def without_policies(topology: Topology) -> Topology:
    """The topology of a run that claims no policy, and finds out what the app does now. Known gaps
    in the claims of a policy are left out: the run has no such verdict.
    """
    own = {(cell.name, e.kind) for cell in cells(topology) for e in _of_policy(cell, topology)}
    return replace(
        topology,
        apps={name: replace(app, policies={}) for name, app in topology.apps.items()},
        known_gaps=tuple(g for g in topology.known_gaps if (g.run, g.verdict) not in own),
    )


def policy_in(topology: Topology, cell: Cell) -> Policy | None:
    """What the topology says that the app is to do in the cell. None if it says nothing."""
    declared = topology.apps[cell.app].policies.get(cell.target)
    if declared is None or cell.fault not in MODES or cell.moment not in MOMENTS:
        return None
    return declared.of(cell.moment, cell.fault)


def _of_policy(cell: Cell, topology: Topology) -> tuple[Expectation, ...]:
    """The claims of the policy that the topology has for the cell."""
    if (policy := policy_in(topology, cell)) is None:
        return ()
    return of_policy(policy, topology.apps[cell.app], cast("PolicyMoment", cell.moment), FAULT)


def _wrong_under_any_policy(
    cell: Cell, app: App, pace: Pace, *, attached: bool
) -> Iterator[Expectation]:
    """Yields the claims whose failure is wrong whatever the app is to do without the service."""
    name = app.name
    if cell.steady or cell.moment == "sigterm":
        if not attached:
            yield Stops(app=name, exit_codes=None, rests_on=())
        return
    always = honest_and_back(app, back_s=pace.comes_back_s(cell), notices_s=pace.notices_s)
    for claim in always:  # a restart is over before health has to notice it
        if cell.fault != "restarted" or not isinstance(claim, HonestHealth):
            yield claim
    if attached or cell.fault == "restarted":
        return
    yield from no_restart_storm(app, app.supervisor or Supervisor())
    # other clients of an attached app cause connects too, and the lab does not read its sockets
    if cell.moment == "running":
        yield _no_retry_storm(app)


def _no_retry_storm(app: App) -> Expectation:
    """The claim on the app's connects: its limits, and one more for each question of the lab, which
    may cause one.
    """
    paths = sum(path is not None for path in (app.health.live_path, app.health.ready_path)) + 1
    asked_per_s = paths / Sampling().fast_s + sum(r.rate_per_s for r in app.requests.values())
    return BacksOff(
        app=app.name,
        connects_per_s=app.limits.connects_per_s + asked_per_s,
        herd=app.limits.herd + math.ceil(asked_per_s / 2),
    )
