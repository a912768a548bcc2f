"""One lab on a session's stack: its own database, proxies and app containers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chaoslab.clock import now_s
from chaoslab.errors import ChaoslabError, RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import PastProxy
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.mask import Mask
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Service
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.filtered import FilteredToxiproxyControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.app_log import AppLog
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.app import ContainerApp, Pod
from chaoslab.runtimes.containers.engine import Run, in_background, in_thread
from chaoslab.runtimes.containers.parts import ContainerPart
from chaoslab.runtimes.containers.problems import told
from chaoslab.runtimes.containers.service import Box, ContainerService
from chaoslab.runtimes.containers.stack import API_PORT, Stack
from chaoslab.runtimes.parts import ApiPart, Part
from chaoslab.services import last_messages, question_of
from chaoslab.services.base import AGENT_IMAGE

if TYPE_CHECKING:
    from docker.models.containers import Container

READY_WITHIN_S = 15.0
ANY_ADDRESS = "0.0.0.0"


class ContainerRuntime:
    """Implements `Runtime`; an async context manager. `versions` is kept by the session."""

    standing = None
    python = "python3"
    app_host = ANY_ADDRESS
    lookout = None

    def __init__(
        self,
        stack: Stack,
        *,
        name: str,
        lab: str,
        versions: dict[str, str],
        past_proxy: PastProxy = "prevented",
    ) -> None:
        self.name, self.past_proxy = name, past_proxy
        self._stack, self._lab, self._versions = stack, lab, versions
        self._boxes: list[Box] = []
        self._services: list[ContainerService] = []
        self._proxy_parts: list[Part] = []
        self._boots: list[asyncio.Task[ContainerApp]] = []
        self._logs: list[AppLog] = []
        self._control: ToxiproxyControl | None = None
        self._proxy: asyncio.Task[Container] | None = None

    @property
    def stack(self) -> Stack:
        """What it stands on, which other labs use before and after."""
        return self._stack

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.ensure_future(self._close()))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Services, proxy server, and the agents of its namespace and of every app's."""
        agents = (self._stack.gateway.agent, *(pod.agent for pod in self._stack.pods.values()))
        return (*(each.part for each in self._services), *self._proxy_parts, *agents)

    async def start_service(self, service: Service) -> ContainerService:
        """Lend a service of the stack: running, with an empty database of the lab's own."""
        box = self._stack.boxes[service.name]
        running = ContainerService(
            service=service, box=box, lab=self._lab,
            version=self._versions.get(service.name, ""), gateway=self._stack.gateway.agent,
        )  # fmt: skip
        await running.start()  # whatever the scenario before has left it as
        if service.name not in self._versions:
            product = await in_thread(lambda: box.server.prepare(box.access))
            image = images.of_service(service, self._stack.images)
            named = f"{product} (image {image})" if image != AGENT_IMAGE else product
            self._versions[service.name] = named
        running.version = self._versions[service.name]
        self._boxes.append(box)
        self._services.append(running)
        await in_thread(lambda: box.server.fresh(box.access, self._lab))
        return running

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ToxiproxyControl:
        """The stack's Toxiproxy, under names of this lab; or an engine of the lab's own."""
        del log
        api, name = self._stack.gateway.api, "the Toxiproxy server"
        container = self._stack.gateway.proxy
        if kind == "embedded":
            start = in_thread(lambda: self._start_engine(seed))
            self._proxy = asyncio.ensure_future(start)
            container, name = await asyncio.shield(self._proxy), "the proxy engine"
            self._control = EmbeddedControl(api.host, api.port, listen_host=ANY_ADDRESS)
        elif not self._stack.gateway.shared:
            raise RuntimeUnavailable("this session was started with the embedded proxy alone")
        else:
            self._control = FilteredToxiproxyControl(
                api.host, api.port, listen_host=ANY_ADDRESS, prefix=f"{self._lab}.",
                packets=self._stack.gateway.agent,
            )  # fmt: skip
        await self._control.connect(READY_WITHIN_S)
        assert container is not None
        self._proxy_parts = [
            ContainerPart(name=name, container=container),
            ApiPart(name=name, host=api.host, port=api.port, tells_end=False),
        ]
        return self._control

    def _start_engine(self, seed: int) -> Container:
        image = images.agent_image(self._stack.engine.docker, self._stack.images.python)
        mapped = self._stack.gateway.api.host
        where = ("-m", "chaoslab.engine", "--host", ANY_ADDRESS, "--port", str(API_PORT))
        how = ("--allow-host", mapped, "--seed", str(seed), "--last-messages", last_messages())
        return self._stack.engine.run(
            Run(
                image=image,
                role="engine",
                entrypoint=("python3",),
                command=(*where, *how),
                joins=self._stack.gateway.agent.container.id,
            )
        )

    def proxied(self, port: int) -> Endpoint:
        """By the proxy server's name on the apps' network."""
        return Endpoint(host=self._stack.gateway.name, port=port)

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting:
        """From the app's own namespace."""
        return await self._stack.pods[app.name].agent.canary(
            address, question_of(service), within_s=within_s
        )

    async def app_port(self, app: App) -> int:
        """The port that the app's pod publishes."""
        return self._stack.pods[app.name].inside

    async def spawn_app(
        self,
        *,
        app: App,
        command: tuple[str, ...],
        env: Mapping[str, str],
        port: int,
        log: Path,
        mask: Mask | None = None,
    ) -> ContainerApp:
        """A container of the app's image in its pod; its environment is the image's plus `env`."""
        pod = self._stack.pods[app.name]
        assert port == pod.inside
        run = Run(
            image=pod.image, role="app", command=command, entrypoint=(), env=env,
            joins=pod.agent.container.id,
        )  # fmt: skip
        # Who gives up waiting for it has it all the same; it is taken away with the others.
        kept = AppLog(log, mask or Mask())
        self._logs.append(kept)
        boot = asyncio.ensure_future(in_thread(lambda: self._boot(pod, run, kept)))
        self._boots.append(boot)
        return await asyncio.shield(boot)

    def _boot(self, pod: Pod, run: Run, log: AppLog) -> ContainerApp:
        asked_s = now_s()
        try:
            container = self._stack.engine.run(run)
        except ServiceFailed as error:
            raise type(error)(f"{pod.app}: {error}") from error
        return ContainerApp(pod=pod, container=container, log=log, asked_s=asked_s)

    async def _close(self) -> None:
        """Give back what was lent: apps ended, the proxy too, databases dropped.

        What cannot be done now the session's own end will do, and whoever needs it will say so.
        """
        begun = [*self._boots, *([self._proxy] if self._proxy is not None else [])]
        made = await asyncio.gather(*begun, return_exceptions=True)
        work = [partial(_end, each) for each in made if not isinstance(each, BaseException)]
        work += [partial(box.server.clear, box.access, self._lab) for box in self._boxes]
        await asyncio.gather(*(in_thread(partial(_at_best, each)) for each in work))
        for log in self._logs:
            log.close()


def _end(running: ContainerApp | Container) -> None:
    """Ended when this returns, so that its ports are free; removed some time later."""
    import docker  # noqa: PLC0415

    container = running.container if isinstance(running, ContainerApp) else running
    with told(f"container {container.name}"), suppress(docker.errors.APIError):
        container.kill()  # refused where it has ended by itself
    in_background(partial(container.remove, force=True, v=True))


def _at_best(work: Callable[[], None]) -> None:
    with suppress(ChaoslabError):
        work()
