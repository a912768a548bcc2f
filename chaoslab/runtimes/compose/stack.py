"""A stack that Compose started: its services, its Toxiproxy, and pods of the lab.

For each app, the Compose file has a service of the same name. The lab runs the app from that
service's image, in a pod on the network that this service shares only with Toxiproxy. Compose does
not start the app.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import Ports
from chaoslab.machine.trouble import last_lines
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.runtimes.compose.file import ComposeFile
from chaoslab.runtimes.compose.servers import stack_server
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.engine import HOST, Engine, Run, last_log_lines
from chaoslab.runtimes.containers.parts import state_of
from chaoslab.runtimes.containers.problems import engine_errors
from chaoslab.runtimes.containers.service import STOP_GRACE_S, ServerContainer
from chaoslab.runtimes.containers.stack import API_PORT, PROXY_NAME, Gateway, Stack, at_once

if TYPE_CHECKING:
    from docker.models.containers import Container

NO_SHARED_NETWORK = ErrorCode(
    "compose.no_shared_network",
    "'{service}' and '{proxy}' share no network",
    "In the Compose file, Toxiproxy cannot reach a service: they share no network.",
)
NO_FRONT_NETWORK = ErrorCode(
    "compose.no_front_network",
    "'{app}' and '{proxy}' share no network of their own",
    "In the Compose file an app could reach the services past Toxiproxy.",
)
NOT_PUBLISHED = ErrorCode(
    "compose.not_published",
    "port {port} is on no fixed port of {host} (it is published {where})",
    "The lab cannot reach a service of the Compose stack at a port that stays the same.",
)
NOT_HEALTHY = ErrorCode(
    "compose.not_healthy",
    "it is {status}; the output of its health check: {answer}",
    "A container of the Compose stack did not become healthy.",
)
LABEL = "com.docker.compose"
HEALTHY_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_LOG_LINES = 12
_LOOPBACKS = ("", "0.0.0.0", "::", HOST)


class StandIn:
    """A container that takes over the names of a server while the server is down.

    The engine removes the name and the address of a stopped container from its network. On a real
    host they would remain, and connects would be refused. A missing name may also be looked up at a
    remote name server, which blocks Toxiproxy and its API. So this container has the names in the
    meantime, and refuses connects.

    `home` is the network of this container at other times.
    """

    def __init__(
        self, engine: Engine, image: str, *, home: str, network: str, names: Sequence[str]
    ) -> None:
        self._engine, self._network, self._names = engine, network, list(names)
        run = Run(
            image=image, role="place", entrypoint=("sleep",), command=("infinity",),
            network=engine.existing_network(home),
        )  # fmt: skip
        self._container = engine.run(run)
        self._has_names = False

    def take_names(self) -> None:
        """Take the server's names, and refuse connects; safe to repeat. Blocks."""
        if not self._has_names:
            self._has_names = True
            network = self._engine.docker.networks.get(self._network)
            network.connect(self._container, aliases=self._names)

    def release_names(self) -> None:
        """Give the names back to the server; safe to repeat. Blocks."""
        if self._has_names:
            network = self._engine.docker.networks.get(self._network)
            network.disconnect(self._container, force=True)
            self._has_names = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeServer(ServerContainer):
    """A server's container that Compose made, with a stand-in that has its names while it is down.

    So the names always exist. For a moment both containers have the names; clients then try both.
    """

    stand_in: StandIn

    def stop(self) -> None:
        self.stand_in.take_names()
        self.container.stop(timeout=STOP_GRACE_S)

    def kill(self) -> None:
        self.stand_in.take_names()
        self.container.kill()

    def start(self) -> None:
        self.container.start()
        self.stand_in.release_names()


class ComposeStack(Stack):
    """A stack of the containers of a Compose project.

    Its constructor waits until every health check passes. Raises ServiceFailed, with the last log
    lines, if a container ends or does not become healthy. Raises RuntimeUnavailable, with the fix,
    if the file lacks something that the lab needs.
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
        self.containers = {name: containers[name] for name in (PROXY_NAME, *topology.services)}
        self._file = file
        super().__init__(engine, self._used_images(topology), ports)
        at_once([partial(until_healthy, name, each) for name, each in self.containers.items()])
        servers = [partial(self._add_server, service) for service in topology.services.values()]
        pods = [partial(self._start_app, app) for app in topology.apps.values()]
        self._start([self._start_gateway, *servers, *pods])

    def _used_images(self, topology: Topology) -> Images:
        """The images that this stack uses: those from which Compose made its containers, and the
        lab's own.
        """
        image = {name: str(each.attrs["Config"]["Image"]) for name, each in self.containers.items()}
        chosen = images.chosen(topology)
        kinds = {service.kind: image[name] for name, service in topology.services.items()}
        return Images(
            services={**chosen.services, **kinds},
            toxiproxy=image[PROXY_NAME],
            python=chosen.python,
        )

    def _add_server(self, service: Service) -> None:
        container = self.containers[service.name]
        server = stack_server(service, environment_of(container))
        shared = _networks(container) & _networks(self.containers[PROXY_NAME])
        if not shared:
            reason = NO_SHARED_NETWORK(service=service.name, proxy=PROXY_NAME)
            expected = f"one, on which Toxiproxy reaches the service as '{service.name}'"
            where = str(self._file.path)
            raise RuntimeUnavailable(Problem(where=where, reason=reason, expected=expected))
        network = min(shared)
        names = container.attrs["NetworkSettings"]["Networks"][network]["Aliases"] or ()
        home = min(_networks(self.containers[PROXY_NAME]) - self._behind, default=network)
        self.servers[service.name] = ComposeServer(
            name=service.name,
            stand_in=StandIn(
                self.engine, self.agent_image, home=home, network=network, names=names
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
        agent = self._agent(self.engine.run(run))
        self.gateway = Gateway(agent=agent, api=api, proxy=container)

    def _start_app(self, app: App) -> None:
        front = self.engine.existing_network(self._front(app))
        self._start_pod(app, self._file.image(app.name), front)

    @property
    def _behind(self) -> set[str]:
        """The names of the networks on which a service is."""
        services = [each for name, each in self.containers.items() if name != PROXY_NAME]
        return {name for each in services for name in _networks(each)}

    def _front(self, app: App) -> str:
        """The name of the network that the app's service shares with Toxiproxy and with no other
        service.

        Raises RuntimeUnavailable if there is none.
        """
        wanted = self._file.networks(app.name)
        for name in sorted(_networks(self.containers[PROXY_NAME]) - self._behind):
            with engine_errors(f"network {name}"):
                labels = self.engine.docker.networks.get(name).attrs["Labels"] or {}
            if labels.get(f"{LABEL}.network") in wanted:
                return name
        raise RuntimeUnavailable(
            Problem(
                where=str(self._file.path),
                reason=NO_FRONT_NETWORK(app=app.name, proxy=PROXY_NAME),
                expected="one on which no service is, so that the app reaches them only through "
                "Toxiproxy",
                fix="put the services on another network, and Toxiproxy on both",
            )
        )


def environment_of(container: Container) -> dict[str, str]:
    """Maps the name of each environment variable with which a container was made to its value."""
    pairs = [str(each).partition("=") for each in container.attrs["Config"]["Env"] or ()]
    return {name: value for name, _, value in pairs}


def published(name: str, container: Container, port: int) -> int:
    """The fixed port of loopback on which the engine publishes the container's port `port`.

    Raises RuntimeUnavailable, with the fix, if the port is published elsewhere or not at all.
    """
    asked = (container.attrs["HostConfig"]["PortBindings"] or {}).get(f"{port}/tcp") or ()
    # A port that the engine chooses changes with a restart.
    fixed = {binding["HostPort"] for binding in asked}
    bindings = container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp") or ()
    for binding in bindings:
        if binding["HostIp"] in _LOOPBACKS and binding["HostPort"] in fixed:
            return int(binding["HostPort"])
    where = ", ".join(f"{each['HostIp']}:{each['HostPort']}" for each in bindings) or "nowhere"
    raise RuntimeUnavailable(
        Problem(
            where=f"{name} of the Compose stack",
            reason=NOT_PUBLISHED(port=port, host=HOST, where=where),
            fix=f'the lab has to reach it: add `ports: ["{HOST}:{port}:{port}"]` to the service, '
            "and start the stack again",
        )
    )


def until_healthy(name: str, container: Container) -> None:
    """Wait until a container is healthy, or runs if it has no health check. Blocks.

    Raises ServiceFailed if the container ends, becomes unhealthy, or is not healthy within
    HEALTHY_WITHIN_S.
    """
    end_s = now_s() + HEALTHY_WITHIN_S
    while True:
        state = state_of(f"{name} of the Compose stack", container)
        health = state.get("Health", {}).get("Status", "healthy")
        if state["Running"] and not state["Paused"] and health == "healthy":
            return
        if health == "unhealthy" or now_s() > end_s:
            raise _not_healthy(name, container, health)
        time.sleep(_LOOK_EVERY_S)


def _not_healthy(name: str, container: Container, health: str) -> ServiceFailed:
    checks = container.attrs["State"].get("Health", {}).get("Log") or [{}]
    answer = " ".join(str(checks[-1].get("Output", "")).split())[-300:]
    status = health if health != "healthy" else container.attrs["State"]["Status"]
    return ServiceFailed(
        Problem(
            where=f"{name} of the Compose stack",
            reason=NOT_HEALTHY(status=status, answer=answer or "(nothing)"),
            expected=f"healthy within {HEALTHY_WITHIN_S:g} s",
            fix="see its last log lines",
            lines=last_lines(last_log_lines(container, _LOG_LINES)),
        )
    )


def _networks(container: Container) -> set[str]:
    return set(container.attrs["NetworkSettings"]["Networks"])
