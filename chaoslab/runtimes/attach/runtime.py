"""The runtime that starts nothing: an app, its services and a Toxiproxy that stand already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from chaoslab.agent import canary
from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed, RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import PastProxy
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.mask import Mask
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Link, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.api import ProxyApi, ProxyState
from chaoslab.runtimes.attach.app import StandingApp
from chaoslab.runtimes.attach.control import AttachedControl
from chaoslab.runtimes.attach.declared import absent, declared, host_and_port, unfit
from chaoslab.runtimes.attach.lease import Held, Lease, LeaseRecord, lease_path
from chaoslab.runtimes.attach.leftovers import taken_back
from chaoslab.runtimes.attach.refusals import refuse
from chaoslab.runtimes.parts import Part
from chaoslab.runtimes.standing import StandingService, standing
from chaoslab.services import kind_of, question_of
from chaoslab.services.base import ServerView, TalkFailed

READY_WITHIN_S = 5.0
_OUT_OF_SIGHT = ("refused", "connect_timeout")
_ACCEPTED = ("closed", "reset", "silent", "accepted")


class AttachedRuntime:
    """Implements `Runtime` and `Standing`; an async context manager.

    Raises RuntimeUnavailable on entering where there is no such proxy, another lab is attached, or
    something of a dead lab cannot be taken back.
    """

    name = "attach"
    python = "python3"
    app_host = "0.0.0.0"
    past_proxy: PastProxy = "not observed"
    lookout = None

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._attach = declared(topology)
        self._lease: Lease | None = None
        self._is_engine = False
        self._found: dict[str, ProxyState] = {}
        self._control: AttachedControl | None = None
        self._services: dict[str, StandingService] = {}
        self._seen: set[str] = set()
        self._unseen: set[str] = set()
        self._notes: list[str] = []

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._enter)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._leave))

    @property
    def standing(self) -> AttachedRuntime:
        """Itself: everything stands already."""
        return self

    # --- Standing ---

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found in force and taken back, and what of others' stays."""
        return tuple(self._notes)

    def check(self, plan: Plan) -> None:
        """Raises FaultUnsupported, with every reason, where the plan needs more than watching."""
        refuse(plan, self._topology, self._attach)

    async def sessions(self, link: Link) -> ServerView | None:
        """The link's sessions at its server, where nothing nearer to the app can be seen."""
        assert self._control is not None
        service, there = self._services[link.service], self._reached().get(link.name)
        if there is None or link.name not in self._seen or not service.is_known:
            return None
        if self._control.is_matched(link.name):
            return None
        view = kind_of(service.service.kind).view
        if view is None:
            return None
        try:
            return await view(service.url(service.endpoint), service.url(there))
        except TalkFailed:
            return None

    # --- Runtime ---

    @property
    def parts(self) -> tuple[Part, ...]:
        """None: nothing was started."""
        return ()

    async def start_service(self, service: Service) -> StandingService:
        """Nothing is started. Raises RuntimeUnavailable where its address is given and wrong."""
        address = self._attach.services.get(service.name, "")
        view = await standing(service, address, named_by=f"[attach.services.{service.name}]")
        self._services[service.name] = view
        return view

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> AttachedControl:
        """The server that stands there, whichever it is: a Toxiproxy, or chaoslab's engine."""
        del kind, seed, log
        assert self._lease is not None, "an AttachedRuntime is used inside `async with`"
        host, port = host_and_port(self._attach.toxiproxy)
        server = (EmbeddedControl if self._is_engine else ToxiproxyControl)(host, port)
        try:
            await server.connect(READY_WITHIN_S)
        except InjectionFailed as error:
            raise RuntimeUnavailable(str(error)) from error
        self._control = AttachedControl(
            server,
            self._lease,
            proxies=self._attach.links,
            reached=self._reached(),
            out_of_sight=self._unseen,
        )
        return self._control

    def proxied(self, port: int) -> Endpoint:
        """Where the lab finds the proxy that listens on that port."""
        found = (there for there in self._reached().values() if there.port == port)
        return next(found, Endpoint(host=host_and_port(self._attach.toxiproxy)[0], port=port))

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting | None:
        """From this machine. None where the proxy's listener cannot be reached from here, which is
        found out by the first canary, when nothing is in force; or where it cannot tell.
        """
        del app
        assert self._control is not None
        link = self._control.carries(address)
        if link is None or link in self._unseen:
            return None
        asked_s = now_s()
        try:
            sighting = await canary.ask(
                address.host, address.port, question_of(service), within_s=within_s
            )
        except InjectionFailed:  # a name that is known only where the proxy stands
            if link in self._seen:
                raise
            self._unseen.add(link)
            return None
        if link not in self._seen:
            if sighting.outcome in _OUT_OF_SIGHT:
                self._unseen.add(link)
                return None
            self._seen.add(link)
            await self._control.match(link, sighting.client_port, asked_s)
        # What forwards a port accepts for a listener that does not, and hangs up or says nothing.
        forwarded = sighting.outcome in _ACCEPTED and not self._control.is_matched(link)
        return None if forwarded and self._control.refuses_connects(link) else sighting

    async def app_port(self, app: App) -> int:
        """The one at which it answers."""
        return host_and_port(self._attach.apps[app.name])[1]

    async def spawn_app(
        self,
        *,
        app: App,
        command: tuple[str, ...],
        env: Mapping[str, str],
        port: int,
        log: Path,
        mask: Mask | None = None,
    ) -> StandingApp:
        """Nothing is spawned: the app as it stands."""
        del command, env, port, log, mask
        host, port = host_and_port(self._attach.apps[app.name])
        return StandingApp(Endpoint(host=host, port=port))

    # --- coming and going ---

    def _reached(self) -> dict[str, Endpoint]:
        api_host = host_and_port(self._attach.toxiproxy)[0]
        links = self._attach.links.items()
        return {link: self._found[proxy].reached_by(api_host) for link, proxy in links}

    def _enter(self) -> None:
        try:
            self._lease = Lease.take(lease_path(self._attach.toxiproxy))
        except Held as held:
            who = held.record or "another lab"
            raise RuntimeUnavailable(
                f"{who} injects through Toxiproxy at {self._attach.toxiproxy}\n"
                "  wait until it ends; in attach mode scenarios run one at a time (no -n)"
            ) from None
        try:
            if self._lease.left is not None:
                self._take_back(self._lease.left)
            self._look()
            self._lease.begin(self._attach.toxiproxy)
        except BaseException:
            self._lease.let_go()
            raise

    def _take_back(self, left: LeaseRecord) -> None:
        what = ", ".join(map(str, left.in_force))
        try:
            taken_back(left)
        except RuntimeUnavailable as error:
            raise RuntimeUnavailable(f"still in force by {left}: {what}\n  {error}") from error
        if what:
            self._notes.append(f"healed a fault left in force by {left}: {what}")

    def _look(self) -> None:
        """Each proxy must be there, let traffic pass, and bear no trace of another lab."""
        with ProxyApi(self._attach.toxiproxy) as api:
            self._is_engine = api.is_engine()
            there = api.proxies()
        if problems := [*absent(self._attach, there), *unfit(self._attach, there)]:
            raise RuntimeUnavailable("\n".join(problems))
        self._found = {proxy: there[proxy] for proxy in self._attach.links.values()}
        for proxy, state in self._found.items():
            if state.toxics:
                others = ", ".join(state.toxics)
                self._notes.append(f"proxy {proxy} has toxics of others, left unchanged: {others}")

    def _leave(self) -> None:
        """Everything as it was found; what could not be healed is told and stays written down."""
        lease = self._lease
        if lease is None:
            return
        try:
            if lease.in_force:
                host = LeaseRecord(
                    api=self._attach.toxiproxy, pid=0, host="", since="", in_force=lease.in_force
                )
                taken_back(host)
        except RuntimeUnavailable as error:
            what = ", ".join(map(str, lease.in_force))
            lease.let_go()
            raise ServiceFailed(
                f"still in force: {what}\n  {error}\n  the next run, or `chaoslab clean`, tries "
                "again"
            ) from error
        lease.end()
