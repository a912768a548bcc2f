"""Controls a proxy server and packet rules in its network namespace, which can drop connects.

Toxiproxy alone cannot drop a path's packets, since it accepts before it connects to the server. A
DROP rule at a proxy's port can. No packet is acknowledged then, so keepalives and TCP_USER_TIMEOUT
act as in a real outage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import (
    ErrorCode,
    FaultUnsupported,
    InjectionFailed,
    Problem,
    RuntimeUnavailable,
)
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, at_heal_of
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.refusals import refuse_at_heal
from chaoslab.proxies.toxiproxy import NO_PROXY, ToxiproxyControl

ONLY_DROPS = ErrorCode(
    "proxy.only_drops",
    "{server} with packet rules can drop everything, not {mode} connects and {established} what is"
    " established",
    "Packet rules drop all packets of a proxy; they can do nothing else to its connections.",
)

NO_DEAD_PACKETS = ErrorCode(
    "proxy.no_dead_packets",
    "{server} with packet rules cannot leave connections dead: {cause}",
    "The kernel, or iptables, cannot drop the packets of single connections (CONNMARK).",
)


class PacketFilter(Protocol):
    """Sets the packet rules in the proxy server's network namespace, for each port."""

    async def guard(self, port: int) -> None:
        """Count packets at the port from now on."""

    async def drop(self, port: int) -> None:
        """Drop all packets at the port from now on, in both directions."""

    async def let_pass(self, port: int) -> None:
        """Stop dropping packets at the port."""

    async def check_dead(self) -> None:
        """Raise InjectionFailed if the packets of single connections cannot be dropped."""

    async def leave_dead(self, port: int, clients: Collection[int]) -> None:
        """Drop all packets of the connections from the local ports `clients` to the port, and of
        no others. A later connection from one of these ports passes.
        """

    async def counters(self, port: int) -> Counters:
        """The kernel's counters of packets at the port, without the packets of the lab's own
        canaries.
        """

    async def unguard(self, port: int) -> None:
        """Remove the rules that count and drop packets at the port."""


class _Filtered(ToxiproxyControl):
    """A control that also guards the port of each proxy with packet rules."""

    packet_filter: PacketFilter

    def __init__(self, *args: Any, packets: PacketFilter, **options: Any) -> None:
        super().__init__(*args, **options)
        self.packet_filter = packets
        self._ports: dict[str, int] = {}

    async def create(self, proxy: str, upstream: str) -> int:
        port = await super().create(proxy, upstream)
        self._ports[proxy] = port
        await self.packet_filter.guard(port)
        return port

    async def delete(self, proxy: str) -> None:
        await super().delete(proxy)
        if (port := self._ports.pop(proxy, None)) is not None:
            await self.packet_filter.unguard(port)

    async def packets(self, proxy: str) -> Counters | None:
        return await self.packet_filter.counters(self._port_of(proxy))

    async def _drop(self, action: ConnectPhase) -> None:
        await self.packet_filter.drop(self._port_of(action.proxy))

    async def _let_pass(self, action: ConnectPhase) -> None:
        await self.packet_filter.let_pass(self._port_of(action.proxy))

    def _port_of(self, proxy: str) -> int:
        if proxy not in self._ports:
            raise InjectionFailed(Problem(reason=NO_PROXY(server=self.name, proxy=proxy)))
        return self._ports[proxy]


class FilteredEmbeddedControl(_Filtered, EmbeddedControl):
    """Controls an embedded engine; packet rules count at each port, and drop what a severed path
    drops.

    Only they drop packets of established connections too, so that nothing is acknowledged. Other
    phases, and connects that a trigger of the engine drops, are the engine's own. With
    `shared_rules`, the network namespace outlives the engine: `close` removes the rules.
    """

    def __init__(self, *args: Any, shared_rules: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._shared_rules = shared_rules

    async def close(self) -> None:
        for port in self._ports.values() if self._shared_rules else ():
            with suppress(InjectionFailed, RuntimeUnavailable):  # the agent is a part of the lab
                await self.packet_filter.unguard(port)
        await super().close()

    async def connect(self, within_s: float, *, check: Callable[[], None] = lambda: None) -> None:
        await super().connect(within_s, check=check)
        self.capabilities |= {"connect.dropped", "packets"}

    async def apply(self, action: Action) -> None:
        await self._check_dead(action)
        await super().apply(action)

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        for action in actions:
            await self._check_dead(action)
        await super().arm(trigger, proxy, n, actions)

    async def undo(self, action: Action) -> None:
        await super().undo(action)
        if isinstance(action, AddToxic) and action.at_heal == "dead" and not action.inert:
            await self._leave_dead(action.proxy)

    async def _check_dead(self, action: Action) -> None:
        """Raise FaultUnsupported if the heal must drop the packets of dead connections, and they
        cannot be dropped here.
        """
        if at_heal_of(action) == "dead":
            try:
                await self.packet_filter.check_dead()
            except InjectionFailed as error:
                reason = NO_DEAD_PACKETS(server=self.name, cause=str(error))
                raise FaultUnsupported(Problem(reason=reason)) from None

    async def _apply_connect(self, action: ConnectPhase) -> None:
        if not _drops_all(action) or action.inert:
            await super()._apply_connect(action)
            return
        if action.at_heal != "resume":  # the engine must know which connections it held
            await super()._apply_connect(replace(action, mode="accept"))
        await self._drop(action)

    async def _undo_connect(self, action: ConnectPhase) -> None:
        dead, by_rule = action.at_heal == "dead", _drops_all(action) and not action.inert
        if by_rule and not dead:  # a reset by the engine must pass
            await self._let_pass(action)
        # also after a drop by rule: a trigger of the engine may have applied the same action
        await super()._undo_connect(action)
        if by_rule and dead:  # no packet of theirs passes in between
            await self._leave_dead(action.proxy)
            await self._let_pass(action)

    async def _leave_dead(self, proxy: str) -> None:
        """Drop the packets of all dead connections of the proxy, so that nothing is acknowledged.

        Of several connections from one port only the last one counts: it may work.
        """
        last = {c.client_port: c for c in await self.connections(proxy)}
        dead = [port for port, c in last.items() if c.dead_s is not None and c.closed_s is None]
        await self.packet_filter.leave_dead(self._port_of(proxy), dead)


class FilteredToxiproxyControl(_Filtered):
    """Controls a Toxiproxy; packet rules drop connects, which a Toxiproxy alone cannot do."""

    capabilities: frozenset[Capability] = frozenset({"connect.dropped", "packets"})

    async def close(self) -> None:
        """Delete the lab's proxies, and close the connection to the server.

        If the server has ended, its proxies do not exist any more. That is no error here: another
        part of the lab reports it.
        """
        try:
            await super().close()
        except InjectionFailed:
            if await self._answers():
                raise

    async def _answers(self) -> bool:
        with suppress(InjectionFailed):
            return bool(await self._call(self._read_version))
        return False

    def check(self, action: Action) -> None:
        if not isinstance(action, ConnectPhase):
            super().check(action)
            return
        refuse_at_heal(action, self.name)
        if not _drops_all(action):
            reason = ONLY_DROPS(server=self.name, mode=action.mode, established=action.established)
            raise FaultUnsupported(Problem(reason=reason))

    async def _apply_connect(self, action: ConnectPhase) -> None:
        await self._drop(action)

    async def _undo_connect(self, action: ConnectPhase) -> None:
        await self._let_pass(action)


def _drops_all(action: ConnectPhase) -> bool:
    """Whether the phase drops connects, and holds what is established, as a cut path does."""
    return (action.mode, action.established) == ("dropped", "hold")
