"""What the keys of MySQL and RabbitMQ services declare holds in real servers of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pymysql
import pytest
import pytest_asyncio

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of, url_values

from .here import MYSQL, RABBITMQ, keep, mysql, needs_program, words

AWKWARD = "p@ss/w:rd%'\\\" é"
SHOPS = (
    replace(MYSQL, settings={"database": "my_`shop`", "user": "o'user", "password": AWKWARD}),
    replace(RABBITMQ, settings={"vhost": "/", "user": "o'user", "password": AWKWARD}),
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=SHOPS, ids=[each.kind for each in SHOPS]
)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[RunningService]:
    """A server with all that can be declared."""
    service: Service = request.param
    needs_program(service)
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(service)


async def test_the_declared_user_writes_and_reads_in_the_declared_place(
    shop: RunningService,
) -> None:
    """By the URL, with its awkward names and password; an app gets them decoded too."""
    service, url = shop.service, shop.url(shop.endpoint)
    await keep(service.kind, url, "word")
    assert await words(service.kind, url) == {"word"}
    values = url_values(service, url, [])
    for name, value in service.settings.items():
        assert values[f"{service.name}.{name}"] == value


@pytest.mark.parametrize("shop", SHOPS[:1], indirect=True, ids=["mysql"])
async def test_the_tables_of_the_declared_database_are_listed(shop: RunningService) -> None:
    """Those that its user made, and none of the server's own."""
    tables, url = kind_of(shop.service.kind).tables, shop.url(shop.endpoint)
    assert tables is not None
    await keep(shop.service.kind, url, "word")
    assert await tables(url) == ("words",)


async def test_another_password_is_refused(shop: RunningService) -> None:
    """The lab's own log-in says so."""
    about, url = kind_of(shop.service.kind).about, shop.url(shop.endpoint)
    assert about is not None
    assert await about(url)
    with pytest.raises(RuntimeUnavailable):
        await about(url.replace("p%40ss", "pass"))


@pytest.mark.parametrize("shop", SHOPS[:1], indirect=True, ids=["mysql"])
async def test_the_user_of_mysql_has_rights_in_its_database_only(shop: RunningService) -> None:
    """A name that its database's name would match as a pattern is another one."""
    with mysql(shop.url(shop.endpoint)) as session, session.cursor() as cursor:
        with pytest.raises(pymysql.OperationalError, match="denied"):
            cursor.execute("CREATE DATABASE `myX``shop```")
        cursor.execute("SHOW DATABASES")
        assert {name for (name,) in cursor.fetchall()} == {"information_schema", "my_`shop`"}
