"""What the database itself keeps: which ids, how often, and by when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from chaoslab.history.events import ReadBack, Write, WriteOutcome
from chaoslab.model.topology import App, Service, WriteContract
from chaoslab.probes.base import Watched
from chaoslab.probes.proof import look_up_writes
from chaoslab.probes.read_back import read_back
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime

from .rig import WRITES, Here, until, watching

A, B, C = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in "abc")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[RunningService]:
    """One server for all; each test has a table of its own."""
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(Service(name="postgres", kind="postgres"))


def write(at_s: float, op: str, outcome: WriteOutcome = "ok") -> Write:
    return Write(at_s=at_s, app="app", op=op, outcome=outcome, took_s=0.0)


async def run(postgres: RunningService, *statements: str) -> None:
    url = postgres.url(postgres.endpoint)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement)


def keeping(watched: Watched, table: str, **contract: object) -> App:
    kept: WriteContract = replace(WRITES, table=table, **contract)  # type: ignore[arg-type]
    return replace(watched.app, writes=kept)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_database_itself_is_asked_what_it_keeps(
    tmp_path: Path, postgres: RunningService
) -> None:
    """Past the app and every proxy: what is there, what is missing, in the order asked."""
    async with watching(tmp_path, Here(1)) as watched:
        app = keeping(watched, "pg_database", id_column="datname")
        asked = ["postgres", "lost", "chaoslab"]
        found = await read_back(app, postgres, asked, watched.journal)
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
        found = await read_back(
            keeping(watched, table), postgres, [A, B, "no"][:2], watched.journal
        )
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
        await read_back(keeping(watched, "large"), postgres, [A, B], watched.journal)
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
        app = keeping(watched, "later", kept_within_s=20.0)
        now_s = watched.journal.now()
        watched.journal.append(replace(write(now_s, A), app=app.name))
        look = asyncio.create_task(look_up_writes(app, postgres, watched.journal))
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
        watched.journal.append(replace(write(watched.journal.now(), A), app=watched.app.name))
        await look_up_writes(keeping(watched, "never"), postgres, watched.journal)
        patient = keeping(watched, "never", kept_within_s=0.6)
        await look_up_writes(patient, postgres, watched.journal)
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
        app, journal = keeping(watched, "no_such"), watched.journal
        journal.append(replace(write(0.1, A, "failed"), app=app.name))
        await look_up_writes(app, postgres, journal)
        assert [e.kind for e in journal.history.events] == ["write"]
        journal.append(replace(write(0.2, B), app=app.name))
        await look_up_writes(app, postgres, journal)
        assert [e.kind for e in journal.history.events] == ["write", "write", "probe_crashed"]
