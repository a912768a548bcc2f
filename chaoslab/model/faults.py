"""What a plan needs to know about its faults. Plain data.

The package `chaoslab.faults` has the kinds, one module each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from chaoslab.errors import UNKNOWN_NAME, Problem
from chaoslab.model.when import AtMoment, Trigger, before_spawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What every declared fault has: a target of the topology, and when it starts and stops.

    With `stop=None` the fault lasts until the run ends. `name` is unique within a plan.
    """

    target: str
    name: str = ""
    start: Trigger = before_spawn
    stop: AtMoment | None = None
    kind: str = ""

    # the target is a service, not a link
    targets_service: ClassVar[bool] = False
    # the proxy engine can inject it by itself, so that it affects the connection that triggers it
    starts_at_connection: ClassVar[bool] = False
    # the proxies of its links must read the messages of their protocol
    reads_messages: ClassVar[bool] = False
    # the link works at times before the heal, as under flapping
    path_returns_before_heal: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """The name by which the history and the verdicts refer to the fault."""
        return self.name or f"{self.kind}:{self.target}"

    @property
    def acts_on_connects(self) -> bool:
        """Whether the fault acts on the TCP handshake, so that the proxy records no connection."""
        return False

    @property
    def drops_every_connect(self) -> bool:
        """Whether the fault drops every SYN while in force, so that dropped SYNs count all
        connects.
        """
        return False

    def problems(self, where: str) -> Iterator[Problem]:
        """The problems with the fault's own values. Names of the topology are not checked. `where`
        is the place of the fault in the problems.
        """
        yield from ()

    def resolved(self) -> Self:
        """The fault, with every default filled in that follows from its own values."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFault(Declared):
    """A fault of a saved plan whose kind is not installed here. `values` are its own fields.

    A saved run with such a fault can be read, but nothing is observed of the fault. No new run can
    have one.
    """

    values: Mapping[str, object] = field(default_factory=dict)

    def problems(self, where: str) -> Iterator[Problem]:
        reason = UNKNOWN_NAME(kind="kind of fault", name=self.kind)
        yield Problem(reason=reason, where=where, fix="install the extension that adds this kind")
