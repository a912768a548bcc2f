"""The time that the usual tests with Testcontainers add: new containers for every test.

The baseline of `containers_overhead.py`. Each test starts a network, Postgres, Redis, Toxiproxy and
the app one after the other, as fixtures do, waits for each, and removes them all. It uses nothing
of chaoslab but the app's image. The scenarios are those of `scenario_overhead.py` that Toxiproxy
can do; `dropped` is not possible, since Toxiproxy accepts before it dials.

    added = wall time - (the app's container is started -> its last state is observed, and it stops)
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import HttpWaitStrategy
from toxiproxy.api import APIConsumer
from toxiproxy.server import Toxiproxy

HOLD_S = 0.3
PATIENCE_S = 30.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Seconds of one test: all of it, and the part that the app and the fault took."""

    wall_s: float
    app_s: float

    @property
    def added_s(self) -> float:
        """The seconds that this way of testing adds."""
        return self.wall_s - self.app_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The images of the containers."""

    postgres: str
    redis: str
    toxiproxy: str
    app: str


def loopback(container: DockerContainer, *ports: int) -> DockerContainer:
    """Publish these ports of the container on 127.0.0.1 only."""
    for port in ports:
        container.ports[f"{port}/tcp"] = ("127.0.0.1", None)  # type: ignore[assignment]
    return container


@contextlib.contextmanager
def fixtures(images: Images) -> Iterator[tuple[Network, Toxiproxy]]:
    """Start Postgres, Redis and Toxiproxy in new containers, and wait for each."""
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        postgres = PostgresContainer(
            images.postgres, username="app", password="app", dbname="app", driver=None
        )
        loopback(postgres, 5432).with_network(network).with_network_aliases("postgres")
        stack.enter_context(postgres)
        redis = RedisContainer(images.redis)
        loopback(redis, 6379).with_network(network).with_network_aliases("redis")
        stack.enter_context(redis)
        toxiproxy = DockerContainer(images.toxiproxy).with_command("-host=0.0.0.0")
        loopback(toxiproxy, 8474).with_network(network).with_network_aliases("toxiproxy")
        toxiproxy.waiting_for(HttpWaitStrategy(8474, "/version"))
        stack.enter_context(toxiproxy)
        APIConsumer.host = "127.0.0.1"
        APIConsumer.port = int(toxiproxy.get_exposed_port(8474))
        server = Toxiproxy()
        server.create(upstream="postgres:5432", name="postgres", listen="0.0.0.0:20001")
        server.create(upstream="redis:6379", name="redis", listen="0.0.0.0:20002")
        yield network, server


def the_app(images: Images, network: Network) -> DockerContainer:
    """The app, configured to reach both services through Toxiproxy."""
    app = DockerContainer(images.app).with_envs(
        HOST="0.0.0.0",
        PORT="8080",
        PROFILE="lab",
        DATABASE_URL="postgresql://app:app@toxiproxy:20001/app",
        REDIS_URL="redis://toxiproxy:20002/0",
        EMERGENCY_ALLOW_NO_DATABASE="true",
    )
    return loopback(app, 8080).with_network(network)


def until(base: str, status: str) -> None:
    """Poll /health until it answers 200 with this status."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = httpx.get(f"{base}/health", timeout=1.0)
            if answer.status_code == 200 and answer.json()["status"] == status:
                return
        time.sleep(POLL_S)
    raise SystemExit(f"never {status}")


def no_fault(base: str, server: Toxiproxy) -> None:
    """The app starts and becomes healthy."""
    del server
    until(base, "healthy")


def both_refused(base: str, server: Toxiproxy) -> None:
    """The app starts degraded, and recovers when both proxies are enabled."""
    until(base, "degraded")
    time.sleep(HOLD_S)
    for proxy in server.proxies().values():
        proxy.enable()
    until(base, "healthy")


def disable_both(server: Toxiproxy) -> None:
    """Disable both proxies, before the app starts."""
    for proxy in server.proxies().values():
        proxy.disable()


def nothing(server: Toxiproxy) -> None:
    """No fault."""
    del server


Body = Callable[[str, Toxiproxy], None]
SCENARIOS: dict[str, tuple[Callable[[Toxiproxy], None], Body]] = {
    "no fault": (nothing, no_fault),
    "refused before start": (disable_both, both_refused),
}


def one_test(name: str, images: Images) -> Taken:
    """Run one test, as a suite without the lab would have it, and measure it."""
    before, body = SCENARIOS[name]
    begun_s = time.monotonic()
    with fixtures(images) as (network, server):
        before(server)
        app = the_app(images, network)
        app_s = time.monotonic()
        app.start()
        try:
            body(f"http://127.0.0.1:{app.get_exposed_port(8080)}", server)
            app.get_wrapped_container().stop(timeout=2)
            app_s = time.monotonic() - app_s
        finally:
            app.stop()
    return Taken(wall_s=time.monotonic() - begun_s, app_s=app_s)
