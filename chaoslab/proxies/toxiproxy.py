"""Controls a Toxiproxy through the toxiproxy-python client, with time-outs and strict checks.

The client (version 0.1.1, by its source) has no time-outs, treats status 500 of `add_toxic` as
success, and has one server address per process. Here every request has a time-out, every status of
400 and above raises, and a fault counts as injected only if the server reports it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
import toxiproxy.api
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.server import Toxiproxy

from chaoslab.agent.iptables_rules import Counters
from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, InjectionFailed, Problem
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.proxies.base import ConnectionRecord, Traffic, TriggerState
from chaoslab.proxies.refusals import no_messages, no_triggers, refuse
from chaoslab.proxies.strict_http import REFUSED, StrictHttp

NO_ANSWER = ErrorCode(
    "proxy.no_answer", "{server}: {cause}", "The proxy server gave no usable answer to a request."
)
NOT_ITS_API = ErrorCode(
    "proxy.not_its_api",
    "{server} sent an answer that is not Toxiproxy's: {cause}",
    "The server at the proxy server's address does not answer as a Toxiproxy does.",
)
NO_PROXY = ErrorCode(
    "proxy.missing",
    "{server} has no proxy {proxy}",
    "A proxy that the lab uses does not exist on the proxy server.",
)
PROXY_EXISTS = ErrorCode(
    "proxy.exists",
    "a proxy {proxy} already exists at {url}: a parallel lab's, or one left by a killed lab; it is"
    " unchanged",
    "The proxy server already has a proxy with the name that the lab needs.",
)
PROXY_REMAINS = ErrorCode(
    "proxy.remains",
    "proxy {proxy} is still there after it was deleted",
    "The proxy server did not delete a proxy.",
)
PROXY_DIFFERS = ErrorCode(
    "proxy.differs",
    "proxy {proxy} is not in the requested state",
    "The proxy server did not enable or disable a proxy as requested.",
)
TOXIC_DIFFERS = ErrorCode(
    "toxic.differs",
    "toxic {toxic} on {proxy} cannot be read back: not injected",
    "The proxy server does not report a toxic as it was added.",
)
TOXIC_REMAINS = ErrorCode(
    "toxic.remains",
    "toxic {toxic} on {proxy} is still there",
    "The proxy server did not remove a toxic.",
)
T = TypeVar("T")
# Toxiproxy adds to it when a connection ends: the bytes received in each direction.
_RECEIVED = re.compile(r"^toxiproxy_proxy_received_bytes_total\{([^}]*)\} (\S+)$", re.MULTILINE)
# The client has one address per process, so only one call at a time may run. One thread keeps the
# order of calls, so that an injection that was given up while it waited never runs after its heal.
_client_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="toxiproxy-client")


class ToxiproxyControl:
    """Controls any proxy server that has Toxiproxy's API, such as Toxiproxy 2.x."""

    name = "toxiproxy"
    capabilities: frozenset[Capability] = frozenset()

    def __init__(
        self, host: str, port: int, *, listen_host: str = "127.0.0.1", prefix: str = ""
    ) -> None:
        self.host, self.port = host, port
        self._listen_host, self._prefix = listen_host, prefix
        self._made: list[str] = []
        self._http = StrictHttp()
        self._server = Toxiproxy()
        self.version = ""

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def _at(self) -> str:
        return f"the proxy server at {self.base_url}"

    async def connect(self, within_s: float, *, check: Callable[[], None] = lambda: None) -> None:
        """Wait until the proxy server answers. Raises InjectionFailed after `within_s` seconds.

        `check` raises an error if the server can no longer answer.
        """
        deadline_s = now_s() + within_s
        while True:
            try:
                self.version = await self._call(self._read_version)
                return
            except InjectionFailed:
                check()
                if now_s() > deadline_s:
                    raise
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Close the connection to the proxy server. On a shared server (with `prefix`), first
        delete the proxies that this object created.
        """
        try:
            for proxy in tuple(self._made) if self._prefix else ():
                await self.delete(proxy)
        finally:
            self._http.close()

    async def create(self, proxy: str, upstream: str) -> int:
        listen = f"{self._listen_host}:0"
        made = await self._call(lambda: self._create(self._named(proxy), upstream, listen))
        self._made.append(proxy)
        return int(made.listen.rpartition(":")[2])

    async def read_messages(self, proxy: str, protocol: str) -> None:
        del proxy, protocol
        raise no_messages(self.name)

    async def forward(self, proxy: str, listen: str, upstream: str) -> None:
        """Create a proxy that listens at `listen` (host:port), for a path that gets no faults."""
        await self._call(lambda: self._create(self._named(proxy), upstream, listen))
        self._made.append(proxy)

    async def delete(self, proxy: str) -> None:
        await self._call(lambda: self._delete(self._named(proxy)))
        if proxy in self._made:
            self._made.remove(proxy)

    def check(self, action: Action) -> None:
        refuse(action, self.name)

    def check_triggers(self) -> None:
        raise no_triggers(self.name)

    async def apply(self, action: Action) -> None:
        self.check(action)
        match action:
            case AddToxic():
                await self._call(lambda: self._add_toxic(action))
            case Disable():
                await self._call(lambda: self._enable(action.proxy, enabled=False))
            case ConnectPhase():
                await self._apply_connect(action)

    async def undo(self, action: Action) -> None:
        match action:
            case AddToxic():
                await self._call(lambda: self._remove_toxic(action))
            case Disable():
                await self._call(lambda: self._enable(action.proxy, enabled=True))
            case ConnectPhase():
                await self._undo_connect(action)

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        del trigger, proxy, n, actions
        self.check_triggers()

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        del trigger, proxy
        raise no_triggers(self.name)

    async def disarm(self, trigger: str, proxy: str) -> None:
        del trigger, proxy

    async def syn_drops(self, proxy: str) -> int | None:
        del proxy
        return None

    async def packets(self, proxy: str) -> Counters | None:
        del proxy
        return None

    async def ended_bytes(self, proxy: str) -> int | None:
        del proxy  # the lab's own canaries are among them
        return None

    async def metered_bytes(self, proxy: str) -> int:
        """The number of bytes received on a proxy, in both directions, from the server's metrics.

        Bytes of canaries are included. 0 if there are no metrics. Toxiproxy counts a connection
        when it ends, and only if it was started with `-proxy-metrics`.
        """
        return await self._call(lambda: self._metered(self._named(proxy)))

    async def traffic(self, proxy: str) -> Traffic | None:
        del proxy  # its metrics count a connection when it ends
        return None

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        del proxy
        return ()

    async def _apply_connect(self, action: ConnectPhase) -> None:
        raise AssertionError(f"unchecked: {action}")

    async def _undo_connect(self, action: ConnectPhase) -> None:
        del action

    def _read_version(self) -> str:
        response = self._http.get(f"{self.base_url}/version")
        return str(response.json()["version"])

    def _create(self, name: str, upstream: str, listen: str) -> Any:
        try:
            return self._server.create(upstream=upstream, name=name, listen=listen)
        except ProxyExists:
            reason = PROXY_EXISTS(proxy=name, url=self.base_url)
            delete = f"`curl -X DELETE {self.base_url}/proxies/{name}`"
            fix = f"stop that lab, or remove the proxy: {delete}"
            raise InjectionFailed(Problem(reason=reason, fix=fix)) from None

    def _add_toxic(self, action: AddToxic) -> None:
        proxy = self._proxy(action.proxy)
        proxy.add_toxic(
            name=action.name,
            type=action.type,
            stream=action.stream,
            toxicity=action.toxicity,
            attributes=dict(action.attributes),
        )
        found = proxy.get_toxic(action.name)
        shown = found and (found.type, found.stream, found.toxicity)
        asked = (action.type, action.stream, action.toxicity)
        if shown != asked or any(
            found.attributes.get(key) != value for key, value in action.attributes.items()
        ):
            raise InjectionFailed(
                Problem(
                    reason=TOXIC_DIFFERS(toxic=action.name, proxy=action.proxy),
                    expected=f"{asked} {dict(action.attributes)}",
                    got=str(found and vars(found)),
                )
            )

    def _remove_toxic(self, action: AddToxic) -> None:
        proxy = self._proxy(action.proxy)
        if proxy.get_toxic(action.name) is None:
            return
        proxy.destroy_toxic(action.name)
        if proxy.get_toxic(action.name) is not None:
            reason = TOXIC_REMAINS(toxic=action.name, proxy=action.proxy)
            raise InjectionFailed(Problem(reason=reason))

    def _enable(self, name: str, *, enabled: bool) -> None:
        proxy = self._proxy(name)
        proxy.enable() if enabled else proxy.disable()
        shown = self._proxy(name).enabled
        if shown is not enabled:
            reason, got = PROXY_DIFFERS(proxy=name), f"enabled={shown}"
            raise InjectionFailed(Problem(reason=reason, expected=f"enabled={enabled}", got=got))

    def _metered(self, name: str) -> int:
        text = self._http.get(f"{self.base_url}/metrics").text
        return sum(
            int(float(value)) for labels, value in _RECEIVED.findall(text)
            if f'proxy="{name}"' in labels.split(",")
        )  # fmt: skip

    def _named(self, proxy: str) -> str:
        """The name of a proxy on the server: with this lab's prefix, since other labs may share the
        server.
        """
        return self._prefix + proxy

    def _delete(self, name: str) -> None:
        if (proxy := self._server.get_proxy(name)) is not None:
            proxy.destroy()
            if self._server.get_proxy(name) is not None:
                raise InjectionFailed(Problem(reason=PROXY_REMAINS(proxy=name)))

    def _proxy(self, name: str) -> Any:
        proxy = self._server.get_proxy(self._named(name))
        if proxy is None:
            reason = NO_PROXY(server=self._at, proxy=self._named(name))
            raise InjectionFailed(Problem(reason=reason))
        return proxy

    async def _call(self, work: Callable[[], T]) -> T:
        """Run `work`, blocking code of the client, in the client's thread, and return its result.

        Raises InjectionFailed if `work` fails.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_client_thread, self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            with self._addressed():
                return work()
        except (NotFound, ProxyExists, InvalidToxic) as error:
            reason = REFUSED(server=self._at, answer=str(error))
            raise InjectionFailed(Problem(reason=reason)) from error
        except (requests.RequestException, ValueError) as error:
            reason = NO_ANSWER(server=self._at, cause=str(error))
            raise InjectionFailed(Problem(reason=reason)) from error
        except (LookupError, TypeError, AttributeError) as error:
            reason = NOT_ITS_API(server=self._at, cause=f"{type(error).__name__}: {error}")
            raise InjectionFailed(Problem(reason=reason)) from error

    @contextmanager
    def _addressed(self) -> Iterator[None]:
        consumer = toxiproxy.api.APIConsumer
        before = consumer.host, consumer.port  # for a user's own calls in this process
        toxiproxy.api.requests = self._http
        consumer.host, consumer.port = self.host, self.port
        try:
            yield
        finally:
            toxiproxy.api.requests = requests
            consumer.host, consumer.port = before
