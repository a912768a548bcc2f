"""The agent's image on a real Docker engine, built from the context, in containers' namespaces."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from chaoslab.agent.build_context import content_hash, files
from chaoslab.clock import now_s

from .rig import PATIENCE_S, AgentProcess, agent_by

BASE = os.environ.get("CHAOSLAB_IMAGE_PYTHON", "python:3.12-slim-bookworm")
NAME = f"chaoslab-agent-test-{os.getpid()}"
PORT = 7001
SERVER = f"""
import socketserver
class Pong(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline():
            self.wfile.write(b"+PONG\\r\\n")
socketserver.ThreadingTCPServer(("0.0.0.0", {PORT}), Pong).serve_forever()
"""


def docker(*arguments: str, given: bytes = b"") -> str:
    """The output of a docker command; fails if the command fails."""
    done = subprocess.run(
        ["docker", *arguments], input=given, capture_output=True, timeout=300.0, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def _why_not() -> str:
    if not shutil.which("docker"):
        return "no docker command on this machine"
    for asked, why in (
        (("version",), "no Docker engine answers here"),
        (("image", "inspect", BASE), f"the base image {BASE} is not on this machine"),
    ):
        done = subprocess.run(["docker", *asked], capture_output=True, check=False)
        if done.returncode:
            return why
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "-")]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image of these tests, built from the context only."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files().items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    tag = f"{NAME}:{content_hash()}"
    docker("build", "-q", "--build-arg", f"BASE={BASE}", "-t", tag, "-", given=packed.getvalue())
    yield tag
    docker("rmi", "-f", tag)


@pytest.fixture
def network() -> Iterator[str]:
    """A user-defined network, since only those resolve names."""
    docker("network", "create", NAME)
    yield NAME
    docker("network", "rm", NAME)


@contextmanager
def server(image: str, network: str) -> Iterator[str]:
    """A container that answers on PORT; returns its name."""
    name = f"{NAME}-server"
    entry = ("--entrypoint", "python3", image, "-c", SERVER)
    docker("run", "-d", "--rm", "--name", name, "--network", network, *entry)
    try:
        yield name
    finally:
        docker("rm", "-f", name)


@asynccontextmanager
async def agent(image: str, network: str, *options: str) -> AsyncIterator[AgentProcess]:
    """An agent in a container."""
    command = ("docker", "run", "-i", "--rm", "--network", network, *options, image)
    async with agent_by(*command) as made:
        yield made


async def answered(eyes: AgentProcess, host: str) -> None:
    """Wait until the server answers."""
    end_s = now_s() + PATIENCE_S
    while (outcome := await asked(eyes, host)) != "answered":
        assert now_s() < end_s, f"expected an answer, got {outcome}"
        await asyncio.sleep(0.02)


async def asked(eyes: AgentProcess, host: str) -> str:
    """What a canary to this name observes."""
    answer = await eyes.do(
        "ask", host=host, port=PORT, asked="50494e470d0a", answered=True, within_s=0.3
    )
    return str(answer["outcome"])


async def test_the_image_is_built_from_the_context(image: str) -> None:
    """It reports the same hash, finds iptables, and ends as process 1 when its stdin ends."""
    async with agent(image, "bridge", "--cap-add", "NET_ADMIN") as made:
        about = await made.do("about")
        assert about["hash"] == content_hash()
        assert about["rules"], about
        assert await made.ends() == 0


async def test_without_the_capability_the_error_names_it(image: str) -> None:
    """With the output of iptables and our fix."""
    async with agent(image, "bridge") as made:
        about = await made.do("about")
    assert about["rules"] is None
    assert about["why_no_rules"].endswith("as root with the capability NET_ADMIN")


async def test_a_path_between_containers_is_severed_and_healed(image: str, network: str) -> None:
    """One agent is in the server's namespace; another, like an app, finds the server by name."""
    with server(image, network) as name:
        async with (
            agent(image, network) as eyes,
            agent(image, f"container:{name}", "--cap-add", "NET_ADMIN") as hands,
        ):
            await answered(eyes, name)
            await hands.do("drop", port=PORT)
            assert await asked(eyes, name) == "connect_timeout"
            counted = await hands.do("counters", port=PORT)
            assert (counted["syns"], counted["bytes_up"], counted["packets_dropped"]) == (0, 0, 0)
            await hands.do("pass", port=PORT)
            await answered(eyes, name)


async def test_the_resolver_of_docker_is_not_reported(image: str, network: str) -> None:
    """It listens in every namespace of a network with names."""
    async with agent(image, network) as eyes:
        await eyes.do("watch", on=True)
        assert (await eyes.next_message())["sockets"] == []


async def test_the_proxy_engine_runs_from_the_same_image(image: str) -> None:
    """It replaces Toxiproxy for faults that Toxiproxy cannot inject."""
    output = docker("run", "--rm", "--entrypoint", "python3", image, "-m", "chaoslab.engine", "-h")
    assert "Toxiproxy" in output


async def test_the_agent_ends_when_its_lab_is_killed(image: str) -> None:
    """After SIGKILL nobody stops it; Docker closes its stdin, which is enough."""
    name = f"{NAME}-orphan"
    command = ("docker", "run", "-i", "--rm", "--name", name, image)
    async with agent_by(*command) as made:
        made.process.kill()
        await made.process.wait()
        end_s = now_s() + PATIENCE_S
        while docker("ps", "-q", "--filter", f"name={name}"):
            assert now_s() < end_s, f"{name} still runs"
            await asyncio.sleep(0.05)
