"""Faults at a message of a real Postgres and a real Redis, through their own drivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
import pytest_asyncio
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaoslab.faults import AtMessage
from chaoslab.history.events import CanaryProbe, LinkConnection, SeenMessage
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare

from .rig import PATIENCE_S, SILENT_S, Written, real_context

pytestmark = pytest.mark.asyncio(loop_scope="session")

PG, REDIS = "app.postgres", "app.redis"
LOST = (psycopg.OperationalError,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def common_context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Context]:
    """A lab of its own: its proxies read messages, as those of a plan with such a fault."""
    async with real_context(tmp_path_factory.mktemp("read")) as real:
        await real.control.read_messages(PG, "postgres")
        await real.control.read_messages(REDIS, "redis")
        yield real


@pytest.fixture
def postgres(context: Context) -> str:
    """The URL of Postgres through its proxy."""
    return context.services["postgres"].url(context.addresses[PG])


def client_of(port: int) -> redis.asyncio.Redis:
    """A client that does not try again by itself."""
    return redis.asyncio.Redis(port=port, retry=Retry(NoBackoff(), 0))


@asynccontextmanager
async def table(context: Context, name: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """A connection past the proxy, and a new table."""
    running = context.services["postgres"]
    url = running.url(running.endpoint)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as direct:
        await direct.execute(f"CREATE TABLE {name} (word text)")
        yield direct


async def words(direct: psycopg.AsyncConnection, name: str) -> list[str]:
    found = await direct.execute(f"SELECT word FROM {name} ORDER BY word")
    return [row[0] for row in await found.fetchall()]


def seen(context: Context, link: str) -> list[SeenMessage]:
    """The messages on the connections of this test."""
    records = {c.connection: c for c in context.journal.history.of(LinkConnection)}
    return [m for c in records.values() if c.link == link and c.opened_s > 0 for m in c.messages]


@pytest.mark.parametrize(("at", "kept"), [("before", []), ("after", ["a"])])
async def test_a_commit_is_cut_before_or_after_the_server_has_done_it(
    context: Context, postgres: str, at: str, kept: list[str]
) -> None:
    """On a connection that was open before the fault, like those of a pool."""
    name, spec = f"cut_{at}", AtMessage(target=PG, message="COMMIT", at=at)  # type: ignore[arg-type]
    async with table(context, name) as direct:
        client = await psycopg.AsyncConnection.connect(postgres)
        async with injected(prepare(spec, context), context):
            await client.execute(f"INSERT INTO {name} VALUES (%s)", ("a",))
            with pytest.raises(LOST):
                await client.commit()
        assert await words(direct, name) == kept
        await client.close()
    Written(context.journal.history, spec.label).assert_complete()
    assert [(m.word, m.acted) for m in seen(context, PG)] == [("COMMIT", True)]
    assert not list(context.journal.history.of(CanaryProbe))


async def test_a_prepared_statement_is_known_by_its_name(context: Context, postgres: str) -> None:
    """The driver prepares it at its first use, and executes it by name after that."""
    spec = AtMessage(target=PG, message="INSERT INTO known")
    async with table(context, "known") as direct:
        client = await psycopg.AsyncConnection.connect(postgres, autocommit=True)
        for word in "ab":
            await client.execute("INSERT INTO known VALUES (%s)", (word,), prepare=True)
        async with injected(prepare(spec, context), context):
            await client.execute("SELECT 1")
            with pytest.raises(LOST):
                await client.execute("INSERT INTO known VALUES (%s)", ("c",), prepare=True)
        assert await words(direct, "known") == ["a", "b"]
        await client.close()


async def test_copy_and_pipelines_are_read_to_their_end(context: Context, postgres: str) -> None:
    """The COMMIT behind them is found, and everything before it is done."""
    spec = AtMessage(target=PG, message="COMMIT", at="after", do="hold")
    async with table(context, "copied") as direct:
        client = await psycopg.AsyncConnection.connect(postgres)
        async with client.cursor().copy("COPY copied FROM STDIN") as copy:
            for number in range(3000):
                await copy.write_row((f"{number:04}",))
        async with client.pipeline():
            for word in "xyz":
                await client.execute("INSERT INTO copied VALUES (%s)", (word,))
        async with injected(prepare(spec, context), context):
            commit = asyncio.create_task(client.commit())
            done, _ = await asyncio.wait({commit}, timeout=SILENT_S)
            assert not done
            assert len(await words(direct, "copied")) == 3003
        await asyncio.wait_for(commit, PATIENCE_S)
        await client.close()


async def test_a_commit_is_late(context: Context, postgres: str) -> None:
    """By its delay; the connection goes on."""
    spec = AtMessage(target=PG, message="COMMIT", do="delay", delay_s=2 * SILENT_S)
    async with await psycopg.AsyncConnection.connect(postgres) as client:
        async with injected(prepare(spec, context), context):
            await client.execute("SELECT 1")
            commit = asyncio.create_task(client.commit())
            done, _ = await asyncio.wait({commit}, timeout=SILENT_S)
            assert not done
            await asyncio.wait_for(commit, PATIENCE_S)
        await client.execute("SELECT 1")


@pytest.mark.parametrize(("at", "left"), [("before", 1), ("after", 0)])
async def test_a_job_is_lost_if_its_answer_is_cut(context: Context, at: str, left: int) -> None:
    """BRPOP takes the job from the list, and nobody gets it."""
    spec = AtMessage(target=REDIS, message="BRPOP jobs", at=at)  # type: ignore[arg-type]
    there, direct = context.addresses[REDIS].port, context.services["redis"].endpoint.port
    async with client_of(direct) as other, client_of(there) as client:
        await other.delete("jobs")
        async with injected(prepare(spec, context), context):
            pop = asyncio.create_task(client.brpop(["jobs"], timeout=PATIENCE_S))
            await other.lpush("jobs", "x")
            with pytest.raises(redis.ConnectionError):
                await pop
        assert await other.llen("jobs") == left
    assert [m.word for m in seen(context, REDIS)] == ["BRPOP"]


async def test_the_first_command_of_an_app_is_none_of_its_driver(context: Context) -> None:
    """The driver sets its connection up first."""
    spec = AtMessage(target=REDIS, message="*", nth=2)
    fault, port = prepare(spec, context), context.addresses[REDIS].port
    async with client_of(port) as client, injected(fault, context):
        await client.set("k", "v")
        with pytest.raises(redis.ConnectionError):
            await client.get("k")
    assert [(m.word, m.acted) for m in seen(context, REDIS)] == [("SET", False), ("GET", True)]
