"""`memcached`: a cache in one process, without data of its own to keep.

Source: memcached's protocol.txt, for `version` and its answer.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import Identity
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.answers import Streams, ready
from chaoslab.services.base import ContainerAccess, ContainerServer, Kind, LocalServer, Stop
from chaoslab.services.programs import Program, on_path

PORT = 11211
PROGRAM = Program(
    oldest={"memcached": 1},
    candidates=lambda: on_path("memcached"),
    fix="install it (`apt install memcached`)",
    package="memcached",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemcachedServer:
    """Memcached as a process of this machine."""

    version: str
    program: Path
    identity: Identity = field(default_factory=Identity)
    stop_by: Stop = ((signal.SIGTERM, 5.0),)

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """It keeps nothing."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """On loopback alone; root has to name a user."""
        return (str(self.program), "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody")

    async def answers(self, port: int) -> bool:
        """`version` answered by one."""
        return await ready(port, _version)

    def url(self, endpoint: Endpoint) -> str:
        """As clients of memcached have it."""
        return f"memcached://{endpoint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemcachedContainer:
    """Memcached in a container; every lab has it to itself, and finds it empty."""

    port: int = PORT
    command: tuple[str, ...] = ("memcached",)
    env: Mapping[str, str] = field(default_factory=dict)

    async def answers(self, port: int) -> bool:
        """`version` answered by one."""
        return await ready(port, _version)

    def prepare(self, access: ContainerAccess) -> str:
        """Its version is that of the image."""
        return "memcached"

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """What an earlier lab left is found by nobody: each lab's keys are its own."""

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Nothing is kept."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """As clients of memcached have it."""
        return f"memcached://{endpoint}"


async def _version(streams: Streams) -> bool:
    reader, writer = streams
    writer.write(b"version\r\n")
    return (await reader.readline()).startswith(b"VERSION ")


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    binary = PROGRAM.find()
    return MemcachedServer(version=binary.version, program=binary.path)


def _container(service: Service) -> ContainerServer:
    return MemcachedContainer()


MEMCACHED = Kind(
    name="memcached",
    port=PORT,
    schemes=("memcached",),
    question=lambda _: Question(asked=b"version\r\n"),
    image="memcached:1.6-alpine",
    goodbyes=frozenset({b"quit\r\n"}),
    fields={"servers": lambda url: urlsplit(url).netloc},
    client=lambda url: ("telnet", *urlsplit(url).netloc.split(":")),
    program=PROGRAM,
    local=_local,
    container=_container,
)
