"""Controls the external proxies that [attach.links] names, and no others. It creates and deletes no
proxy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from chaoslab.agent.iptables_rules import Counters
from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, FaultUnsupported, Problem
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.proxies.base import ConnectionRecord, Traffic, TriggerState
from chaoslab.proxies.refusals import no_messages
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.api import MARK, InForce
from chaoslab.runtimes.attach.lease import Lease

NOT_DECLARED = ErrorCode(
    "attach.link_not_declared",
    "[attach.links] declares no proxy for {link}",
    "A fault is on a link whose proxy the lab may not change.",
)


class AttachedControl:
    """Implements `ProxyControl` on external proxies. Callers name a proxy by its link.

    `proxies` maps a link to the name of its proxy, `reached` maps a link to the proxy's address for
    the lab. `without_canary` has the links whose proxies the lab cannot reach with a canary; the
    runtime adds links to it. A fault is noted in the lease before it is put in force, and removed
    from the lease after its heal.
    """

    def __init__(
        self,
        server: ToxiproxyControl,
        lease: Lease,
        *,
        proxies: Mapping[str, str],
        reached: Mapping[str, Endpoint],
        without_canary: Collection[str] = (),
    ) -> None:
        self._server, self._lease = server, lease
        self._proxies, self._reached = proxies, reached
        self._without_canary = without_canary
        self._unmatched = {*proxies}
        self._since_s = now_s()

    @property
    def name(self) -> str:
        return self._server.name

    @property
    def version(self) -> str:
        return self._server.version

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._server.capabilities

    def check(self, action: Action) -> None:
        if action.proxy not in self._proxies:
            raise FaultUnsupported(Problem(reason=NOT_DECLARED(link=action.proxy)))
        self._server.check(self._there(action))

    def check_triggers(self) -> None:
        self._server.check_triggers()

    async def close(self) -> None:
        await self._server.close()

    async def create(self, proxy: str, upstream: str) -> int:
        """Create nothing; return the port of the link's existing proxy, 0 if none is declared."""
        del upstream
        return self._reached[proxy].port if proxy in self._proxies else 0

    async def read_messages(self, proxy: str, protocol: str) -> None:
        """Raise FaultUnsupported: the app may have connected before the lab attached."""
        del proxy, protocol
        raise no_messages("an attached proxy")

    async def delete(self, proxy: str) -> None:
        """Do nothing: the lab did not create the proxy, so it does not delete it."""
        del proxy

    async def apply(self, action: Action) -> None:
        self.check(action)
        there = self._there(action)
        self._lease.note(_in_force(there))
        await self._server.apply(there)

    async def undo(self, action: Action) -> None:
        there = self._there(action)
        await self._server.undo(there)
        self._lease.remove(_in_force(there))

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        there = tuple(map(self._there, actions))
        armed = InForce(proxy=self._proxies[proxy], kind="trigger", name=MARK + trigger)
        # The trigger is last here, so that it is healed first: else it could fire during the heal.
        self._lease.note(*map(_in_force, there), armed)
        await self._server.arm(MARK + trigger, self._proxies[proxy], n, there)

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        return await self._server.trigger(MARK + trigger, self._proxies[proxy])

    async def disarm(self, trigger: str, proxy: str) -> None:
        await self._server.disarm(MARK + trigger, self._proxies[proxy])
        self._lease.remove(InForce(proxy=self._proxies[proxy], kind="trigger", name=MARK + trigger))

    async def syn_drops(self, proxy: str) -> int | None:
        return None if proxy in self._unmatched else await self._server.syn_drops(self._at(proxy))

    async def packets(self, proxy: str) -> Counters | None:
        return None if proxy in self._unmatched else await self._server.packets(self._at(proxy))

    async def ended_bytes(self, proxy: str) -> int | None:
        """The number of bytes on the ended connections of a link without canaries, from Toxiproxy's
        metrics.

        None on a link with canaries. None for chaoslab's engine too: it counts bytes at once, not
        at a connection's end.
        """
        if proxy not in self._without_canary or "connections" in self.capabilities:
            return None
        return await self._server.metered_bytes(self._at(proxy))

    async def traffic(self, proxy: str) -> Traffic | None:
        return await self._server.traffic(self._at(proxy))

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        """The server's records of a link's connections that were open at or after the lab's attach.

        Empty if the link is not matched (see `match`): a canary could then seem to be a connection
        of the app.
        """
        if proxy in self._unmatched:
            return ()
        records = await self._server.connections(self._at(proxy))
        return tuple(r for r in records if r.closed_s is None or r.closed_s >= self._since_s)

    def carries(self, address: Endpoint) -> str | None:
        """The name of the link whose proxy has that address for the lab; None if no link's proxy
        has it.
        """
        return next((link for link, there in self._reached.items() if there == address), None)

    def refuses_connects(self, link: str) -> bool:
        """Whether this lab has disabled the link's proxy or changed its connects."""
        kinds = ("disabled", "connect")
        return any(t.proxy == self._at(link) and t.kind in kinds for t in self._lease.in_force)

    def is_matched(self, link: str) -> bool:
        """Whether one of the lab's canaries was found in the server's records of the link's
        connections.
        """
        return link not in self._unmatched

    async def match(self, link: str, client_port: int | None, asked_s: float) -> None:
        """Mark a link as matched if the server's records have the canary that was sent at
        `asked_s`.

        The canary is not found if a forwarded port changes its client port, or if the server is on
        another machine with another clock. The records of that link are then not used.
        """
        for record in await self._server.connections(self._at(link)):
            near = abs(record.opened_s - asked_s) < 1.0
            if near and record.client_port == client_port:
                self._unmatched.discard(link)

    def _at(self, link: str) -> str:
        return self._proxies[link]

    def _there(self, action: Action) -> Action:
        """The action with the names that the proxy server knows: the name of the link's proxy, and
        the name of a toxic with the lab's prefix.
        """
        action = replace(action, proxy=self._at(action.proxy))
        return replace(action, name=MARK + action.name) if isinstance(action, AddToxic) else action


def _in_force(action: Action) -> InForce:
    match action:
        case AddToxic():
            return InForce(proxy=action.proxy, kind="toxic", name=action.name)
        case Disable():
            return InForce(proxy=action.proxy, kind="disabled")
        case ConnectPhase():
            return InForce(proxy=action.proxy, kind="connect")
