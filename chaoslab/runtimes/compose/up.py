"""Starts a copy of a Compose file's stack for one session."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine.environment import MARK_PREFIX
from chaoslab.machine.ports import Ports
from chaoslab.machine.watchdog import Watchdog
from chaoslab.model.topology import Topology
from chaoslab.runtimes.compose.file import ComposeFile
from chaoslab.runtimes.compose.servers import stack_server
from chaoslab.runtimes.compose.stack import LABEL
from chaoslab.runtimes.compose.tool import Compose
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.engine import Engine
from chaoslab.runtimes.containers.labels import labels_for
from chaoslab.runtimes.containers.problems import engine_errors
from chaoslab.runtimes.containers.stack import API_PORT, PROXY_NAME

if TYPE_CHECKING:
    from docker.models.containers import Container

NOT_MADE = ErrorCode(
    "compose.no_container",
    "'up' made no container for {services}",
    "Compose started the stack without a container that the lab needs.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Starts a copy of a Compose file's stack: call `up`."""

    engine: Engine
    compose: Compose
    file: ComposeFile
    topology: Topology
    ports: Ports

    @property
    def project(self) -> str:
        """The name of the copy's Compose project, which no other stack has."""
        return f"chaoslab-{self.engine.session}"

    def up(self) -> dict[str, Container]:
        """Start the services and Toxiproxy, with their ports published on free ports of loopback.

        Returns a mapping of the name of each service to its container; does not wait until the
        containers are healthy. The file's apps are not started: the lab runs them. Raises
        RuntimeUnavailable or ServiceFailed, with the fix.
        """
        services = (PROXY_NAME, *self.topology.services)
        for name in services:
            if not self.file.is_built(name):
                images.pulled(self.engine.docker, self.file.image(name))
        with _covered(self.compose, self.engine.session) as (compose, folder):
            copy = folder / self.file.path.name
            copy.write_text(self._copy())
            place = ("--project-directory", str(self.file.path.parent))
            words = ("-p", self.project, "-f", str(copy), *place)
            for app in self.topology.apps:
                self._have_image(compose, words, app)
            compose.output_of(*words, "up", "-d", *services, folder=self.file.path.parent)
        return self._containers(services)

    def _copy(self) -> str:
        inside = {
            name: stack_server(service, {}).port for name, service in self.topology.services.items()
        }
        ports = {
            name: {port: self.ports.take()}
            for name, port in {**inside, PROXY_NAME: API_PORT}.items()
        }
        labels = {name: labels_for(self.engine.session, name) for name in self.file.names}
        return self.file.copy(ports=ports, labels=labels)

    def _have_image(self, compose: Compose, words: tuple[str, ...], app: str) -> None:
        image = self.file.image(app)
        if images.is_here(self.engine.docker, image):
            return
        if self.file.is_built(app):
            compose.output_of(*words, "build", "--force-rm", app, folder=self.file.path.parent)
        else:
            images.pulled(self.engine.docker, image)

    def _containers(self, services: tuple[str, ...]) -> dict[str, Container]:
        with engine_errors(f"compose project {self.project}"):
            found = self.engine.docker.containers.list(
                all=True, ignore_removed=True,
                filters={"label": f"{LABEL}.project={self.project}"},
            )  # fmt: skip
        made = {str(each.labels[f"{LABEL}.service"]): each for each in found}
        if missing := [name for name in services if name not in made]:
            raise ServiceFailed(
                Problem(
                    where=str(self.compose),
                    reason=NOT_MADE(services=missing),
                    expected="one for each service",
                    fix=f"try `docker compose -f {self.file.path} up`",
                )
            )
        return made


@contextmanager
def _covered(compose: Compose, session: str) -> Iterator[tuple[Compose, Path]]:
    """Yield a Compose, and a new folder that is deleted at the end of the `with` block.

    If this process dies before, the commands of this Compose end and the folder is deleted too.
    Containers that Compose has made by then are removed by the session's switch, by their label.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"chaoslab-{os.getpid()}-compose-"))
    mark = MARK_PREFIX + session.replace("-", "_")
    watchdog = Watchdog(mark=f"{mark}=1", folder=folder)
    env: Mapping[str, str] = {**compose.env, mark: "1"}
    try:
        yield replace(compose, env=env), folder
    finally:
        asyncio.run(watchdog.end_lab())
