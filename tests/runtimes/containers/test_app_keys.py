"""Keys of an app's table in containers: its folder, its further ports, what prepares it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_here import needs_engine

from chaoslab.errors import ServiceFailed
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import Context
from chaoslab.lab.bring_up import brought_up
from chaoslab.lab.prepared import prepare_apps
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.probes.base import Watched
from chaoslab.probes.health import ask_health
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.containers.session import DockerSession
from runtimes.clients import until_said
from runtimes.stacks import SMALL
from runtimes.test_named_ports import SERVES

PINGS = """
import os, socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as sock:
    sock.sendall(b"PING\\r\\n")
    print(os.getcwd(), sys.argv[1], sock.recv(9).decode().strip())
"""
PLAIN = SMALL.apps["app"]
assert PLAIN.container is not None
APP = replace(
    PLAIN,
    command=("python3", "-c", SERVES.replace("127.0.0.1", "0.0.0.0"), "{port}", "{port:admin}"),
    health=HealthContract(port="admin", status_field=""),
    prepare=(("python3", "-c", PINGS, "{redis.host}", "{redis.port}"),),
    container=replace(PLAIN.container, cwd="/var/tmp"),
)
TOPOLOGY = replace(SMALL, apps={"app": APP})


@pytest.fixture(scope="module")
def session() -> Iterator[DockerSession]:
    """A session whose pods publish the app's further port."""
    needs_engine()
    made = DockerSession(TOPOLOGY, "embedded")
    yield made
    made.close()


@pytest.fixture
async def context(session: DockerSession, tmp_path: Path) -> AsyncIterator[Context]:
    """A lab that is up, without a boot."""
    folder = RunFolder(tmp_path)
    async with (
        session.lab() as lab,
        brought_up(TOPOLOGY, lab, proxy="embedded", seed=1, folder=folder) as made,
    ):
        yield made


async def test_prepare_runs_in_the_image_and_past_the_proxy(
    context: Context, tmp_path: Path
) -> None:
    """In the app's folder, with the server's own name."""
    await prepare_apps(context, RunFolder(tmp_path))
    assert (tmp_path / "prepare-app.log").read_text() == "/var/tmp redis +PONG\n"


async def test_a_failing_prepare_command_is_an_error_in_a_container_too(
    context: Context, tmp_path: Path
) -> None:
    """With its exit status and its last lines."""
    fails = replace(APP, prepare=(("sh", "-c", "echo no column; exit 3"),))
    failing = replace(context, topology=replace(TOPOLOGY, apps={"app": fails}))
    with pytest.raises(ServiceFailed) as caught:
        await prepare_apps(failing, RunFolder(tmp_path))
    (problem,) = caught.value.problems
    assert (problem.code, problem.data["how"]) == ("prepare.failed", "exit status 3")
    assert problem.lines == ("no column",)


async def test_health_is_asked_at_the_published_port_that_it_names(
    context: Context, tmp_path: Path
) -> None:
    """The app answers 404 at its own port."""
    runtime = context.runtime
    port, ports = await runtime.app_port(APP), await runtime.named_ports(APP)
    assert (port, ports) == (8080, {"admin": 8081})
    command = (*APP.command[:-2], str(port), str(ports["admin"]))
    running = await runtime.spawn_app(
        AppStart(app=APP, command=command, env={}, port=port, ports=ports, log=tmp_path / "log")
    )
    await until_said(running, "serves")
    watched = Watched(app=APP, boot=1, running=running, journal=context.journal)
    answer = await ask_health(watched, timeout_s=10)
    assert (answer.state, answer.status_code) == (HealthState.HEALTHY, 200)
