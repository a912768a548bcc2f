"""What every runtime's package provides for the lab, `chaoslab doctor` and `chaoslab clean`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import RuntimeSession
from chaoslab.runtimes.doctor.machine import Lack, Look, Machine
from chaoslab.runtimes.leftovers import Found, Search
from chaoslab.runtimes.table import TABLE
from chaoslab.services.base import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeKind:
    """One runtime: the functions that its package provides.

    `open_session` opens a session of labs; nothing is started before its first lab. `runs` says
    whether the runtime can run services of a kind. `looks` maps the names of the checks of the
    machine that only this runtime needs to these checks; `lacks` yields what a machine lacks for
    it. `leftovers` finds what dead labs of this runtime left on this machine.
    """

    open_session: Callable[[Topology, ProxyKind], RuntimeSession]
    runs: Callable[[Kind], bool] = lambda _: True
    looks: Callable[[Topology], Mapping[str, Look]] = lambda _: {}
    lacks: Callable[[Machine], Iterable[Lack]]
    leftovers: Callable[[Search], Found] = lambda _: Found()


def runtime_kind(name: str) -> RuntimeKind:
    """The RuntimeKind of the runtime `name` of the table. Imports the runtime's package."""
    module = import_module(f"chaoslab.runtimes.{TABLE[name].package}.kind")
    kind: RuntimeKind = module.KIND
    return kind
