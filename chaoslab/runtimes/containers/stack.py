"""The stack: all parts that a session's scenarios share: networks, services, proxy, pods.

    app's pod -- front -- gateway (proxy server) -- back -- services

Front and back are bridges that the engine isolates: an app reaches a service only via the proxy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import Ports, PortTaken
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.agents import ContainerAgent
from chaoslab.runtimes.containers.app import Pod
from chaoslab.runtimes.containers.engine import HOST, Engine, Run
from chaoslab.runtimes.containers.problems import engine_errors
from chaoslab.runtimes.containers.service import ServerContainer
from chaoslab.runtimes.ports_inside import named_ports_inside, port_inside
from chaoslab.services import kind_of
from chaoslab.services.base import AGENT_IMAGE, ability

if TYPE_CHECKING:
    from docker.models.containers import Container
    from testcontainers.core.network import Network

T = TypeVar("T")
API_PORT = 8474
PROXY_NAME = "toxiproxy"
_TRIES = 5  # another process may take a port between our choice and the container's start


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The network namespace of the proxy server.

    `api` is the address of the proxy's API for the lab. `proxy` is the container of the Toxiproxy
    that all labs share; None if each lab starts an embedded engine.
    """

    agent: ContainerAgent
    api: Endpoint
    proxy: Container | None = None


class Stack:
    """The containers and agents that run for one session.

    A subclass starts them in its constructor; the session's switch removes them.
    """

    gateway: Gateway

    def __init__(self, engine: Engine, named: Images, ports: Ports) -> None:
        self.engine, self.images, self._ports = engine, named, ports
        self.agent_image = images.agent_image(engine.docker, named.python)
        self.servers: dict[str, ServerContainer] = {}  # by the services' names
        self.pods: dict[str, Pod] = {}  # by the apps' names
        self.agents: list[ContainerAgent] = []

    def close_agents(self) -> None:
        """Close the stream of every agent; the agents then end."""
        for agent in self.agents:
            agent.close()

    def _start(self, work: Sequence[Callable[[], None]]) -> None:
        """Run all calls of the stack's start at once. If one fails, close all agents and raise the
        error of that call.
        """
        try:
            at_once(work)
        except BaseException:
            self.close_agents()
            raise

    def _agent(self, container: Container) -> ContainerAgent:
        agent = ContainerAgent(container)
        self.agents.append(agent)
        agent.wait_until_ready()
        return agent

    def _start_pod(self, app: App, image: str, network: Network) -> None:
        inside, named = port_inside(app), named_ports_inside(app)
        run = Run(image=self.agent_image, role="pod", network=network, talks=True)
        container, published = self._published(run, inside, *named.values())
        agent = self._agent(container)
        agent.watch()
        self.pods[app.name] = Pod(
            app=app.name, image=image, agent=agent, inside=inside, named=named, published=published
        )

    def _published(self, run: Run, *inside: int) -> tuple[Container, dict[int, int]]:
        """Start a container with each of its ports `inside` published on a free port of loopback.

        Returns the container, and maps each port to the free one.
        """
        for tries_left in reversed(range(_TRIES)):
            ports = {each: self._ports.take() for each in inside}
            try:
                return self.engine.run(replace(run, ports=ports)), ports
            except PortTaken:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")


class StartedStack(Stack):
    """A stack that the lab itself starts from the topology, with Testcontainers."""

    def __init__(self, engine: Engine, topology: Topology, proxy: ProxyKind, ports: Ports) -> None:
        super().__init__(engine, images.chosen(topology), ports)
        front, back = at_once([partial(engine.network, "front"), partial(engine.network, "back")])
        services, apps = topology.services.values(), topology.apps.values()
        self._start(
            [
                partial(self._start_gateway, proxy, front, back),
                *(partial(self._start_server, service, back) for service in services),
                *(partial(self._start_app, app, front) for app in apps),
            ]
        )

    def _start_app(self, app: App, front: Network) -> None:
        image = images.app_image(self.engine.docker, app, self.images.python)
        self._start_pod(app, image, front)

    def _start_gateway(self, proxy: ProxyKind, front: Network, back: Network) -> None:
        run = Run(
            image=self.agent_image, role="gateway", network=front, aliases=(PROXY_NAME,),
            talks=True, capabilities=("NET_ADMIN",),
        )  # fmt: skip
        container, published = self._published(run, API_PORT)
        with engine_errors("network back"):
            back.connect(container.id)
        agent = self._agent(container)
        running: Container | None = None
        if proxy == "toxiproxy":
            image = images.pulled(self.engine.docker, self.images.toxiproxy)
            command = ("-host=0.0.0.0",)
            run = Run(image=image, role="toxiproxy", command=command, joins=container.id)
            running = self.engine.run(run)
        api = Endpoint(host=HOST, port=published[API_PORT])
        self.gateway = Gateway(agent=agent, api=api, proxy=running)

    def _start_server(self, service: Service, back: Network) -> None:
        """Start a server in the network namespace of a second container, which keeps running.

        So a server that is down keeps its name and address, and refuses connects, as on a host that
        is up.
        """
        kind = kind_of(service.kind)
        fix = "run it as a process (--chaos-runtime=local), or attach to one that runs"
        server = ability(kind.container, kind, "run in the lab's own container", fix)(service)
        image = images.of_service(service, self.images)
        place = Run(
            image=self.agent_image, role="place", entrypoint=("sleep",), command=("infinity",),
            network=back, aliases=(service.name,),
        )  # fmt: skip
        owner, published = self._published(place, server.port)
        run = Run(
            image=self.agent_image if image == AGENT_IMAGE else image, role=service.kind,
            command=server.command, env=server.env, joins=owner.id,
        )  # fmt: skip
        self.servers[service.name] = ServerContainer(
            name=service.name,
            server=server,
            container=self.engine.run(run),
            published=published[server.port],
            upstream=Endpoint(host=service.name, port=server.port),
        )


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """Run blocking calls in threads at once; returns their results in order, or the first error."""
    with ThreadPoolExecutor(max_workers=len(work)) as threads:
        return [each.result() for each in [threads.submit(one) for one in work]]
