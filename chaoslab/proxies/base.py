"""The protocol of the control of every proxy server, and the data that such a server reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from chaoslab.agent.iptables_rules import Counters
from chaoslab.model.actions import Action, Capability

ProxyKind = Literal["embedded", "toxiproxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicEffect:
    """What one toxic (or `connect:<mode>`) did to one connection.

    `bytes` is the number of bytes that the toxic affected. `goodbye` is how many of these were the
    client's last message, which only says that the client ends the connection.
    """

    name: str
    type: str
    stream: str
    bytes: int
    goodbye: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """A message of one connection that a toxic looks for, the `number`-th on its proxy.

    `word` is the first word of the message. `acted` is whether the toxic acted on it.
    """

    toxic: str
    stream: str
    word: str
    seen_s: float
    number: int
    acted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRecord:
    """One client connection as the proxy observed it. Times are on the machine's monotonic clock.

    `asked_s` is the time at which the client last sent anything but a goodbye, `answered_s` the
    time at which the server last sent anything, `dismissed_s` the time at which the server sent
    that it ends the connection. `ending` is the side that ended first, at `ending_s`. `dead_s` is
    the time at which a heal left the connection dead. `messages` are those that toxics looked for;
    `unread` is why the connection's messages could not be read.
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
    dead_s: float | None = None
    messages: tuple[MessageRecord, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The bytes that a proxy has received so far: from its clients, and from the service."""

    bytes_upstream: int
    bytes_downstream: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerState:
    """The state of a trigger: `fired_s` is the time at which it fired (monotonic seconds), None if
    it has not.

    `error` is the error of its actions, None if there was none.
    """

    fired_s: float | None
    error: str | None


class ProxyControl(Protocol):
    """Controls one proxy server. Every call is bounded in time, and its effect is read back.

    A call raises InjectionFailed if the server did not do, or does not report, what was requested.
    It raises FaultUnsupported if the server cannot do it.
    """

    @property
    def name(self) -> str:
        """The kind of the proxy server, `embedded` or `toxiproxy`; every report has it."""

    @property
    def version(self) -> str:
        """The version of the proxy server, as the server reports it."""

    @property
    def base_url(self) -> str:
        """The URL of the proxy server's API for the lab."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the proxy server can do beyond Toxiproxy's own API."""

    def check(self, action: Action) -> None:
        """Raise FaultUnsupported, with the reason, if this proxy server cannot do `action`."""

    def check_triggers(self) -> None:
        """Raise FaultUnsupported if this proxy server has no triggers."""

    async def close(self) -> None:
        """Close the connection to the proxy server. On a server that other labs use too, first
        delete the proxies that this lab created.
        """

    async def create(self, proxy: str, upstream: str) -> int:
        """Create a proxy to `upstream` (host:port) on a free port; returns the port."""

    async def read_messages(self, proxy: str, protocol: str) -> None:
        """Read the messages of that protocol on all later connections of the proxy."""

    async def delete(self, proxy: str) -> None:
        """Delete a proxy with all that is in force on it. A missing proxy is no error."""

    async def apply(self, action: Action) -> None:
        """Put an action in force on its proxy, and read it back from the server."""

    async def undo(self, action: Action) -> None:
        """Undo an action, and check that it is not in force any more. No error if it was not in
        force.
        """

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        """Make the proxy server apply `actions` by itself as soon as `proxy` accepts its n-th
        connection, counted from now.
        """

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        """The state of an armed trigger: the time at which it fired, if it has, and the error of
        its actions.
        """

    async def disarm(self, trigger: str, proxy: str) -> None:
        """Delete a trigger; the actions that it has applied stay in force."""

    async def syn_drops(self, proxy: str) -> int | None:
        """The number of SYNs that the kernel dropped at the proxy's socket; None if it is not
        known.

        SYNs are counted while the proxy's connects are dropped; those of the lab's own canaries are
        included.
        """

    async def packets(self, proxy: str) -> Counters | None:
        """The kernel's packet counters at the proxy's port; None if no packet rules count there."""

    async def ended_bytes(self, proxy: str) -> int | None:
        """The number of bytes received, in both directions, on the proxy's connections that have
        ended.

        None if it is not known, or if connections of the lab's own canaries are among them.
        """

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        """The records of all connections of the proxy so far, the open ones too; empty if the proxy
        server keeps no records.
        """

    async def traffic(self, proxy: str) -> Traffic | None:
        """The bytes that the proxy has received on all connections so far, the open ones too; None
        if it is not known while connections are open.
        """
