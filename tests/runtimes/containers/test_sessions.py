"""What labs share; and a stack that cannot start: reported with the fix, and nothing is left."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from engine_here import needs_engine, things_of

from chaoslab import Killed, Severed, services
from chaoslab.errors import ChaoslabError, InjectionFailed, RuntimeUnavailable, ServiceFailed
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.machine.ports import Ports, PortTaken
from chaoslab.model.topology import Container, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.filtered import FilteredToxiproxyControl
from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.runtime import ANY_ADDRESS
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.services.redis.container import RedisServer
from runtimes.stacks import SMALL, boot, ground_of


class Opened:
    """Sessions of a test's own, each of which leaves nothing behind."""

    def __init__(self) -> None:
        self._sessions: list[DockerSession] = []

    def __call__(self, topology: Topology = SMALL, proxy: ProxyKind = "toxiproxy") -> DockerSession:
        self._sessions.append(DockerSession(topology, proxy))
        return self._sessions[-1]

    def close(self) -> None:
        for session in self._sessions:
            session.close()
            assert things_of(f"{labels.SESSION}={session.id}") == []


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Opens sessions, and sees at the end that nothing is left of any.

    Their images are those of their topology, which the environment would go before.
    """
    needs_engine()
    for name in ("POSTGRES", "REDIS", "TOXIPROXY", "PYTHON"):
        monkeypatch.delenv(f"CHAOSLAB_IMAGE_{name}", raising=False)
    made = Opened()
    yield made
    made.close()


def with_images(**names: str) -> Topology:
    """The small topology with other images."""
    return replace(SMALL, images=replace(SMALL.images, services={**SMALL.images.services, **names}))


async def fails(session: DockerSession) -> ChaoslabError:
    """How the session's first lab fails; the second fails alike, and at once."""
    with pytest.raises(ChaoslabError) as first:
        async with session.lab() as lab:
            await lab.start_service(SMALL.services["redis"])
    return first.value


async def test_labs_of_the_embedded_engine_follow_each_other_with_a_fresh_engine(
    opened: Opened, tmp_path: Path
) -> None:
    """The next lab never talks to the engine of the one before, which is about to be removed."""
    session = opened(proxy="embedded")
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with session.lab() as lab, ground_of(lab, SMALL, folder, "embedded") as context:
            (link,) = SMALL.links
            met = await context.canary(link, within_s=2.0)
            assert met is not None
            assert met.outcome == "answered"
            # This lab's only connection: one of an engine before would stand here too.
            assert len(await context.control.connections(link.name)) == 1
            assert "triggers" in context.control.capabilities


async def test_labs_leave_nothing_to_the_next(opened: Opened, tmp_path: Path) -> None:
    """Its apps are ended, its proxies gone from the shared Toxiproxy, its data emptied."""
    session = opened()
    async with session.lab() as lab, ground_of(lab, SMALL, tmp_path) as context:
        await boot(lab, "import time; print('up'); time.sleep(60)", tmp_path / "log")
        control = context.control
        assert isinstance(control, FilteredToxiproxyControl)
    async with session.lab() as lab:
        second = await lab.start_proxy("toxiproxy", seed=1, log=tmp_path / "log")
        async with httpx.AsyncClient(trust_env=False) as client:
            said = await client.get(f"{second.base_url}/proxies")
        assert said.json() == {}
        assert lab.stack.pods["app"].agent.sockets() == ()
        await second.close()


async def test_a_port_that_is_taken_before_the_start_is_replaced(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen by the lab, it is only the lab's own guess: another is taken."""
    real, given = Ports.take, []

    def take(self: Ports) -> int:
        if len(given) < 3:  # whoever of gateway, service and pod asks first
            given.append(taken)
            return taken
        return real(self)

    with ExitStack() as stack:
        holder = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        taken = int(holder.getsockname()[1])
        monkeypatch.setattr(Ports, "take", take)
        async with opened().lab() as lab:
            service = await lab.start_service(SMALL.services["redis"])
            assert service.endpoint.port != taken
    assert given == [taken] * 3


async def test_a_port_that_stays_taken_is_reported_after_some_tries(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the port and how to see who has it."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = int(holder.getsockname()[1])
        monkeypatch.setattr(Ports, "take", lambda self: taken)
        failure = await fails(opened())
    assert isinstance(failure, PortTaken)
    assert f"{taken}" in str(failure)
    assert "ss -ltnp" in str(failure)


async def test_an_image_that_cannot_be_pulled_is_reported_with_the_fix(opened: Opened) -> None:
    """Image, reason, the variable that names another; and the next lab fails at once."""
    session = opened(with_images(redis="127.0.0.1:1/nobody/redis:7"))
    failure = await fails(session)
    assert isinstance(failure, RuntimeUnavailable)
    for word in ("127.0.0.1:1/nobody/redis:7", "cannot be pulled", "CHAOSLAB_IMAGE_REDIS"):
        assert word in str(failure)
    took_s = []
    for _ in range(3):
        begun_s = time.monotonic()
        assert str(await fails(session)) == str(failure)
        took_s.append(time.monotonic() - begun_s)
    assert min(took_s) < 0.5, "it was tried again"  # a stall hits one of three


async def test_a_missing_image_of_an_app_is_reported_with_the_fix(opened: Opened) -> None:
    """Neither there nor built nor pulled; the app is named."""
    container = Container(image="127.0.0.1:1/nobody/app:1")
    app = replace(SMALL.apps["app"], container=container)
    failure = await fails(opened(replace(SMALL, apps={"app": app})))
    assert isinstance(failure, RuntimeUnavailable)
    assert "127.0.0.1:1/nobody/app:1" in str(failure)
    assert "cannot be pulled" in str(failure)


async def test_a_service_whose_container_exits_is_reported_with_its_last_lines(
    opened: Opened,
) -> None:
    """A wrong image under the right name: here Postgres', whose entrypoint finds no Redis."""
    failure = await fails(opened(with_images(redis=SMALL.images.services["postgres"])))
    assert isinstance(failure, ServiceFailed)
    assert "redis" in str(failure)
    assert "exit" in str(failure)
    assert "|" in str(failure), "its log is missing"


async def test_a_service_whose_port_is_not_mapped_is_reported_with_both_ports(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine may map a port late or never: here it maps one without a listener."""
    monkeypatch.setattr("chaoslab.runtimes.containers.service.START_LIMIT_S", 1.0)
    elsewhere = replace(services.TABLE["redis"], container=lambda _: RedisServer(port=6380))
    table = {**services.kinds(), "redis": elsewhere}
    monkeypatch.setattr(services, "kinds", lambda: table)
    failure = await fails(opened())
    assert isinstance(failure, ServiceFailed)
    assert re.search(r"redis: no answer on 127\.0\.0\.1:\d+, .* its port 6380, ", str(failure))
    assert "docker port" in str(failure)
    assert "|" in str(failure), "its log is missing"


async def test_a_service_whose_program_is_not_in_the_image_is_reported(opened: Opened) -> None:
    """A wrong image again: here Python's, which has no redis-server."""
    failure = await fails(opened(with_images(redis=SMALL.images.python)))
    assert isinstance(failure, ServiceFailed)
    assert "redis-server" in str(failure)
    assert "check the command" in str(failure)


async def test_a_proxy_name_that_a_parallel_worker_has_is_reported(
    opened: Opened, tmp_path: Path
) -> None:
    """Names carry the lab's own; should one be taken all the same, nothing of it is touched."""
    async with opened().lab() as lab, ground_of(lab, SMALL, tmp_path) as context:
        theirs = context.control
        assert isinstance(theirs, FilteredToxiproxyControl)
        gateway = lab.stack.gateway
        mine = FilteredToxiproxyControl(
            gateway.api.host, gateway.api.port, packets=gateway.agent, listen_host=ANY_ADDRESS,
            prefix=theirs._prefix,
        )  # fmt: skip
        await mine.connect(5.0)
        with pytest.raises(InjectionFailed, match=r"app\.redis") as refusal:
            await mine.create("app.redis", "redis:6379")
        await mine.close()
        assert "already exists" in str(refusal.value)
        met = await context.canary(SMALL.links[0], within_s=2.0)
        assert met is not None
        assert met.outcome == "answered"


async def test_a_session_that_is_closed_while_it_starts_leaves_nothing(opened: Opened) -> None:
    """Ctrl-C does not wait for a stack: what is under way ends, and then all is swept."""
    session = opened()

    async def use() -> None:
        async with session.lab():
            raise AssertionError("a stack stood in no time")

    using = asyncio.create_task(use())
    while not things_of(f"{labels.SESSION}={session.id}"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    session.close()
    assert things_of(f"{labels.SESSION}={session.id}") == []


async def test_two_sessions_side_by_side_share_nothing(opened: Opened, tmp_path: Path) -> None:
    """As in two workers: a fault in one does not affect the other."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    (link,) = SMALL.links
    async with AsyncExitStack() as stack:
        labs = [await stack.enter_async_context(opened().lab()) for _ in range(2)]
        one = await stack.enter_async_context(ground_of(labs[0], SMALL, first))
        two = await stack.enter_async_context(ground_of(labs[1], SMALL, second))
        async with injected(prepare(Killed(target="redis"), one), one):
            assert (await two.canary(link, within_s=2.0)).outcome == "answered"
        async with injected(prepare(Severed(target=link.name), two), two):
            assert (await one.canary(link, within_s=2.0)).outcome == "answered"
