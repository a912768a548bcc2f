"""Each way in which a path can fail has its own outcome, within the time limit."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from reference.servers import PostgresServer, RedisServer

from chaoslab.clock import now_s
from chaoslab.preflight.live import check_paths
from chaoslab.preflight.outcome import MEANING, CheckedPath
from chaoslab.services.path import Address, Outcome
from chaoslab.services.postgres.path import classified

from .answering import answering, error_response
from .conftest import PASSWORD
from .copies import TOPOLOGY, copied, value

WITHIN_S = 1.0
ANSWERED_WITHIN_S = 5.0  # where an answer comes, on a machine that stalls
SILENT_WITHIN_S = 2.0  # of a server that answers first, and then no more
# What a machine may add that is busy with other tests: a step's limit is no promise of the loop's.
SLACK_S = 4.0
STOPPING = ("not ready", "log in")
POSTGRES_URL = "postgresql://backend@postgres.staging.internal:5432/backend"
REDIS_URL = "redis://redis.staging.internal:6379/0"


async def walks(
    folder: Path,
    *,
    postgres: str = "",
    redis: str = "",
    environment: Mapping[str, str] | None = None,
    within_s: float = ANSWERED_WITHIN_S,
) -> list[CheckedPath]:
    """The reference's paths with other URLs; the link that has none is left out of the topology."""
    edits = []
    if postgres:
        edits.append(value("DATABASE_URL", POSTGRES_URL, f'"{postgres}"'))
    if redis:
        edits.append(value("REDIS_URL", REDIS_URL, f'"{redis}"'))
    wanted = tuple(name for name, given in (("postgres", postgres), ("redis", redis)) if given)
    backend = replace(TOPOLOGY.apps["backend"], links=wanted)
    topology = replace(TOPOLOGY, apps={"backend": backend})
    found = await check_paths(
        topology,
        file=copied(folder, *edits),
        environment=environment or {},
        within_s=within_s,
    )
    return [*found]


async def postgres_walk(folder: Path, url: str, within_s: float = ANSWERED_WITHIN_S) -> CheckedPath:
    (walk,) = await walks(folder, postgres=url, within_s=within_s)
    return walk


async def redis_walk(folder: Path, url: str, within_s: float = ANSWERED_WITHIN_S) -> CheckedPath:
    (walk,) = await walks(folder, redis=url, within_s=within_s)
    return walk


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_refused_dropped_and_silent_are_distinguished(
    tmp_path: Path, kind: str, refusing_port: int, severed_port: int, silent_port: int
) -> None:
    """The result has the last step and its time, and no step takes longer than its limit."""
    ends = {}
    for port in (refusing_port, severed_port, silent_port):
        at = f"127.0.0.1:{port}"
        begun_s = now_s()
        walk = (
            await postgres_walk(tmp_path, f"postgresql://u@{at}/d", WITHIN_S)
            if kind == "postgres"
            else await redis_walk(tmp_path, f"redis://{at}/0", WITHIN_S)
        )
        assert now_s() - begun_s < WITHIN_S + SLACK_S
        assert walk.address == at
        assert walk.source.startswith("DATABASE_URL, " if kind == "postgres" else "REDIS_URL, ")
        ends[port] = (walk.outcome, walk.step)
        if walk.outcome != "refused":
            assert walk.took_s[walk.step] >= WITHIN_S * 0.9
    assert [*ends.values()] == [
        ("refused", "connect"),
        ("dropped", "connect"),
        ("silent", "answer"),
    ]


async def test_all_paths_are_walked_at_once(
    tmp_path: Path, severed_port: int, silent_port: int
) -> None:
    """Two bad paths cost no more time than one."""
    begun_s = now_s()
    found = await walks(
        tmp_path,
        postgres=f"postgresql://u@127.0.0.1:{severed_port}/d",
        redis=f"redis://127.0.0.1:{silent_port}/0",
        within_s=3.0,
    )
    assert [walk.outcome for walk in found] == ["dropped", "silent"]
    assert now_s() - begun_s < 6.0  # one after the other they would take as long


async def test_an_unknown_name_differs_from_no_answer_of_the_resolver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is a mistake in the file, the second one of the network."""
    real = await redis_walk(tmp_path, "redis://cache.invalid/0", WITHIN_S)
    assert real.step == "name"
    assert real.outcome in ("unknown name", "unresolved")  # by whether this machine has a resolver
    for number, outcome in (
        (socket.EAI_NONAME, "unknown name"),
        (socket.EAI_AGAIN, "unresolved"),
        (socket.EAI_FAIL, "unresolved"),
    ):

        def fails(*_: object, number: int = number, **__: object) -> None:
            raise socket.gaierror(number, "as the resolver says")

        monkeypatch.setattr(socket, "getaddrinfo", fails)
        assert (await redis_walk(tmp_path, "redis://cache.invalid/0")).outcome == outcome


async def test_a_name_that_can_be_none_is_unknown(tmp_path: Path) -> None:
    """A label of a hundred letters makes the machine's own encoder raise."""
    assert (await redis_walk(tmp_path, f"redis://{'x' * 100}.invalid/0")).outcome == "unknown name"


def test_a_hanging_resolver_delays_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread is left behind: neither the walk nor the end of the program waits for it."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(60) and [])
    begun_s = now_s()
    try:
        walk = asyncio.run(redis_walk(tmp_path, "redis://cache.internal/0", WITHIN_S))
    finally:
        release.set()
    assert (walk.outcome, walk.step) == ("unresolved", "name")
    assert now_s() - begun_s < WITHIN_S + SLACK_S


async def test_one_dead_address_of_several_is_noted_and_not_fatal(
    tmp_path: Path, refusing_port: int
) -> None:
    """As a client does it: the first address that takes a connection is used."""
    async with answering(b"+PONG\r\n", b"+PONG\r\n") as port:

        async def two(_: str, __: int) -> list[Address]:
            good = Address(family=socket.AF_INET, at=("127.0.0.1", port))
            return [Address(family=socket.AF_INET, at=("127.0.0.1", refusing_port)), good]

        backend = replace(TOPOLOGY.apps["backend"], links=("redis",))
        (walk,) = await check_paths(
            replace(TOPOLOGY, apps={"backend": backend}),
            file=copied(tmp_path, value("REDIS_URL", REDIS_URL, "redis://cache:1/0")),
            environment={},
            within_s=ANSWERED_WITHIN_S,
            resolver=two,
        )
    assert walk.outcome == "answered"
    assert walk.words == "another address of this name: 127.0.0.1 refused"


@pytest.mark.parametrize(
    ("answers", "outcome", "step"),
    [
        ((b"N", error_response("28P01", "x")), "failed", "log in"),
        ((b"HTTP/1.1 400",), "other protocol", "answer"),
        ((b"",), "closed", "answer"),
        ((b"N", error_response("53300", "sorry, too many clients already")), "full", "log in"),
        ((b"N", error_response("57P03", "the database system is shutting down")), *STOPPING),
    ],
)  # fmt: skip
async def test_the_answers_of_a_postgres_port_are_classified(
    tmp_path: Path, answers: tuple[bytes, ...], outcome: Outcome, step: str
) -> None:
    """A web server, a proxy without its server, a full or a starting Postgres; else its words."""
    async with answering(*answers) as port:
        walk = await postgres_walk(tmp_path, f"postgresql://u:p@127.0.0.1:{port}/d")
    assert (walk.outcome, walk.step) == (outcome, step)


async def test_tls_in_the_url_without_tls_at_the_server_is_found(tmp_path: Path) -> None:
    """No log-in is tried: the password would never be asked for."""
    async with answering(b"N") as port:
        url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=require"
        walk = await postgres_walk(tmp_path, url)
    assert (walk.outcome, walk.step) == ("TLS asked", "answer")
    assert walk.words == "the URL has sslmode=require, but the server has no TLS"


async def test_a_postgres_that_becomes_silent_is_found_within_the_limit(tmp_path: Path) -> None:
    """At the log-in, or at the query: psycopg's own way out would ask the silent server to stop."""
    ready = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"
    for answers, step in (((b"N",), "log in"), ((b"N", ready), "query")):
        async with answering(*answers, holds=True) as port:
            begun_s = now_s()
            url = f"postgresql://u:p@127.0.0.1:{port}/d"
            walk = await postgres_walk(tmp_path, url, SILENT_WITHIN_S)
            assert (walk.outcome, walk.step) == ("silent", step)
            assert now_s() - begun_s < SILENT_WITHIN_S + SLACK_S


@pytest.mark.parametrize(
    ("answers", "outcome", "step"),
    [
        ((b"+PONG\r\n", b"+PONG\r\n"), "answered", "query"),
        ((b"\x15\x03\x01\x00\x02\x02\x28",), "TLS asked", "answer"),
        ((b"HTTP/1.1 400 Bad Request\r\n",), "other protocol", "answer"),
        ((b"",), "closed", "answer"),
        ((b"+PONG\r\n",), "closed", "query"),
        ((b"-LOADING Redis is loading\r\n",), "not ready", "log in"),
        ((b"-DENIED Redis is running in protected mode\r\n",), "wrong credentials", "log in"),
        ((b"-ERR max number of clients reached\r\n",), "full", "log in"),
        ((b"-ERR something new\r\n",), "failed", "log in"),
    ],
)
async def test_the_answers_of_a_redis_port_are_classified(
    tmp_path: Path, answers: tuple[bytes, ...], outcome: Outcome, step: str
) -> None:
    """TLS, a web server, hanging up, loading, protected, full."""
    async with answering(*answers) as port:
        walk = await redis_walk(tmp_path, f"redis://127.0.0.1:{port}/0")
    assert (walk.outcome, walk.step) == (outcome, step)


async def test_rediss_to_a_server_without_tls_is_found(tmp_path: Path) -> None:
    """The server's answer is no TLS."""
    async with answering(b"-ERR unknown command\r\n") as port:
        walk = await redis_walk(tmp_path, f"rediss://127.0.0.1:{port}/0")
    assert (walk.outcome, walk.step) == ("TLS asked", "answer")


@pytest.mark.parametrize(
    ("user", "given", "outcome", "step"),
    [
        ("app", "/postgres", "answered", "query"),
        (f"guarded:{PASSWORD}", "/postgres", "answered", "query"),
        ("guarded:wrong-secret", "/postgres", "wrong credentials", "log in"),
        ("guarded", "/postgres", "wrong credentials", "log in"),
        ("nobody:x", "/postgres", "wrong credentials", "log in"),
        ("shut", "/postgres", "wrong credentials", "log in"),
        ("app", "/absent", "missing database", "log in"),
        ("app", "/postgres?sslmode=require", "TLS asked", "answer"),
    ],
)
async def test_the_errors_of_a_real_postgres_are_classified(
    tmp_path: Path, postgres: PostgresServer, *, user: str, given: str, outcome: str, step: str
) -> None:
    """Password, user, database and TLS; and a good one is answered."""
    url = f"postgresql://{user}@127.0.0.1:{postgres.port}{given}"
    (walk,) = await walks(tmp_path, postgres=url)
    assert (walk.outcome, walk.step) == (outcome, step), walk.words
    assert "secret" not in walk.words


async def test_a_password_comes_from_the_environment_by_name(
    tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> None:
    """The reference has PGPASSWORD in a secret; the environment may have its value."""
    database = f"postgresql+psycopg://guarded@127.0.0.1:{postgres.port}/postgres"
    found = await walks(
        tmp_path,
        postgres=database,
        redis=redis.url,
        environment={"PGPASSWORD": PASSWORD, "REDISCLI_AUTH": PASSWORD},
    )
    assert [walk.outcome for walk in found] == ["answered", "answered"], found


@pytest.mark.parametrize(
    ("user", "database", "outcome", "step"),
    [
        (f":{PASSWORD}@", "0", "answered", "query"),
        (f"default:{PASSWORD}@", "3", "answered", "query"),
        (":wrong-secret@", "0", "wrong credentials", "log in"),
        ("", "0", "wrong credentials", "log in"),
        (f":{PASSWORD}@", "99", "missing database", "query"),
    ],
)
async def test_the_errors_of_a_real_redis_are_classified(
    tmp_path: Path, redis: RedisServer, *, user: str, database: str, outcome: str, step: str
) -> None:
    """Password and database; and a good one is answered."""
    url = f"redis://{user}127.0.0.1:{redis.port}/{database}"
    (walk,) = await walks(tmp_path, redis=url)
    assert (walk.outcome, walk.step) == (outcome, step), walk.words
    assert "secret" not in walk.words


NO_ENTRY = 'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d"'


@pytest.mark.parametrize(
    ("words", "sqlstate", "has_tls", "outcome"),
    [
        (f"{NO_ENTRY}, no encryption", None, True, "TLS asked"),
        (f"{NO_ENTRY}, no encryption", None, False, "wrong credentials"),
        (f"{NO_ENTRY}, SSL encryption", None, True, "wrong credentials"),
        ("mot de passe", "28P01", False, "wrong credentials"),
        ("x", "3D000", False, "missing database"),
        ("SSL error: certificate verify failed", None, True, "TLS asked"),
        ("server closed the connection unexpectedly", None, False, "closed"),
        ("quite another thing", None, False, "failed"),
    ],
)
def test_a_failed_log_in_is_classified_by_state_or_text(
    words: str, sqlstate: str | None, has_tls: bool, outcome: Outcome
) -> None:
    """An error without a known code stays `failed`, with the server's text."""
    assert classified(words, sqlstate, has_tls=has_tls) == outcome


def test_every_outcome_has_a_meaning_and_a_fix() -> None:
    """A word alone helps nobody at night."""
    assert all(means for means, _ in MEANING.values())
    assert [end for end, (_, fix) in MEANING.items() if not fix] == ["answered"]
