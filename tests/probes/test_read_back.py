"""What the database itself keeps: which ids, how often, and by when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chaoslab.history.events import ReadBack, Request, RequestOutcome
from chaoslab.history.journal import Journal
from chaoslab.model.requests import Found, GoodAnswer, RequestContract
from chaoslab.model.topology import Service
from chaoslab.probes.proof import look_up_writes
from chaoslab.probes.read_back import LookUp, in_service, read_back, through_app
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services.base import TalkFailed

from .rig import WRITES, Here, Reply, server, until, watching

A, B, C = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in "abc")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[RunningService]:
    """One server for all; each test has a table of its own."""
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(Service(name="postgres", kind="postgres"))


def write(at_s: float, op: str, outcome: RequestOutcome = "ok") -> Request:
    return Request(at_s=at_s, app="app", op=op, outcome=outcome, took_s=0.0)


async def run(postgres: RunningService, *statements: str) -> None:
    url = postgres.url(postgres.endpoint)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement)


def kept_in(table: str, *, column: str = "id", within_s: float = 0.0) -> RequestContract:
    """A write that is found in that table."""
    place = Found(service="postgres", table=table, column=column, within_s=within_s)
    return replace(WRITES, found=place)


def looks(contract: RequestContract, postgres: RunningService) -> LookUp:
    """How that write is looked up."""
    assert contract.found is not None
    return partial(in_service, contract.found, postgres)


async def look_up(contract: RequestContract, postgres: RunningService, journal: Journal) -> None:
    """Look up every write of that contract."""
    await look_up_writes("app", contract, looks(contract, postgres), journal)


async def found_in(
    contract: RequestContract, postgres: RunningService, ops: list[str], journal: Journal
) -> ReadBack:
    """Look up those ids."""
    return await read_back("app", contract, looks(contract, postgres), ops, journal)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_database_itself_is_asked_what_it_keeps(
    tmp_path: Path, postgres: RunningService
) -> None:
    """Past the app and every proxy: what is there, what is missing, in the order asked."""
    async with watching(tmp_path, Here(1)) as watched:
        contract = kept_in("pg_database", column="datname")
        asked = ["postgres", "lost", "chaoslab"]
        found = await found_in(contract, postgres, asked, watched.journal)
        assert (found.found, found.missing) == (("postgres", "chaoslab"), ("lost",))
        assert found.repeated == {}
        assert await until(watched.journal, lambda e: isinstance(e, ReadBack)) is found


@pytest.mark.parametrize("kind", ["uuid", "text", "varchar(40)", "char(36)"])
@pytest.mark.asyncio(loop_scope="module")
async def test_ids_of_every_type_are_counted(
    tmp_path: Path, postgres: RunningService, kind: str
) -> None:
    """Twice is twice; rows of others are not looked at."""
    table = "of_" + kind.partition("(")[0]
    rows = ", ".join(f"('{op}', 'x')" for op in (A, B, A, C))
    made = f"create table {table} (id {kind}, title text)"
    await run(postgres, made, f"insert into {table} values {rows}")
    async with watching(tmp_path, Here(1)) as watched:
        found = await found_in(kept_in(table), postgres, [A, B], watched.journal)
    assert (found.found, dict(found.repeated)) == ((A, B), {A: 2})


@pytest.mark.asyncio(loop_scope="module")
async def test_an_index_on_the_id_serves_the_look_up(
    tmp_path: Path, postgres: RunningService
) -> None:
    """A large table is not read from end to end."""
    rows = "select gen_random_uuid(), repeat('x', 200) from generate_series(1, 20000)"
    made = "create table large (id uuid primary key, title text)"
    await run(postgres, made, f"insert into large {rows}", "analyze large")
    async with watching(tmp_path, Here(1)) as watched:
        await found_in(kept_in("large"), postgres, [A, B], watched.journal)
    url = postgres.url(postgres.endpoint)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        seen = "select seq_tup_read, idx_scan from pg_stat_user_tables where relname = 'large'"
        for _ in range(50):  # the server writes its counts down a moment later
            read, by_index = await (await connection.execute(seen)).fetchone() or (None, None)
            if by_index:
                break
            await asyncio.sleep(0.1)
    assert (read, by_index) == (0, 2)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_write_that_is_stored_later_is_looked_up_until_found(
    tmp_path: Path, postgres: RunningService
) -> None:
    """Its time counts from its answer; the look that found it is the one that is written down."""
    await run(postgres, "create table later (id text)")
    async with watching(tmp_path, Here(1)) as watched:
        contract = kept_in("later", within_s=20.0)
        now_s = watched.journal.now()
        watched.journal.append(write(now_s, A))
        look = asyncio.create_task(look_up(contract, postgres, watched.journal))
        await run(postgres, f"select pg_sleep(0.3); insert into later values ('{A}')")
        inserted_s = watched.journal.now()
        await look
        (found,) = watched.journal.history.of(ReadBack)
    assert found.found == (A,)
    assert now_s + 0.3 < found.at_s < inserted_s + 5.0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_write_that_never_comes_is_missing_once_its_time_is_up(
    tmp_path: Path, postgres: RunningService
) -> None:
    """And not before; without a declared delay it is looked up once."""
    await run(postgres, "create table never (id text)")
    async with watching(tmp_path, Here(1)) as watched:
        begun_s = time.monotonic()
        watched.journal.append(write(watched.journal.now(), A))
        await look_up(kept_in("never"), postgres, watched.journal)
        patient = kept_in("never", within_s=0.6)
        await look_up(patient, postgres, watched.journal)
        at_once, later = watched.journal.history.of(ReadBack)
        assert (at_once.missing, later.missing) == ((A,), (A,))
        assert later.at_s >= 0.6
        assert time.monotonic() - begun_s < 10.0


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_table_unacknowledged_writes_are_missing(
    tmp_path: Path, postgres: RunningService
) -> None:
    """An app that never reached its database has no table; one that acknowledged must have it."""
    async with watching(tmp_path, Here(1)) as watched:
        contract, journal = kept_in("no_such"), watched.journal
        journal.append(write(0.1, A, "failed"))
        await look_up(contract, postgres, journal)
        assert [e.kind for e in journal.history.events] == ["request"]
        journal.append(write(0.2, B))
        await look_up(contract, postgres, journal)
        assert [e.kind for e in journal.history.events] == ["request", "request", "probe_crashed"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis_server() -> AsyncIterator[RunningService]:
    """One server for all; each test has keys of its own."""
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(Service(name="redis", kind="redis"))


@pytest.mark.parametrize(
    ("key", "commands", "often"),
    [
        ("order:{id}", [("SET", f"order:{A}", "1")], {A: 1}),
        ("none", [], {}),
        ("list", [("RPUSH", "list", A, f'{{"id": "{A}"}}', B, "x")], {A: 2, B: 1}),
        ("set", [("SADD", "set", A, "x")], {A: 1}),
        ("zset", [("ZADD", "zset", "1", f"job:{A}")], {A: 1}),
        ("hash", [("HSET", "hash", A, "done", "x", f"{B} {B}")], {A: 1, B: 1}),
        ("stream", [("XADD", "stream", "*", "id", A), ("XADD", "stream", "*", "id", A)], {A: 2}),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_ids_are_found_by_key_in_redis(
    tmp_path: Path,
    redis_server: RunningService,
    key: str,
    commands: list[tuple[str, ...]],
    often: dict[str, int],
) -> None:
    """A key for each id, or one key of any type that has the ids in its entries."""
    async with Redis.from_url(redis_server.url(redis_server.endpoint)) as client:
        for command in commands:
            await client.execute_command(*command)
    contract = replace(WRITES, found=Found(service="redis", key=key))
    async with watching(tmp_path, Here(1)) as watched:
        found = await found_in(contract, redis_server, [A, B, C], watched.journal)
    assert found.found == tuple(op for op in (A, B, C) if op in often)
    assert found.repeated == {op: count for op, count in often.items() if count > 1}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_that_holds_no_entries_is_reported(
    tmp_path: Path, redis_server: RunningService
) -> None:
    """The contract names a string: nothing can be found there."""
    async with Redis.from_url(redis_server.url(redis_server.endpoint)) as client:
        await client.set("a string", A)
    contract = replace(WRITES, found=Found(service="redis", key="a string"))
    async with watching(tmp_path, Here(1)) as watched:
        with pytest.raises(TalkFailed, match="a string is a string"):
            await found_in(contract, redis_server, [A], watched.journal)


async def test_ids_are_found_through_a_read_of_the_app(tmp_path: Path) -> None:
    """An id is there if the answer for it is good; each question is in the history."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return (200, {"id": A}) if path == f"/things/{A}" else (404, {})

    good = GoodAnswer(equals={"id": "{id}"})
    read = RequestContract(name="seen", kind="read", path="/things/{id}", of="write", good=good)
    contract = replace(WRITES, found=Found(request="seen"))
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        look = partial(through_app, read, partial(Sender, watched, 1))
        found = await read_back("app", contract, look, [A, B], watched.journal)
        asked = watched.journal.history.of(Request)
        assert [(a.op, a.outcome, a.purpose) for a in asked] == [
            (A, "ok", "look_up"),
            (B, "failed", "look_up"),
        ]
    assert (found.found, found.missing, found.service) == ((A,), (B,), "")
