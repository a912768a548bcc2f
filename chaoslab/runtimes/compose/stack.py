"""A stack that Compose started, as labs use it: its services, its Toxiproxy, and pods of the lab.

The scenario's app runs from the image of the file's app service, in a pod on the network that this
service shares with Toxiproxy only. The file's own app is not started.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import Ports
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.runtimes.compose.file import ComposeFile
from chaoslab.runtimes.compose.servers import stack_server
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.agents import Agent
from chaoslab.runtimes.containers.app import Pod
from chaoslab.runtimes.containers.engine import HOST, Engine, Run
from chaoslab.runtimes.containers.problems import exited, told
from chaoslab.runtimes.containers.service import STOP_GRACE_S, Box
from chaoslab.runtimes.containers.stack import API_PORT, APP_PORT, PROXY_NAME, Gateway, at_once

if TYPE_CHECKING:
    from docker.models.containers import Container

LABEL = "com.docker.compose"
HEALTHY_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_LOG_LINES = 12
_LOOPBACKS = ("", "0.0.0.0", "::", HOST)


class Place:
    """Stands in for a server that is down: the engine takes a stopped container's name and address
    out of its network, where a host whose server is down would still be found, and refuse.
    Toxiproxy dials one connection of a proxy after the other, and its API waits for that: a name
    that is asked of some distant name server would hold up everything.

    `home` is where it waits meanwhile.
    """

    def __init__(
        self, engine: Engine, image: str, *, home: str, network: str, names: Sequence[str]
    ) -> None:
        self._engine, self._network, self._names = engine, network, list(names)
        run = Run(
            image=image, role="place", entrypoint=("sleep",), command=("infinity",),
            network=engine.network_there(home),
        )  # fmt: skip
        self._container = engine.run(run)
        self._holds = False

    def hold(self) -> None:
        """Refuse under the server's names. Blocks."""
        if not self._holds:
            self._holds = True
            network = self._engine.docker.networks.get(self._network)
            network.connect(self._container, aliases=self._names)

    def let_go(self) -> None:
        """Leave the names to the server; safe to repeat. Blocks."""
        if self._holds:
            network = self._engine.docker.networks.get(self._network)
            network.disconnect(self._container, force=True)
            self._holds = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeBox(Box):
    """A server's container as Compose made it, and what keeps its place while it is down.

    At no time nobody has the name; while two have it, clients try both.
    """

    place: Place

    def stop(self) -> None:
        self.place.hold()
        self.container.stop(timeout=STOP_GRACE_S)

    def kill(self) -> None:
        self.place.hold()
        self.container.kill()

    def start(self) -> None:
        self.container.start()
        self.place.let_go()


class ComposeStack:
    """Implements `Stack` on the containers of a Compose project, by the services' names there.

    Waits until every health check passes. Raises ServiceFailed, with the last log lines, for a
    container that ends or does not get healthy, and RuntimeUnavailable, with the fix, for a part
    that the lab needs and the file does not have.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        topology: Topology,
        file: ComposeFile,
        containers: Mapping[str, Container],
        ports: Ports,
    ) -> None:
        self.engine = engine
        self.containers = {name: containers[name] for name in (PROXY_NAME, *topology.services)}
        self.images = self._its_images(topology)
        self._file, self._ports = file, ports
        self.agent_image = images.agent_image(engine.docker, self.images.python)
        at_once([partial(until_healthy, name, each) for name, each in self.containers.items()])
        self.boxes: dict[str, Box] = {}
        self.pods: dict[str, Pod] = {}
        apps = topology.apps.values()
        pods = [partial(self._pod, app) for app in apps]
        boxes = [partial(self._box, service) for service in topology.services.values()]
        at_once([partial(self._start_gateway), *boxes, *pods])

    def _its_images(self, topology: Topology) -> Images:
        """What the containers were really made from."""
        image = {name: str(each.attrs["Config"]["Image"]) for name, each in self.containers.items()}
        chosen = images.chosen(topology)
        kinds = {service.kind: image[name] for name, service in topology.services.items()}
        return Images(
            services={**chosen.services, **kinds},
            toxiproxy=image[PROXY_NAME],
            python=chosen.python,
        )

    def _box(self, service: Service) -> None:
        container = self.containers[service.name]
        server = stack_server(service, environment_of(container))
        shared = _networks(container) & _networks(self.containers[PROXY_NAME])
        if not shared:
            raise RuntimeUnavailable(
                f"{self._file.path}: '{service.name}' and '{PROXY_NAME}' share no network\n"
                f"  expected one, on which Toxiproxy reaches the service as '{service.name}'"
            )
        network = min(shared)
        said = container.attrs["NetworkSettings"]["Networks"][network]["Aliases"]
        home = min(_networks(self.containers[PROXY_NAME]) - self._behind, default=network)
        self.boxes[service.name] = ComposeBox(
            name=service.name,
            place=Place(
                self.engine, self.agent_image, home=home, network=network, names=said or ()
            ),
            server=server,
            container=container,
            published=published(service.name, container, server.port),
            upstream=Endpoint(host=service.name, port=server.port),
        )

    def _start_gateway(self) -> None:
        container = self.containers[PROXY_NAME]
        api = Endpoint(host=HOST, port=published(PROXY_NAME, container, API_PORT))
        run = Run(
            image=self.agent_image, role="gateway", joins=str(container.id), talks=True,
            capabilities=("NET_ADMIN",),
        )  # fmt: skip
        agent = Agent(self.engine.run(run))
        agent.wait_until_ready()
        self.gateway = Gateway(
            agent=agent, api=api, name=PROXY_NAME, shared=True, proxy=container
        )  # fmt: skip

    def _pod(self, app: App) -> None:
        port, inside = self._ports.take(), app.port or APP_PORT
        run = Run(
            image=self.agent_image, role="pod", ports={inside: port}, talks=True,
            network=self.engine.network_there(self._front(app)),
        )  # fmt: skip
        agent = Agent(self.engine.run(run))
        agent.wait_until_ready()
        agent.watch()
        self.pods[app.name] = Pod(
            app=app.name,
            image=self._file.image(app.name),
            agent=agent,
            inside=inside,
            published=port,
        )

    @property
    def _behind(self) -> set[str]:
        """The networks that services are on."""
        services = [each for name, each in self.containers.items() if name != PROXY_NAME]
        return {name for each in services for name in _networks(each)}

    def _front(self, app: App) -> str:
        """The network that the app's service shares with Toxiproxy, and with no service."""
        wanted = self._file.networks(app.name)
        for name in sorted(_networks(self.containers[PROXY_NAME]) - self._behind):
            with told(f"network {name}"):
                labels = self.engine.docker.networks.get(name).attrs["Labels"] or {}
            if labels.get(f"{LABEL}.network") in wanted:
                return name
        raise RuntimeUnavailable(
            f"{self._file.path}: '{app.name}' and '{PROXY_NAME}' share no network of their own\n"
            "  expected one on which no service is, so that the app reaches them only through "
            "Toxiproxy: put the services on another network, and Toxiproxy on both"
        )


def environment_of(container: Container) -> dict[str, str]:
    """What a container was told by the environment."""
    pairs = [str(each).partition("=") for each in container.attrs["Config"]["Env"] or ()]
    return {name: value for name, _, value in pairs}


def published(name: str, container: Container, port: int) -> int:
    """The port of loopback on which the engine publishes a container's port, for its whole life.

    Raises RuntimeUnavailable, with the fix, where it publishes it elsewhere or not at all.
    """
    asked = (container.attrs["HostConfig"]["PortBindings"] or {}).get(f"{port}/tcp") or ()
    # One that the engine picked would be another after a restart.
    fixed = {binding["HostPort"] for binding in asked}
    bindings = container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp") or ()
    for binding in bindings:
        if binding["HostIp"] in _LOOPBACKS and binding["HostPort"] in fixed:
            return int(binding["HostPort"])
    where = ", ".join(f"{each['HostIp']}:{each['HostPort']}" for each in bindings) or "nowhere"
    raise RuntimeUnavailable(
        f"{name} of the Compose stack: port {port} is on no fixed port of {HOST} (it is published "
        f"{where})\n"
        f'  the lab has to reach it: add `ports: ["{HOST}:{port}:{port}"]` to the service, and '
        "start the stack again"
    )


def until_healthy(name: str, container: Container) -> None:
    """Return once a container is healthy; one without a health check need only run. Blocks.

    Raises ServiceFailed if it ends, turns unhealthy, or is neither within HEALTHY_WITHIN_S.
    """
    end_s = now_s() + HEALTHY_WITHIN_S
    while True:
        with told(f"container {name}"):
            container.reload()
        state = container.attrs["State"]
        health = state.get("Health", {}).get("Status", "healthy")
        if state["Running"] and not state["Paused"] and health == "healthy":
            return
        if state["Status"] in ("exited", "dead"):
            raise exited(
                f"{name} of the Compose stack",
                exit_code=state["ExitCode"],
                log=_log(container),
                out_of_memory=bool(state.get("OOMKilled")),
            )
        if health == "unhealthy" or now_s() > end_s:
            raise _not_healthy(name, container, health)
        time.sleep(_LOOK_EVERY_S)


def _not_healthy(name: str, container: Container, health: str) -> ServiceFailed:
    checks = container.attrs["State"].get("Health", {}).get("Log") or [{}]
    said = " ".join(str(checks[-1].get("Output", "")).split())[-300:]
    status = health if health != "healthy" else container.attrs["State"]["Status"]
    lines = "\n".join(f"  | {line}" for line in _log(container)) or "  | (nothing)"
    return ServiceFailed(
        f"{name} of the Compose stack is {status}; its health check says: {said or '(nothing)'}\n"
        f"  expected healthy within {HEALTHY_WITHIN_S:g} s; its last log lines:\n{lines}"
    )


def _log(container: Container) -> Sequence[str]:
    with told(f"container {container.name}"):
        text: bytes = container.logs(tail=_LOG_LINES)
    return text.decode(errors="replace").splitlines()


def _networks(container: Container) -> set[str]:
    return set(container.attrs["NetworkSettings"]["Networks"])
