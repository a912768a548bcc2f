"""A healthy run with one fault, and whether the fault was observed."""

from __future__ import annotations

from chaoslab import (
    Severed,
)
from chaoslab.faults.evidence import Evidence, evidence_of
from chaoslab.history.events import (
    AnyEvent,
)
from chaoslab.model.faults import Declared

from .events import canary, connection, fault, sockets, without
from .histories import healthy_run, history_of
from .plans import PG, TOPOLOGY

# every fault below is asked for at 1.5, in force at 1.52, healing at 2.5 and gone at 2.52
REFUSED = Severed(name="out", target="vpc", mode="refused")
DROPPED = Severed(name="out", target="vpc")
SILENT = Severed(name="out", target="vpc", mode="silent")


def evidence(spec: Declared, *events: AnyEvent, app: str = "backend", boot: int = 1) -> Evidence:
    history = history_of([*healthy_run(), *fault("out", 1.5, 1.52, 2.5, 2.52), *events])
    return evidence_of(spec, TOPOLOGY, history, app=app, boot=boot)


def observed(spec: Declared, *events: AnyEvent, boot: int = 1) -> bool:
    return evidence(spec, *events, boot=boot).observed


def engine(*told: AnyEvent) -> list[AnyEvent]:
    """The records of an engine. One canary of the lab is among them."""
    steady = canary(0.2, PG, "answered", port=4001, took_s=0.01)
    records = [connection(PG, 4001, fault="out", read_s=2.49, number=9, opened_s=0.19)]
    return [steady, *records, *told]


def on(port: int = 5001, **kind: object) -> AnyEvent:
    return connection(PG, port, fault="out", read_s=2.49, **kind)  # type: ignore[arg-type]


def absent(bound: bool = True, came_s: float | None = 2.7) -> list[AnyEvent]:
    """An app without a connection before and during the fault."""
    events = without(healthy_run(), lambda e: e.kind == "app_sockets")
    events = events if bound else without(events, lambda e: e.kind == "bound")
    events += fault("out", 1.5, 1.52, 2.5, 2.52)
    return events if came_s is None else [*events, sockets(came_s, PG, established=(5009,))]


def heard(**told: object) -> list[AnyEvent]:
    """Records that say when each side sent: of a canary and of one connection."""
    steady = canary(0.2, PG, "answered", port=4001, took_s=0.01)
    own = connection(
        PG, 4001, fault="out", read_s=2.49, number=9, opened_s=0.19, asked_s=0.2, answered_s=0.2
    )
    return [steady, own, on(**{"asked_s": 1.2, "answered_s": 1.21, **told})]
