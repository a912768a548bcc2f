"""The runtime that starts nothing: it uses a running app, its services and their Toxiproxy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from chaoslab.agent import canary
from chaoslab.clock import now_s
from chaoslab.errors import (
    ErrorCode,
    InjectionFailed,
    Problem,
    RuntimeUnavailable,
    ServiceFailed,
)
from chaoslab.history.events import PastProxy
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Link, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.api import ProxyApi, ProxyState
from chaoslab.runtimes.attach.app import ExternalApp
from chaoslab.runtimes.attach.control import AttachedControl
from chaoslab.runtimes.attach.declared import absent, host_and_port, permitted, unfit
from chaoslab.runtimes.attach.lease import Held, Lease, LeaseRecord, lease_path
from chaoslab.runtimes.attach.leftovers import heal
from chaoslab.runtimes.attach.refusals import refuse
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.external import ExternalService, external_service
from chaoslab.runtimes.parts import Part
from chaoslab.services import kind_of, question_of
from chaoslab.services.base import ServerView, TalkFailed

IN_USE = ErrorCode(
    "attach.in_use",
    "{lab} injects through Toxiproxy at {address}",
    "Another lab is attached to the proxy server.",
)
STILL_IN_FORCE = ErrorCode(
    "attach.still_in_force",
    "still in force{by}: {faults}",
    "A fault on an external proxy could not be healed.",
)
READY_WITHIN_S = 5.0
_UNREACHABLE = ("refused", "connect_timeout")
_ACCEPTED = ("closed", "reset", "silent", "accepted")


class AttachedRuntime:
    """Implements `Runtime` and `ExternalSystem` for attach mode; an async context manager.

    On entry it raises RuntimeUnavailable if a declared proxy is missing or unusable, another lab is
    attached, or a fault of a dead lab cannot be healed.
    """

    name = "attach"
    python = "python3"
    app_host = "0.0.0.0"
    past_proxy: PastProxy = "not observed"
    lookout = None
    outside_watch = None
    preparer = None

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._attach = permitted(topology)
        self._lease: Lease | None = None
        self._is_engine = False
        self._found: dict[str, ProxyState] = {}
        self._control: AttachedControl | None = None
        self._services: dict[str, ExternalService] = {}
        self._reachable: set[str] = set()
        self._without_canary: set[str] = set()
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
    def external(self) -> AttachedRuntime:
        """This runtime itself: the whole system under test is external."""
        return self

    # --- ExternalSystem ---

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on faults of a dead lab that were healed on entry, and on toxics of others, which
        stay.
        """
        return tuple(self._notes)

    async def sessions(self, link: Link) -> ServerView | None:
        """The link's sessions, as the service's own server reports them.

        None if the proxy's own records of the link are usable, if the service's or the proxy's
        address is not known or not reached, or if the service's server cannot report them.
        """
        assert self._control is not None
        service, there = self._services[link.service], self._reached().get(link.name)
        if there is None or link.name not in self._reachable or not service.has_address:
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

    def check(self, plan: Plan) -> None:
        """Raise FaultUnsupported, with every reason, if attach mode cannot carry out the plan."""
        refuse(plan, self._topology, self._attach)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Empty: this runtime starts no parts."""
        return ()

    async def start_service(self, service: Service) -> ExternalService:
        """The external service; nothing is started.

        Raises RuntimeUnavailable if the topology declares the service's address and no service
        answers there.
        """
        address = self._attach.services.get(service.name, "")
        named_by = f"[attach.services.{service.name}]"
        running = await external_service(service, address, named_by=named_by)
        self._services[service.name] = running
        return running

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> AttachedControl:
        """Connect to the external proxy server, a Toxiproxy or chaoslab's engine; returns its
        control.
        """
        del kind, seed, log
        assert self._lease is not None, "an AttachedRuntime is used inside `async with`"
        host, port = host_and_port(self._attach.toxiproxy)
        server = (EmbeddedControl if self._is_engine else ToxiproxyControl)(host, port)
        try:
            await server.connect(READY_WITHIN_S)
        except InjectionFailed as error:
            raise RuntimeUnavailable(error.problems) from error
        self._control = AttachedControl(
            server,
            self._lease,
            proxies=self._attach.links,
            reached=self._reached(),
            without_canary=self._without_canary,
        )
        return self._control

    def proxied(self, port: int) -> Endpoint:
        """The address at which the lab reaches the declared proxy that listens on `port`.

        If no declared proxy listens there: that port on the host of the proxy server's API.
        """
        found = (there for there in self._reached().values() if there.port == port)
        return next(found, Endpoint(host=host_and_port(self._attach.toxiproxy)[0], port=port))

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting | None:
        """Send a canary from this machine to the proxy at `address`; returns what it observed.

        None if the proxy's listener cannot be reached from here: the link's first canary shows
        that, before any fault is in force. None too if this lab refuses connects on the link and a
        program that forwards the port may have accepted the canary.
        """
        del app
        assert self._control is not None
        link = self._control.carries(address)
        if link is None or link in self._without_canary:
            return None
        asked_s = now_s()
        try:
            sighting = await canary.ask(
                address.host, address.port, question_of(service), within_s=within_s
            )
        except InjectionFailed:  # a host name that is known only to the proxy
            if link in self._reachable:
                raise
            self._without_canary.add(link)
            return None
        if link not in self._reachable:
            if sighting.outcome in _UNREACHABLE:
                self._without_canary.add(link)
                return None
            self._reachable.add(link)
            await self._control.match(link, sighting.client_port, asked_s)
        # A program that forwards a port accepts, also when the proxy's listener is closed.
        forwarded = sighting.outcome in _ACCEPTED and not self._control.is_matched(link)
        return None if forwarded and self._control.refuses_connects(link) else sighting

    async def app_port(self, app: App) -> int:
        """The port of the app's declared address."""
        return host_and_port(self._attach.apps[app.name])[1]

    async def named_ports(self, app: App) -> Mapping[str, int]:
        """None: `check` has refused an app whose health is at one, and the lab starts no app."""
        del app
        return {}

    async def spawn_app(self, start: AppStart) -> ExternalApp:
        """The app at its declared address. Nothing is spawned: the app runs already."""
        host, port = host_and_port(self._attach.apps[start.app.name])
        return ExternalApp(Endpoint(host=host, port=port))

    # --- attach and detach ---

    def _reached(self) -> dict[str, Endpoint]:
        api_host = host_and_port(self._attach.toxiproxy)[0]
        links = self._attach.links.items()
        return {link: self._found[proxy].reached_by(api_host) for link, proxy in links}

    def _enter(self) -> None:
        try:
            self._lease = Lease.take(lease_path(self._attach.toxiproxy))
        except Held as held:
            reason = IN_USE(lab=str(held.record or "another lab"), address=self._attach.toxiproxy)
            fix = "wait until it ends; in attach mode scenarios run one at a time (no -n)"
            raise RuntimeUnavailable(Problem(reason=reason, fix=fix)) from None
        try:
            if self._lease.left is not None:
                self._heal(self._lease.left)
            self._look()
            self._lease.begin(self._attach.toxiproxy)
        except BaseException:
            self._lease.release()
            raise

    def _heal(self, left: LeaseRecord) -> None:
        what = ", ".join(map(str, left.in_force))
        try:
            heal(left)
        except RuntimeUnavailable as error:
            reason = STILL_IN_FORCE(by=f" by {left}", faults=what)
            raise RuntimeUnavailable([Problem(reason=reason), *error.problems]) from error
        if what:
            self._notes.append(f"healed a fault left in force by {left}: {what}")

    def _look(self) -> None:
        """Read the state of each declared proxy, and check that it exists, is enabled, and has no
        fault of an unknown lab.

        Raises RuntimeUnavailable if not. Toxics of others are mentioned in the notes.
        """
        with ProxyApi(self._attach.toxiproxy) as api:
            self._is_engine = api.is_engine()
            there = api.proxies()
        if problems := [*absent(self._attach, there), *unfit(self._attach, there)]:
            raise RuntimeUnavailable(problems)
        self._found = {proxy: there[proxy] for proxy in self._attach.links.values()}
        for proxy, state in self._found.items():
            if state.toxics:
                others = ", ".join(state.toxics)
                self._notes.append(f"proxy {proxy} has toxics of others, left unchanged: {others}")

    def _leave(self) -> None:
        """Heal every fault of this lab and end the lease.

        If a fault cannot be healed, it stays in the lease's record, and ServiceFailed is raised.
        """
        lease = self._lease
        if lease is None:
            return
        try:
            if lease.in_force:
                host = LeaseRecord(
                    api=self._attach.toxiproxy, pid=0, host="", since="", in_force=lease.in_force
                )
                heal(host)
        except RuntimeUnavailable as error:
            what = ", ".join(map(str, lease.in_force))
            lease.release()
            fix = "the next run, or `chaoslab clean`, tries again"
            problem = Problem(reason=STILL_IN_FORCE(by="", faults=what), fix=fix)
            raise ServiceFailed([problem, *error.problems]) from error
        lease.end()
