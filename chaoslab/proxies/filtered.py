"""Controls a real Toxiproxy and packet rules in its network namespace, which can drop connects.

Toxiproxy alone cannot drop a path's packets, since it accepts before it connects to the server. A
DROP rule at a proxy's port can. No packet is acknowledged then, so keepalives and TCP_USER_TIMEOUT
act as in a real outage.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import ErrorCode, FaultUnsupported, InjectionFailed, Problem
from chaoslab.model.actions import Action, Capability, ConnectPhase
from chaoslab.proxies.toxiproxy import NO_PROXY, ToxiproxyControl

ONLY_DROPS = ErrorCode(
    "proxy.only_drops",
    "{server} with packet rules can drop everything, not {mode} connects and {established} what is"
    " established",
    "Packet rules drop all packets of a proxy; they can do nothing else to its connections.",
)


class PacketFilter(Protocol):
    """Sets the packet rules in the proxy server's network namespace, for each port."""

    async def guard(self, port: int) -> None:
        """Count packets at the port from now on."""

    async def drop(self, port: int) -> None:
        """Drop all packets at the port from now on, in both directions."""

    async def let_pass(self, port: int) -> None:
        """Stop dropping packets at the port."""

    async def counters(self, port: int) -> Counters:
        """The kernel's counters of packets at the port, without the packets of the lab's own
        canaries.
        """

    async def unguard(self, port: int) -> None:
        """Remove the rules that count and drop packets at the port."""


class FilteredToxiproxyControl(ToxiproxyControl):
    """Controls a Toxiproxy; packet rules drop connects, which a Toxiproxy alone cannot do."""

    capabilities: frozenset[Capability] = frozenset({"connect.dropped", "packets"})

    def __init__(
        self,
        host: str,
        port: int,
        *,
        packets: PacketFilter,
        listen_host: str = "127.0.0.1",
        prefix: str = "",
    ) -> None:
        super().__init__(host, port, listen_host=listen_host, prefix=prefix)
        self._packets = packets
        self._ports: dict[str, int] = {}

    async def create(self, proxy: str, upstream: str) -> int:
        port = await super().create(proxy, upstream)
        self._ports[proxy] = port
        await self._packets.guard(port)
        return port

    async def delete(self, proxy: str) -> None:
        await super().delete(proxy)
        if (port := self._ports.pop(proxy, None)) is not None:
            await self._packets.unguard(port)

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
        if isinstance(action, ConnectPhase):
            if (action.mode, action.established) != ("dropped", "hold"):
                reason = ONLY_DROPS(
                    server=self.name, mode=action.mode, established=action.established
                )
                raise FaultUnsupported(Problem(reason=reason))
        else:
            super().check(action)

    async def packets(self, proxy: str) -> Counters | None:
        return await self._packets.counters(self._port_of(proxy))

    async def _apply_connect(self, action: ConnectPhase) -> None:
        await self._packets.drop(self._port_of(action.proxy))

    async def _undo_connect(self, action: ConnectPhase) -> None:
        await self._packets.let_pass(self._port_of(action.proxy))

    def _port_of(self, proxy: str) -> int:
        if proxy not in self._ports:
            raise InjectionFailed(Problem(reason=NO_PROXY(server=self.name, proxy=proxy)))
        return self._ports[proxy]
