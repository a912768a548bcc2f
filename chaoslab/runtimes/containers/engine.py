"""The container engine, for one session: makes containers and networks with the lab's labels.

Testcontainers and docker-py are imported when an engine is first needed: they cost half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.runtimes.containers.labels import labels_for
from chaoslab.runtimes.containers.problems import engine_errors
from chaoslab.runtimes.containers.ryuk import settle_ryuk

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container
    from testcontainers.core.network import Network

T = TypeVar("T")
HOST = "127.0.0.1"
SESSION_ENDED = ErrorCode(
    "session.ended",
    "{what} was not created: the session has ended",
    "A container or network was requested while the session was being removed.",
)
# Each wait for a container's end, and each log that is followed, needs a thread.
_threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="chaoslab-engine")


async def in_thread(work: Callable[[], T]) -> T:
    """Run a blocking call of the engine's client in a thread; returns its result."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def in_background(work: Callable[[], T]) -> Future[T]:
    """Start a blocking call in a thread; returns its future. It continues if the caller is
    cancelled.
    """
    return _threads.submit(work)


def last_log_lines(container: Container, lines: int) -> tuple[str, ...]:
    """The last lines of a container's log. Blocks."""
    with engine_errors(f"container {container.name}"):
        output: bytes = container.logs(tail=lines)
    return tuple(output.decode(errors="replace").splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The settings with which a container is started.

    `role` is a label for people. `ports` maps a port in the container to a port of 127.0.0.1.
    `joins` is the id of another container, whose network namespace this one shares. With `talks`,
    its stdin stays open. `cwd` is the folder in which its command runs; empty for the image's own.
    """

    image: str
    role: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    network: Network | None = None
    aliases: tuple[str, ...] = ()
    joins: str | None = None
    talks: bool = False
    capabilities: tuple[str, ...] = ()
    cwd: str = ""


class Engine:
    """The container engine for one session. Every call blocks.

    The constructor raises RuntimeUnavailable, with the fix, if no engine answers.
    """

    def __init__(self, session: str) -> None:
        self.session = session
        with engine_errors("the Docker engine"):
            self.docker = _connected()
        self._clients: list[docker.DockerClient] = [self.docker]
        self._over = False

    def end(self) -> None:
        """Refuse from now on to make containers and networks."""
        self._over = True

    def close(self) -> None:
        """Close the connections to the engine, and make nothing more. Its containers continue to
        run.
        """
        self.end()
        for client in self._clients:
            client.close()

    @property
    def base_url(self) -> str:
        """The engine's address, as docker-py's client has it."""
        return str(self.docker.api.base_url)

    def network(self, role: str) -> Network:
        """Make a bridge network and return it; the engine isolates bridges from each other."""
        from testcontainers.core.network import Network  # noqa: PLC0415

        self._check_open(f"network {role}")
        labels = labels_for(self.session, role)
        with engine_errors(f"network {role}"):
            network = Network(docker_network_kw={"labels": labels})
            network.name = f"chaoslab-{self.session}-{role}"
            self._clients.append(network._docker.client)
            return network.create()

    def existing_network(self, name: str) -> Network:
        """The network with that name, which Compose made, for containers of the lab to join."""
        from testcontainers.core.network import Network  # noqa: PLC0415

        with engine_errors(f"network {name}"):
            network = Network()
            network.name = name
            self._clients.append(network._docker.client)
            return network

    def run(self, run: Run) -> Container:
        """Create a container, start it and return it; does not wait until it is ready.

        Raises RuntimeUnavailable or ServiceFailed, with the fix.
        """
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        self._check_open(f"container {run.role}")
        options = {
            "labels": labels_for(self.session, run.role),
            "stdin_open": run.talks,
            "cap_add": list(run.capabilities),
            "detach": not run.talks,
        }
        if run.role == "app":
            # The lab probes the app; the image's own check would slow down its start.
            options["healthcheck"] = {"test": ["NONE"]}
        if run.cwd:
            options["working_dir"] = run.cwd
        if run.entrypoint is not None:
            options["entrypoint"] = list(run.entrypoint)
        if run.joins is not None:
            options["network_mode"] = f"container:{run.joins}"
        with engine_errors(f"container {run.role} ({run.image})"):
            container = DockerContainer(run.image).with_envs(**run.env).with_kwargs(**options)
            if run.command is not None:
                container.with_command(list(run.command))
            if run.network is not None:
                container.with_network(run.network).with_network_aliases(*run.aliases)
            for inside, outside in run.ports.items():
                container.ports[f"{inside}/tcp"] = (HOST, outside)  # type: ignore[assignment]
            self._clients.append(container.get_docker_client().client)
            return container.start().get_wrapped_container()

    def _check_open(self, what: str) -> None:
        if self._over:
            raise RuntimeUnavailable(Problem(reason=SESSION_ENDED(what=what)))


def _connected() -> docker.DockerClient:
    from testcontainers.core.config import ConnectionMode, testcontainers_config  # noqa: PLC0415
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    # All ports are published on loopback. In a container, Testcontainers would use the gateway's
    # address instead, and a connect there can hang for minutes.
    testcontainers_config.tc_host_override = HOST
    testcontainers_config.connection_mode_override = ConnectionMode.docker_host
    client = DockerClient().client
    client.ping()
    settle_ryuk(client)
    return client
