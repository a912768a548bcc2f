"""What differs between servers: how each is prepared, started, asked whether it answers, ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import Identity, run_to_end, spawn, tail
from chaoslab.runtimes.local import cache
from chaoslab.runtimes.local.binaries import ServerBinary
from chaoslab.runtimes.local.protocols import postgres_answers, redis_answers

Stop = tuple[tuple[signal.Signals, float], ...]


class Server(Protocol):
    """One kind of server, of one version."""

    @property
    def version(self) -> str:
        """Product, version and origin, for people."""

    @property
    def identity(self) -> Identity:
        """Who runs it."""

    @property
    def stop_by(self) -> Stop:
        """The signals of an orderly end, and how many seconds each gets."""

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Lay its data in the new folder `home`."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """How it is started on that data and port."""

    async def answers(self, port: int) -> bool:
        """Whether it answers its own protocol; a refusal is False, never an error."""

    def url(self, endpoint: Endpoint) -> str:
        """Its connection URL through that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """PostgreSQL on a copy of the machine's template."""

    version: str
    program: Path
    template: Path
    identity: Identity
    # Fast, since the smart stop waits for clients; then the immediate one.
    stop_by: Stop = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0))

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Unpack the template; modes and, for root, owners come along."""
        log = home / "unpack.log"
        command = ("tar", "-xpf", str(self.template), "-C", str(home))
        if await run_to_end(spawn(command, env=env, log=log)) != 0:
            said = "\n".join(f"  {line}" for line in tail(log))
            raise ServiceFailed(
                f"postgres: cannot unpack the template {self.template}:\n{said}\n"
                "  if there is room on the disk, remove that file; it is made anew"
            )

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """Only what differs per lab; all else stands in the template's postgresql.conf."""
        listen = ("-h", "127.0.0.1", "-p", str(port), "-k", "")
        return (str(self.program), "-D", str(home / "data"), *listen)

    async def answers(self, port: int) -> bool:
        """A start-up packet accepted and `SELECT 1` answered."""
        return await postgres_answers(port)

    def url(self, endpoint: Endpoint) -> str:
        """As the role `chaoslab`, which owns the database and is no superuser."""
        # The servers have no TLS, and asking for it costs every connect a round trip.
        return f"postgresql://chaoslab:chaoslab@{endpoint}/chaoslab?sslmode=disable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Redis or Valkey, keeping an append-only file so that a restart finds the same data."""

    version: str
    program: Path
    identity: Identity = field(default_factory=Identity)
    stop_by: Stop = ((signal.SIGTERM, 5.0),)

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """It makes what it needs itself."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """Written through before each answer, and never forked for a rewrite."""
        options = {
            "port": str(port), "bind": "127.0.0.1", "dir": str(home), "save": "",
            "appendonly": "yes", "appendfsync": "no", "auto-aof-rewrite-percentage": "0",
        }  # fmt: skip
        words = (word for name, value in options.items() for word in (f"--{name}", value))
        return (str(self.program), *words)

    async def answers(self, port: int) -> bool:
        """PING answered by PONG."""
        return await redis_answers(port)

    def url(self, endpoint: Endpoint) -> str:
        """Its first database."""
        return f"redis://{endpoint}/0"


def postgres_server(
    binary: ServerBinary, identity: Identity, *, cache_folder: Path, scratch: Path,
    env: Mapping[str, str],
) -> PostgresServer:  # fmt: skip
    """PostgreSQL ready to be copied and started; blocks while the template is first made."""
    program = cache.within_reach(binary, identity, cache_folder)
    folder = cache.template(
        program, binary.number, identity, cache=cache_folder, scratch=scratch, env=env
    )
    return PostgresServer(
        version=binary.version, program=program, template=folder, identity=identity
    )


async def prepared(server: Server, home: Path, env: Mapping[str, str]) -> None:
    """Lay a server's data, without leaving the event loop for longer than a spawn."""
    async with asyncio.timeout(60.0):
        await server.prepare(home, env)
