"""The proxies that the topology names, and no others: used as they stand, left as they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from chaoslab.agent.iptables_rules import Counters
from chaoslab.clock import now_s
from chaoslab.errors import FaultUnsupported
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.proxies.base import ConnectionRecord, TriggerState
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.api import MARK, Trace
from chaoslab.runtimes.attach.lease import Lease


class AttachedControl:
    """Implements `ProxyControl` on proxies that stand; links are known here by their own names.

    `proxies` maps a link to its proxy, `reached` to where the lab finds it; `out_of_sight` are the
    links that no canary of the lab's can take, as the runtime finds out. What is put in force is
    written into the lease before, and struck off once it is gone.
    """

    def __init__(
        self,
        server: ToxiproxyControl,
        lease: Lease,
        *,
        proxies: Mapping[str, str],
        reached: Mapping[str, Endpoint],
        out_of_sight: Collection[str] = (),
    ) -> None:
        self._server, self._lease = server, lease
        self._proxies, self._reached = proxies, reached
        self._out_of_sight = out_of_sight
        self._unmatched = {*proxies}
        self._since_s = now_s()

    @property
    def name(self) -> str:
        return self._server.name

    @property
    def version(self) -> str:
        return self._server.version

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._server.capabilities

    def check(self, action: Action) -> None:
        if action.proxy not in self._proxies:
            raise FaultUnsupported(f"[attach.links] declares no proxy for {action.proxy}")
        self._server.check(self._there(action))

    def check_triggers(self) -> None:
        self._server.check_triggers()

    async def close(self) -> None:
        await self._server.close()

    async def create(self, proxy: str, upstream: str) -> int:
        """Nothing is made: the port of the proxy that carries the link, or 0 where none does."""
        del upstream
        return self._reached[proxy].port if proxy in self._proxies else 0

    async def delete(self, proxy: str) -> None:
        """What the lab did not make it does not take away."""
        del proxy

    async def apply(self, action: Action) -> None:
        self.check(action)
        there = self._there(action)
        self._lease.note(_trace(there))
        await self._server.apply(there)

    async def undo(self, action: Action) -> None:
        there = self._there(action)
        await self._server.undo(there)
        self._lease.strike(_trace(there))

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        there = tuple(map(self._there, actions))
        armed = Trace(proxy=self._proxies[proxy], kind="trigger", name=MARK + trigger)
        # Taken back in reverse: first the trigger, or it could fire between the others and its end.
        self._lease.note(*map(_trace, there), armed)
        await self._server.arm(MARK + trigger, self._proxies[proxy], n, there)

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        return await self._server.trigger(MARK + trigger, self._proxies[proxy])

    async def disarm(self, trigger: str, proxy: str) -> None:
        await self._server.disarm(MARK + trigger, self._proxies[proxy])
        self._lease.strike(Trace(proxy=self._proxies[proxy], kind="trigger", name=MARK + trigger))

    async def syn_drops(self, proxy: str) -> int | None:
        return None if proxy in self._unmatched else await self._server.syn_drops(self._at(proxy))

    async def packets(self, proxy: str) -> Counters | None:
        return None if proxy in self._unmatched else await self._server.packets(self._at(proxy))

    async def ended_bytes(self, proxy: str) -> int | None:
        """By Toxiproxy's own metrics, where no canary of the lab's can be among them.

        Our engine counts what passes at once, so there it says nothing of an end.
        """
        if proxy not in self._out_of_sight or "connections" in self.capabilities:
            return None
        return await self._server.metered_bytes(self._at(proxy))

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        """Only where the lab has found its own canary among them: elsewhere one of the canaries
        might be taken for a connection of the app. What was over before this lab came is left out.
        """
        if proxy in self._unmatched:
            return ()
        records = await self._server.connections(self._at(proxy))
        return tuple(r for r in records if r.closed_s is None or r.closed_s >= self._since_s)

    def carries(self, address: Endpoint) -> str | None:
        """The link whose proxy is reached there."""
        return next((link for link, there in self._reached.items() if there == address), None)

    def refuses_connects(self, link: str) -> bool:
        """Whether this lab has its proxy's listener closed, or its connects changed."""
        kinds = ("disabled", "connect")
        return any(t.proxy == self._at(link) and t.kind in kinds for t in self._lease.in_force)

    def is_matched(self, link: str) -> bool:
        """Whether the server's records of connections are told apart from the lab's own."""
        return link not in self._unmatched

    async def match(self, link: str, client_port: int | None, asked_s: float) -> None:
        """Find a canary of the lab's own, sent at `asked_s`, among the link's connections.

        Where its port or the server's clock is another than here (a forwarded port, a server on
        another machine), its records say nothing about this lab's time and are not used.
        """
        for record in await self._server.connections(self._at(link)):
            near = abs(record.opened_s - asked_s) < 1.0
            if near and record.client_port == client_port:
                self._unmatched.discard(link)

    def _at(self, link: str) -> str:
        return self._proxies[link]

    def _there(self, action: Action) -> Action:
        """The action with the proxy's own name, and a toxic's name by which others know it."""
        action = replace(action, proxy=self._at(action.proxy))
        return replace(action, name=MARK + action.name) if isinstance(action, AddToxic) else action


def _trace(action: Action) -> Trace:
    match action:
        case AddToxic():
            return Trace(proxy=action.proxy, kind="toxic", name=action.name)
        case Disable():
            return Trace(proxy=action.proxy, kind="disabled")
        case ConnectPhase():
            return Trace(proxy=action.proxy, kind="connect")
