"""What every proxy server can do, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from chaoslab.agent.iptables_rules import Counters
from chaoslab.model.actions import Action, Capability

ProxyKind = Literal["embedded", "toxiproxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicEffect:
    """What one toxic (or `connect:<mode>`) did to one connection.

    `bytes` are those that it affected. `goodbye` of them were the client's last message, which
    only says that the client ends the connection.
    """

    name: str
    type: str
    stream: str
    bytes: int
    goodbye: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRecord:
    """One client connection as the proxy saw it. Times are on the machine's monotonic clock.

    `asked_s`: when the client last sent anything but a goodbye. `answered_s`: when the server last
    sent anything. `dismissed_s`: when the server sent that it ends the connection. `ending` is the
    side that ended first, at `ending_s`.
    """

    id: int
    proxy: str
    client_port: int
    opened_s: float
    closed_s: float | None
    bytes_upstream: int
    bytes_downstream: int
    held_upstream: int
    held_downstream: int
    effects: tuple[ToxicEffect, ...]
    end: str | None
    asked_s: float | None = None
    answered_s: float | None = None
    dismissed_s: float | None = None
    ending: str | None = None
    ending_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerState:
    """When an armed trigger fired (monotonic seconds, None: not yet), and its error, if any."""

    fired_s: float | None
    error: str | None


class ProxyControl(Protocol):
    """Controls one proxy server. Every call is bounded in time and read back from the server.

    A call raises InjectionFailed if the server did not do, or does not show, what was asked. It
    raises FaultUnsupported if the server cannot do it.
    """

    @property
    def name(self) -> str:
        """`embedded` or `toxiproxy`; every report has it."""

    @property
    def version(self) -> str:
        """The server's version, as it reports it."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond Toxiproxy's own API."""

    def check(self, action: Action) -> None:
        """Raise FaultUnsupported, with the reason, if this server cannot do `action`."""

    def check_triggers(self) -> None:
        """Raise FaultUnsupported if this server has no triggers."""

    async def close(self) -> None:
        """Close the connection to the server; undoes nothing."""

    async def create(self, proxy: str, upstream: str) -> int:
        """Create a proxy to `upstream` (host:port) on a free port; returns the port."""

    async def delete(self, proxy: str) -> None:
        """Delete a proxy with all that is in force on it. A missing proxy is no error."""

    async def apply(self, action: Action) -> None:
        """Put an action in force, and read it back."""

    async def undo(self, action: Action) -> None:
        """Undo an action, and check that it is gone. One that is not in force is no error."""

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        """Have the server apply `actions` when `proxy` accepts its n-th connection from now."""

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        """The state of an armed trigger."""

    async def disarm(self, trigger: str, proxy: str) -> None:
        """Delete a trigger; what it has applied stays in force."""

    async def syn_drops(self, proxy: str) -> int | None:
        """SYNs that the kernel has dropped at the proxy's socket while its connects are dropped.

        The lab's own canaries are included. None if that is not known.
        """

    async def packets(self, proxy: str) -> Counters | None:
        """The kernel's counters at the proxy's port; None if no packet rules count there."""

    async def ended_bytes(self, proxy: str) -> int | None:
        """Bytes received, in both directions, on the proxy's connections that have ended.

        None if that is not known, or if the lab's own canaries are among them.
        """

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        """The proxy's connections so far, open ones included; empty if it keeps no record."""
