"""What the keys of a Postgres service declare holds in a real server that runs as processes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy
from sqlalchemy.dialects.postgresql.asyncpg import dialect as AsyncpgDialect

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of, url_values

from .here import needs_program

AWKWARD = "p@ss/w:rd%'\\ "
SHOP = Service(
    name="db",
    kind="postgres",
    settings={
        "database": 'My "shop"', "user": "o'user", "password": AWKWARD,
        "extensions": ["pgcrypto", "uuid-ossp", "earthdistance"],
    },
)  # fmt: skip
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[RunningService]:
    """A server with all that can be declared."""
    needs_program(SHOP)
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(SHOP)


async def answer(url: str, query: str) -> tuple[object, ...]:
    """The first row of the answer to a query."""
    async with await psycopg.AsyncConnection.connect(url) as session:
        row = await (await session.execute(query)).fetchone()  # type: ignore[call-overload]
        assert row is not None
        return tuple(row)


async def test_the_declared_user_owns_the_declared_database_and_is_no_superuser(
    shop: RunningService,
) -> None:
    """It creates tables there, also in the schema `public`."""
    url = shop.url(shop.endpoint)
    who = "SELECT current_database(), current_user::text, usesuper FROM pg_user WHERE usename = "
    assert await answer(url, f"{who} current_user") == ('My "shop"', "o'user", False)
    async with await psycopg.AsyncConnection.connect(url) as session:
        await session.execute("CREATE TABLE public.things ()")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert await answer(url, owner) == ("o'user",)


async def test_the_declared_extensions_are_there_with_those_that_they_need(
    shop: RunningService,
) -> None:
    """In the declared database, before anything connects."""
    names = "SELECT array_agg(extname::text ORDER BY extname) FROM pg_extension"
    (found,) = await answer(shop.url(shop.endpoint), names)
    assert found == ["cube", "earthdistance", "pgcrypto", "plpgsql", "uuid-ossp"]


async def test_a_declared_password_is_checked(shop: RunningService) -> None:
    """An app that mangles it does not get in."""
    url = shop.url(shop.endpoint)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await answer(url.replace("p%40ss", "pass"), "SELECT 1")


async def test_other_drivers_connect_by_the_url_with_another_scheme(shop: RunningService) -> None:
    """SQLAlchemy with psycopg; asyncpg by the arguments that SQLAlchemy gives it."""
    names = ["db.url:postgresql+psycopg", "db.url:postgresql+asyncpg", "db.url:postgres"]
    for_psycopg, for_asyncpg, plain = (
        url_values(SHOP, shop.url(shop.endpoint), names)[name] for name in names
    )
    engine = sqlalchemy.create_engine(for_psycopg, poolclass=sqlalchemy.NullPool)
    with engine.connect() as session:
        assert session.execute(sqlalchemy.text("SELECT current_user::text")).scalar() == "o'user"
    url = sqlalchemy.make_url(for_asyncpg)
    _, arguments = AsyncpgDialect().create_connect_args(url)
    for connecting in (asyncpg.connect(**arguments), asyncpg.connect(plain)):
        connection = await connecting
        assert await connection.fetchval("SELECT current_user::text") == "o'user"
        await connection.close()


async def test_the_labs_own_sessions_log_in(shop: RunningService) -> None:
    """They count clients and commands, look up rows and read the version, by the same URL."""
    kind, url = kind_of("postgres"), shop.url(shop.endpoint)
    assert kind.about is not None
    assert kind.count_clients is not None
    assert kind.count_commands is not None
    assert kind.rows is not None
    assert (await kind.about(url)).startswith("PostgreSQL")
    for opened in (kind.count_clients, kind.count_commands.open, kind.rows):
        await (await opened(url)).close()


async def test_an_extension_that_the_server_lacks_is_one_clear_error() -> None:
    """It says which one, on which server, and how to get it; a misspelt one is suggested."""
    needs_program(SHOP)
    service = Service(
        name="db", kind="postgres", settings={"extensions": ["pg_crypto", "no_such_thing"]}
    )
    async with LocalRuntime() as runtime:
        with pytest.raises(RuntimeUnavailable) as caught:
            await runtime.start_service(service)
    first, second = caught.value.problems
    assert {first.code, second.code} == {"service.no_extension"}
    assert first.where == second.where == "services.db.extensions"
    assert first.data["extension"] == "pg_crypto"
    assert str(first.data["server"]).startswith("PostgreSQL ")
    assert first.fix.startswith("did you mean 'pgcrypto'? If not, install the package")
    assert "install the package" in second.fix
    assert "CHAOSLAB_POSTGRES_BIN" in second.fix


async def test_an_empty_password_is_none() -> None:
    """The server checks none, and the URL has none."""
    needs_program(SHOP)
    service = Service(name="db", kind="postgres", settings={"user": "shop", "password": ""})
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(service)
        url = running.url(running.endpoint)
        assert url.startswith("postgresql://shop@127.0.0.1:")
        assert await answer(url, "SELECT current_user::text") == ("shop",)
