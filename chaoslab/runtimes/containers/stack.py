"""Everything of one session that outlives a scenario: networks, services, proxy server, pods.

    app's pod ── front ── gateway (proxy server) ── back ── services

Two ordinary bridges, which the engine keeps apart: an app reaches a service only through the proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import Ports
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.agents import Agent
from chaoslab.runtimes.containers.app import Pod
from chaoslab.runtimes.containers.engine import HOST, Engine, Run
from chaoslab.runtimes.containers.problems import PortTaken, told
from chaoslab.runtimes.containers.service import Box
from chaoslab.services import kind_of
from chaoslab.services.base import AGENT_IMAGE, ability

if TYPE_CHECKING:
    from docker.models.containers import Container
    from testcontainers.core.network import Network

T = TypeVar("T")
API_PORT = 8474
PROXY_NAME = "toxiproxy"
APP_PORT = 8080
_TRIES = 5  # somebody may take a port between our choice and the container's start


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The namespace of the proxy server: its agent, its API as the lab reaches it, and the name
    and images under which it is started and found.
    """

    agent: Agent
    api: Endpoint
    name: str
    shared: bool
    proxy: Container | None = None


class Stack(Protocol):
    """What runs for one session, however it was started."""

    @property
    def engine(self) -> Engine: ...

    @property
    def images(self) -> Images: ...

    @property
    def boxes(self) -> dict[str, Box]:
        """The services' containers, by the services' names."""

    @property
    def gateway(self) -> Gateway: ...

    @property
    def pods(self) -> dict[str, Pod]:
        """The apps' namespaces, by the apps' names."""


class StartedStack:
    """A stack that is started with Testcontainers. The session's switch takes it away."""

    def __init__(self, engine: Engine, topology: Topology, proxy: ProxyKind, ports: Ports) -> None:
        self.engine = engine
        self.images = images.chosen(topology)
        self._ports = ports
        agent = images.agent_image(engine.docker, self.images.python)
        front, back = at_once([partial(engine.network, "front"), partial(engine.network, "back")])
        self.boxes: dict[str, Box] = {}
        self.pods: dict[str, Pod] = {}
        self._agents: list[Agent] = []
        services, apps = topology.services.values(), topology.apps.values()
        try:
            at_once(
                [
                    partial(self._start_gateway, agent, proxy, front, back),
                    *(partial(self._box, service, agent, back) for service in services),
                    *(partial(self._pod, app, agent, front) for app in apps),
                ]
            )
        except BaseException:
            for each in self._agents:
                each.close()
            raise

    def _app_image(self, app: App) -> str:
        return images.app_image(self.engine.docker, app, self.images.python)

    def _start_gateway(
        self, agent_image: str, proxy: ProxyKind, front: Network, back: Network
    ) -> None:
        run = Run(
            image=agent_image, role="gateway", network=front, aliases=(PROXY_NAME,), talks=True,
            capabilities=("NET_ADMIN",),
        )  # fmt: skip
        container, port = self._published(run, API_PORT)
        with told("network back"):
            back.connect(container.id)
        agent = self._agent(container)
        running: Container | None = None
        if proxy == "toxiproxy":
            running = self.engine.run(
                Run(
                    image=images.pulled(self.engine.docker, self.images.toxiproxy),
                    role="toxiproxy",
                    command=("-host=0.0.0.0",),
                    joins=container.id,
                )
            )
        api = Endpoint(host=HOST, port=port)
        shared = proxy == "toxiproxy"
        self.gateway = Gateway(
            agent=agent, api=api, name=PROXY_NAME, shared=shared, proxy=running
        )  # fmt: skip

    def _box(self, service: Service, agent_image: str, back: Network) -> None:
        """A server in a namespace that outlives it: one that is down refuses, as on a host that is
        up, keeps its address and its name, and comes back there.
        """
        kind = kind_of(service.kind)
        fix = "run it as a process (--chaos-runtime=local), or attach to one that runs"
        server = ability(kind.container, kind, "run in the lab's own container", fix)(service)
        image = images.of_service(service, self.images)
        place = Run(
            image=agent_image, role="place", entrypoint=("sleep",), command=("infinity",),
            network=back, aliases=(service.name,),
        )  # fmt: skip
        standing, port = self._published(place, server.port)
        run = Run(
            image=agent_image if image == AGENT_IMAGE else image, role=service.kind,
            command=server.command, env=server.env, joins=standing.id,
        )  # fmt: skip
        self.boxes[service.name] = Box(
            name=service.name,
            server=server,
            container=self.engine.run(run),
            published=port,
            upstream=Endpoint(host=service.name, port=server.port),
        )

    def _pod(self, app: App, agent_image: str, front: Network) -> None:
        inside = app.port or APP_PORT
        run = Run(image=agent_image, role="pod", network=front, talks=True)
        container, port = self._published(run, inside)
        agent = self._agent(container)
        agent.watch()
        self.pods[app.name] = Pod(
            app=app.name,
            image=self._app_image(app),
            agent=agent,
            inside=inside,
            published=port,
        )

    def _agent(self, container: Container) -> Agent:
        agent = Agent(container)
        self._agents.append(agent)
        agent.wait_until_ready()
        return agent

    def _published(self, run: Run, inside: int) -> tuple[Container, int]:
        """Start it with that port published on a free one of loopback, and say which."""
        for tries_left in reversed(range(_TRIES)):
            port = self._ports.take()
            try:
                return self.engine.run(replace(run, ports={inside: port})), port
            except PortTaken:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """Run blocking calls side by side; their results in order, or the first failure."""
    with ThreadPoolExecutor(max_workers=len(work)) as threads:
        return [each.result() for each in [threads.submit(one) for one in work]]
