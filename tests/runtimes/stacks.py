"""The topology of the tests that run in containers, and clients in an app's network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine_here import engine, images

from chaoslab.clock import now_s
from chaoslab.history.journal import Journal
from chaoslab.injection.context import Context
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.topology import App, Connector, Container, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.containers.app import ContainerApp
from chaoslab.runtimes.containers.runtime import ContainerRuntime

APP = App(
    name="app",
    command=("true",),
    links=("redis", "postgres"),
    container=Container(image=images().python),
)
TOPOLOGY = Topology(
    name="containers",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
        "two": Service(name="two", kind="redis"),
    },
    apps={"app": APP},
    connectors={"vpc": Connector(name="vpc", links=("app.redis", "app.postgres"))},
    images=images(),
)
# The smallest topology whose session can be started: for tests that start one of their own.
SMALL = Topology(
    name="small",
    services={"redis": Service(name="redis", kind="redis")},
    apps={"app": App(name="app", command=("true",), links=("redis",), container=APP.container)},
    connectors={},
    images=images(),
)


async def boot(runtime: ContainerRuntime, code: str, log: Path, *words: str) -> ContainerApp:
    """A boot of the app that is one Python program; `words` are its arguments."""
    return await runtime.spawn_app(
        AppStart(
            app=APP,
            command=("python3", "-u", "-c", code, *words),
            env={},
            port=await runtime.app_port(APP),
            log=log,
        )
    )


async def says(app: ContainerApp, within_s: float = 20.0) -> tuple[str, ...]:
    """All output of a boot, once it has ended with exit code 0."""
    assert await asyncio.wait_for(app.wait(), within_s) == 0, app.log_tail()
    return app.log_tail(100)


async def until_line(app: ContainerApp, start: str, within_s: float = 20.0) -> str:
    """The last line that begins so; fails after the limit."""
    end_s = now_s() + within_s
    while True:
        if found := [line for line in app.log_tail(200) if line.startswith(start)]:
            return found[-1]
        assert now_s() < end_s, f"never said {start!r}: {app.log_tail()}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def ground_of(
    lab: ContainerRuntime, topology: Topology, folder: Path, proxy: ProxyKind = "toxiproxy"
) -> AsyncIterator[Context]:
    """Services, proxy and links of a topology in that lab, as `chaoslab.lab.bring_up` does it."""
    control, *services = await asyncio.gather(
        lab.start_proxy(proxy, seed=7, log=folder / "proxy.log"),
        *(lab.start_service(service) for service in topology.services.values()),
    )
    running = {service.service.name: service for service in services}
    addresses = {
        link.name: lab.proxied(await control.create(link.name, str(running[link.service].upstream)))
        for link in topology.links
    }
    journal = Journal(folder / "history.jsonl")
    try:
        yield Context(
            topology=topology, runtime=lab, control=control, services=running, addresses=addresses,
            journal=journal, seed=7,
        )  # fmt: skip
    finally:
        journal.close()
        await control.close()


def address_of(container_id: str, network: str) -> Endpoint:
    """The address of a container on the network whose name ends so; port 0."""
    seen = json.loads(engine().read(f"/containers/{container_id}/json"))
    networks = seen["NetworkSettings"]["Networks"]
    name = next(name for name in networks if name.endswith(network))
    return Endpoint(host=networks[name]["IPAddress"], port=0)
