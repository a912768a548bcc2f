"""A session of labs on a copy of the stack of docker-compose.chaos.yml.

The copy has its own name and ports, and is removed with its volumes. So it can run beside a stack
of the same file, and every worker of pytest-xdist has its own copy. A stack that runs already is
not used; `--chaos-runtime=attach` uses one.
"""

from __future__ import annotations

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.history.events import PastProxy
from chaoslab.runtimes.compose.file import ComposeFile, beside, read
from chaoslab.runtimes.compose.stack import ComposeStack
from chaoslab.runtimes.compose.tool import Compose, installed
from chaoslab.runtimes.compose.up import Start
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine import Engine
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.containers.stack import Stack
from chaoslab.runtimes.containers.switch import Switch

HAS_TOXIPROXY = ErrorCode(
    "compose.has_toxiproxy",
    "a Compose stack has its own Toxiproxy, and the lab uses it",
    "The embedded proxy cannot be used on a Compose stack.",
)


class ComposeSession(DockerSession):
    """Labs of one topology on a copy of a Compose stack; `close` removes everything."""

    name = "compose"
    past_proxy: PastProxy = "not observed"  # the file may have any networks

    def check(self) -> None:
        """Check that an engine and Compose answer, and that the file has all of the topology.

        Raises SpecError if the embedded proxy was chosen or the file lacks a part, ServiceFailed if
        Compose refuses the file, else RuntimeUnavailable.
        """
        if self._proxy == "embedded":
            where, fix = (
                "--chaos-proxy=embedded",
                "remove the option, or use --chaos-runtime=docker",
            )
            raise SpecError(Problem(where=where, reason=HAS_TOXIPROXY(), fix=fix))
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
        compose = installed({**env, "DOCKER_HOST": engine_address().url})
        file = read(compose, path)
        file.check(self._topology)
        return compose, file
