"""What an app did in one cell, from topology, plan and history, and from nothing else. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chaoslab.behaviour.facts import Facts
from chaoslab.behaviour.observed import observed
from chaoslab.behaviour.sentence import Phases, phases_of
from chaoslab.behaviour.words import (
    INTERRUPTED,
    NEVER_STARTED,
    NO_CONNECT,
    NO_CONNECTION,
    NOT_AFFECTED,
    NOT_KNOWN,
    NOT_SERVING,
)
from chaoslab.evidence.soundness import late, unsound
from chaoslab.evidence.timeline import exited, fault_span, run_ended
from chaoslab.evidence.traffic import app_connections, engine_recorded
from chaoslab.evidence.unfinished_start import how_it_ended
from chaoslab.faults.base import NO_CONNECTION_AFFECTED
from chaoslab.faults.evidence import Evidence, evidence_of
from chaoslab.history.events import FaultMissed, LinkPackets, Spawned, StartupComplete
from chaoslab.history.journal import History
from chaoslab.model.cell import Cell
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What an app did in one cell. `known`: the lab can tell. `facts` are empty if it cannot.

    `phases` are the reasons of each part of the time, such as under the fault and after its heal.
    """

    cell: Cell
    known: bool
    facts: Facts
    phases: Phases

    @property
    def lines(self) -> tuple[Reason, ...]:
        """All reasons, in order."""
        return tuple(reason for phase in self.phases for reason in phase)

    @property
    def sentence(self) -> str:
        """The reasons as one line for people."""
        return "; ".join(", ".join(map(str, phase)) for phase in self.phases)


def described(cell: Cell, topology: Topology, plan: Plan, history: History) -> Behaviour:
    """What the app did in the cell. Never more than was observed: if the lab itself was in trouble,
    or the fault was not injected, only that is described.
    """
    fault = plan.faults[0] if plan.faults else None
    if (why := _not_known(cell, plan, history, fault)) is not None:
        return Behaviour(cell=cell, known=False, facts=Facts(), phases=(why,))
    evidence = evidence_of(fault, topology, history, app=cell.app) if fault else None
    facts = observed(cell, topology.apps[cell.app], history, fault, evidence)
    missing = _missing(cell, history, fault, evidence)
    phases = phases_of(cell, facts, missing, tuple(topology.apps[cell.app].requests))
    return Behaviour(cell=cell, known=True, facts=facts, phases=phases)


def not_known(cell: Cell, cause: Reason) -> Behaviour:
    """The behaviour of a cell that could not be run, with the cause."""
    return Behaviour(
        cell=cell, known=False, facts=Facts(), phases=((NOT_KNOWN.because_of(cause),),)
    )


def why_not_started(app: str, history: History) -> tuple[Reason, ...]:
    """Why the first boot of the app did not complete its start-up, with its last words. Empty if it
    did, or if it was not spawned.
    """
    begun = history.first_of_boot(Spawned, app, 1)
    if begun is None or history.first_of_boot(StartupComplete, app, 1):
        return ()
    of_boot = _Boot(app=app)
    return how_it_ended(of_boot, history, begun, exited(history, app, 1))


def _not_known(
    cell: Cell, plan: Plan, history: History, fault: Declared | None
) -> tuple[Reason, ...] | None:
    """The reasons why nothing can be described. None if the run can be described."""
    if (cause := unsound(history) or late(history, plan.max_lag_s)) is not None:
        return (NOT_KNOWN.because_of(cause),)
    missed = history.first(FaultMissed)
    if fault is not None and missed is not None:
        if why := why_not_started(cell.app, history):
            begun = history.first_of_boot(Spawned, cell.app, 1)
            attached = begun is not None and begun.standing
            cause = NOT_SERVING() if attached else NEVER_STARTED()
            return (NOT_KNOWN.because_of(cause), why[0])
        return (NOT_KNOWN.because_of(missed.why),)
    ended = run_ended(history)
    if ended is not None and not ended.settled:
        return (NOT_KNOWN.because_of(INTERRUPTED(why=ended.why)),)
    return None


def _missing(
    cell: Cell, history: History, fault: Declared | None, evidence: Evidence | None
) -> Reason | None:
    """The reason that the fault was not observed to affect the app. None if it was, or if the cell
    has no fault.
    """
    if fault is None or evidence is None or evidence.observed:
        return None
    link, span = f"{cell.app}.{cell.target}", fault_span(history, fault.label)
    held_s = span.end_s - span.start_s if span else 0.0
    recorded = engine_recorded(history, link, fault.label)
    if span is not None and recorded and not fault.acts_on_connects:
        opened = app_connections(history, link, fault.label)
        if not any(c.closed_s is None or c.closed_s >= span.start_s for c in opened):
            none = NO_CONNECTION(service=cell.target, held_s=held_s)
            return NOT_AFFECTED.because_of(none)
    if span is not None and fault.acts_on_connects and _connects(link, fault, history) == 0:
        return NOT_AFFECTED.because_of(NO_CONNECT(service=cell.target, held_s=held_s))
    return NOT_AFFECTED.because_of(evidence.missing or NO_CONNECTION_AFFECTED())


def _connects(link: str, fault: Declared, history: History) -> int | None:
    """How many SYNs of the app the kernel counted on the link during the fault. None if not
    known.
    """
    read = [p.syns for p in history.of(LinkPackets) if (p.link, p.fault) == (link, fault.label)]
    return read[-1] - read[0] if len(read) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Boot:
    """The first boot of an app, as the reasons of an unfinished start want it."""

    app: str
    boot: int = 1
