"""A session of labs on a stack of docker-compose.chaos.yml that the session starts for itself.

The stack is a copy under a name and on ports of its own, and is taken down with its volumes. So it
runs beside a stack of the same file that a user has started, and every worker of pytest-xdist has
one. A stack that runs already is not used: `--chaos-runtime=attach` does that.
"""

from __future__ import annotations

from chaoslab.errors import Problem, SpecError
from chaoslab.history.events import PastProxy
from chaoslab.runtimes.compose.file import ComposeFile, beside, read
from chaoslab.runtimes.compose.stack import ComposeStack
from chaoslab.runtimes.compose.tool import Compose, found
from chaoslab.runtimes.compose.up import Start
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine import Engine
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.containers.stack import Stack
from chaoslab.runtimes.containers.switch import Switch


class ComposeSession(DockerSession):
    """Labs of one topology on a Compose stack; `close` leaves nothing of them behind."""

    name = "compose"
    past_proxy: PastProxy = "not observed"  # the file's networks are the user's

    def check(self) -> None:
        """Whether an engine and a Compose answer, and the file has all of the topology.

        Raises SpecError for a file or an option that does not fit, RuntimeUnavailable otherwise.
        """
        if self._proxy == "embedded":
            what = "a Compose stack has its own Toxiproxy, and the lab uses it"
            fix = "remove the option, or use --chaos-runtime=docker"
            raise SpecError([Problem(where="--chaos-proxy=embedded", what=what, fix=fix)])
        super().check()
        self._read()

    def _start(self) -> Stack:
        compose, file = self._read()
        self._engine = Engine(self._id)
        self._switch = Switch(self._id, self._engine.base_url)
        start = Start(
            engine=self._engine, compose=compose, file=file, topology=self._topology,
            ports=self._ports,
        )  # fmt: skip
        return ComposeStack(
            self._engine, topology=self._topology, file=file, containers=start.up(),
            ports=self._ports,
        )  # fmt: skip

    def _read(self) -> tuple[Compose, ComposeFile]:
        path = beside(self._topology)
        uses = images.uses(images.chosen(self._topology))
        env = {images.variable(use): image for use, image in uses.items()}
        compose = found({**env, "DOCKER_HOST": engine_address().url})
        file = read(compose, path)
        file.check(self._topology)
        return compose, file
