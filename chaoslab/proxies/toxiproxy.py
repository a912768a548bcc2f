"""The control path: the unmodified toxiproxy-python client, made strict, bounded and read back.

What the client lacks (0.1.1, read in its source): it waits for ever on a silent server, it takes a
500 on `add_toxic` for success, so that the fault is silently never injected, and its server address
is a class attribute. Here every request has a time-out, every status of 400 and above raises, and
nothing counts as injected that cannot be read back.
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
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.proxies.base import ConnectionRecord, TriggerState

T = TypeVar("T")
REQUEST_TIMEOUT_S = 3.0
# Added to when a connection ends: what it has received in each direction.
_RECEIVED = re.compile(r"^toxiproxy_proxy_received_bytes_total\{([^}]*)\} (\S+)$", re.MULTILINE)
# The client's address is one per process, so one caller at a time; and in the order of asking, so
# that a heal is never overtaken by an injection that was given up while it waited for its turn.
_client_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="toxiproxy-client")


class StrictHttp:
    """Stands in for the client's `requests` module: a session, time-outs, and strict statuses."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment must not carry control traffic

    def get(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("POST", url, **kwargs)

    def put(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("PUT", url, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("DELETE", url, **kwargs)

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        response = self._session.request(method, url, timeout=REQUEST_TIMEOUT_S, **kwargs)
        if response.status_code >= 400 and response.status_code not in (400, 404, 409):
            # the client raises for these three itself and overlooks all others
            answer = f"{response.status_code} {response.text.strip()[:200]}"
            raise InjectionFailed(f"{method} {url}: the proxy server answered {answer}")
        return response


class ToxiproxyControl:
    """Drives any server that speaks Toxiproxy's API, as a real Toxiproxy 2.x does."""

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

    async def connect(self, within_s: float) -> None:
        """Wait until the server answers. Raises InjectionFailed after `within_s` seconds."""
        deadline_s = now_s() + within_s
        while True:
            try:
                self.version = await self._call(self._read_version)
                return
            except InjectionFailed:
                if now_s() > deadline_s:
                    raise
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Take away the proxies that were made here, where the server lives on, and let go."""
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

    async def delete(self, proxy: str) -> None:
        await self._call(lambda: self._delete(self._named(proxy)))
        if proxy in self._made:
            self._made.remove(proxy)

    def check(self, action: Action) -> None:
        if isinstance(action, AddToxic) and action.type == "silence":
            raise FaultUnsupported(f"{self.name} has no toxic that holds bytes (silence)")
        if isinstance(action, ConnectPhase):
            raise FaultUnsupported(f"{self.name} has no connect phase: no {action.mode} connects")
        if isinstance(action, AddToxic) and action.inert:
            raise FaultUnsupported(f"{self.name} cannot disable a toxic")

    def check_triggers(self) -> None:
        raise FaultUnsupported(f"{self.name} cannot act at a link's connection by itself")

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
        raise FaultUnsupported(f"{self.name} has no trigger {trigger} on {proxy}")

    async def disarm(self, trigger: str, proxy: str) -> None:
        del trigger, proxy

    async def syn_drops(self, proxy: str) -> int | None:
        del proxy
        return None

    async def packets(self, proxy: str) -> Counters | None:
        del proxy
        return None

    async def ended_bytes(self, proxy: str) -> int | None:
        del proxy  # the lab's own canaries come this way
        return None

    async def metered_bytes(self, proxy: str) -> int:
        """What has come, both ways, by the server's metrics, canaries included; 0 without them.

        Toxiproxy counts a connection when it ends, and only with `-proxy-metrics`.
        """
        return await self._call(lambda: self._metered(self._named(proxy)))

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
            raise InjectionFailed(
                f"a proxy {name} already exists at {self.base_url}: "
                "a parallel lab's, or one left by a killed lab; it is unchanged\n"
                f"  stop that lab, or remove the proxy: `curl -X DELETE "
                f"{self.base_url}/proxies/{name}`"
            ) from None

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
                f"toxic {action.name} on {action.proxy} cannot be read back: not injected\n"
                f"  expected {asked} {dict(action.attributes)}, got {found and vars(found)}"
            )

    def _remove_toxic(self, action: AddToxic) -> None:
        proxy = self._proxy(action.proxy)
        if proxy.get_toxic(action.name) is None:
            return
        proxy.destroy_toxic(action.name)
        if proxy.get_toxic(action.name) is not None:
            raise InjectionFailed(f"toxic {action.name} on {action.proxy} is still there")

    def _enable(self, name: str, *, enabled: bool) -> None:
        proxy = self._proxy(name)
        proxy.enable() if enabled else proxy.disable()
        shown = self._proxy(name).enabled
        if shown is not enabled:
            raise InjectionFailed(f"proxy {name}: expected enabled={enabled}, got {shown}")

    def _metered(self, name: str) -> int:
        text = self._http.get(f"{self.base_url}/metrics").text
        return sum(
            int(float(value)) for labels, value in _RECEIVED.findall(text)
            if f'proxy="{name}"' in labels.split(",")
        )  # fmt: skip

    def _named(self, proxy: str) -> str:
        """Its name on the server, which other labs may share."""
        return self._prefix + proxy

    def _delete(self, name: str) -> None:
        if (proxy := self._server.get_proxy(name)) is not None:
            proxy.destroy()
            if self._server.get_proxy(name) is not None:
                raise InjectionFailed(f"proxy {name} is still there after it was deleted")

    def _proxy(self, name: str) -> Any:
        proxy = self._server.get_proxy(self._named(name))
        if proxy is None:
            raise InjectionFailed(f"the proxy server has no proxy {self._named(name)}")
        return proxy

    async def _call(self, work: Callable[[], T]) -> T:
        """Run blocking client code in its thread; every failure comes out as InjectionFailed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_client_thread, self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            with self._addressed():
                return work()
        except (NotFound, ProxyExists, InvalidToxic) as error:
            raise InjectionFailed(
                f"the proxy server at {self.base_url} refused: {error}"
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise InjectionFailed(f"the proxy server at {self.base_url}: {error}") from error
        except (LookupError, TypeError, AttributeError) as error:
            raise InjectionFailed(
                f"the proxy server at {self.base_url} sent an answer that is not Toxiproxy's: "
                f"{type(error).__name__}: {error}"
            ) from error

    @contextmanager
    def _addressed(self) -> Iterator[None]:
        consumer = toxiproxy.api.APIConsumer
        before = consumer.host, consumer.port  # a user's own calls in this process go there
        toxiproxy.api.requests = self._http
        consumer.host, consumer.port = self.host, self.port
        try:
            yield
        finally:
            toxiproxy.api.requests = requests
            consumer.host, consumer.port = before
