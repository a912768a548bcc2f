"""Who sits on a link: what every proxy can be asked to do, and what it can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from chaoslab.agent.iptables_rules import Counters
from chaoslab.model.actions import Action, Capability

ProxyKind = Literal["embedded", "toxiproxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicMet:
    """What one toxic (or `connect:<mode>`) did to one connection; of its bytes `goodbye` were
    nothing but the client's last message.
    """

    name: str
    type: str
    stream: str
    bytes: int
    goodbye: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRecord:
    """One client connection as the proxy saw it; times on the machine's monotonic clock.

    `asked_s` is when the client last sent anything but a goodbye, `answered_s` when the server last
    sent anything, `dismissed_s` when the server sent that it ends the connection; `ending` is which
    side ended first, at `ending_s`.
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
    met: tuple[ToxicMet, ...]
    end: str | None
    asked_s: float | None = None
    answered_s: float | None = None
    dismissed_s: float | None = None
    ending: str | None = None
    ending_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerState:
    """Whether an armed trigger has fired (monotonic seconds), and what went wrong if it did."""

    fired_s: float | None
    error: str | None


class ProxyControl(Protocol):
    """Controls one proxy server. Every call is bounded in time and read back from the server.

    A call raises InjectionFailed where the server did not do, or does not show, what was asked, and
    FaultUnsupported where it cannot do it at all.
    """

    @property
    def name(self) -> str:
        """`embedded` or `toxiproxy`; stands in every report."""

    @property
    def version(self) -> str:
        """What the server says of itself."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do beyond Toxiproxy's own API."""

    def check(self, action: Action) -> None:
        """Raise FaultUnsupported, with the reason, where `action` is beyond this server."""

    def check_triggers(self) -> None:
        """Raise FaultUnsupported where this server cannot act at a connection by itself."""

    async def close(self) -> None:
        """Let go of the server; nothing is undone by it."""

    async def create(self, proxy: str, upstream: str) -> int:
        """Create a proxy to `upstream` (host:port) on a free port; returns the port."""

    async def delete(self, proxy: str) -> None:
        """Take a proxy away with all that is in force on it; one that is not there is no error."""

    async def apply(self, action: Action) -> None:
        """Do it, and read it back."""

    async def undo(self, action: Action) -> None:
        """Take it back, and see that it is gone. Undoing what was never done is no error."""

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        """Have the server apply `actions` when `proxy` accepts its n-th connection from now."""

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        """How an armed trigger stands."""

    async def disarm(self, trigger: str, proxy: str) -> None:
        """Take a trigger away; what it has applied stays."""

    async def syn_drops(self, proxy: str) -> int | None:
        """SYNs that the kernel has dropped at the proxy's socket since its connects are dropped,
        the lab's own canaries included; None where that is not known.
        """

    async def packets(self, proxy: str) -> Counters | None:
        """What the kernel has counted at the proxy's port so far; None where nothing counts."""

    async def ended_bytes(self, proxy: str) -> int | None:
        """Bytes that came, both ways, on the proxy's connections that have ended so far; None where
        that is not known, or where canaries of the lab's own are among them.
        """

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        """The proxy's connections so far, live ones included; empty where it cannot tell."""
