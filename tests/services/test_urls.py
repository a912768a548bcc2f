"""What a service's URL gives to placeholders: its parts, decoded, and itself with other schemes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy

from chaoslab.model.loader import read_topology
from chaoslab.model.topology import Service
from chaoslab.services import kind_of, kinds, url_values
from chaoslab.services.urls import log_in

AWKWARD = "p@ss/w:rd%"
POSTGRES = f"postgresql://{log_in('us er', AWKWARD)}@127.0.0.1:5000/my%2Fshop?sslmode=disable"


def values_of(kind: str, url: str, *names: str) -> dict[str, str]:
    """The placeholders of a service with the name of its kind."""
    return url_values(Service(name=kind, kind=kind), url, [f"{kind}.{name}" for name in names])


def test_the_parts_of_a_url_are_decoded() -> None:
    """An app gets the password as the server knows it."""
    assert values_of("postgres", POSTGRES) == {
        "postgres.url": POSTGRES,
        "postgres.user": "us er",
        "postgres.password": AWKWARD,
        "postgres.database": "my/shop",
    }


@pytest.mark.parametrize(
    ("kind", "url", "fields"),
    [
        ("redis", "redis://127.0.0.1:1/0", {"password": "", "database": "0"}),
        ("redis", f"redis://{log_in('', AWKWARD)}@h:1/3", {"password": AWKWARD, "database": "3"}),
        (
            "rabbitmq",
            "amqp://me:s%25@h:1/%2F",
            {"user": "me", "password": "s%", "vhost": "/"},
        ),
        ("mysql", "mysql://me@h:1/shop", {"user": "me", "password": "", "database": "shop"}),
        ("tcp", "tcp://h:1", {}),
    ],
)
def test_each_kind_has_the_fields_of_its_urls(kind: str, url: str, fields: dict[str, str]) -> None:
    """What a URL does not name is empty."""
    named = {f"{kind}.{field}": value for field, value in fields.items()}
    assert values_of(kind, url) == {f"{kind}.url": url, **named}


@pytest.mark.parametrize(
    ("kind", "url", "scheme", "shown"),
    [
        ("postgres", "postgresql://u:p%40@h:5/db?sslmode=disable", "postgres", None),
        ("postgres", "postgresql://u:p%40@h:5/db?sslmode=disable", "postgresql+psycopg", None),
        (
            "postgres",
            "postgresql://u:p%40@h:5/db?sslmode=disable",
            "postgresql+asyncpg",
            "postgresql+asyncpg://u:p%40@h:5/db",
        ),
        (
            "postgres",
            "postgresql://u:p%40@h:5/db?sslmode=disable",
            "jdbc:postgresql",
            "jdbc:postgresql://h:5/db?sslmode=disable",
        ),
        ("mysql", "mysql://u:p@h:5/db", "mysql+pymysql", None),
        ("mysql", "mysql://u:p@h:5/db", "mysql2", None),
        ("redis", "redis://:p%2F@h:5/0", "valkey", None),
        ("redis", "redis://h:5/0", "redis", None),
        ("rabbitmq", "amqp://u:p@h:5/%2F", "pyamqp", None),
        ("tcp", "tcp://h:5", "nats", None),
    ],
)
def test_a_url_reads_the_same_with_another_scheme(
    kind: str, url: str, scheme: str, shown: str | None
) -> None:
    """For JDBC without user and password; without parameters that its driver refuses."""
    expected = shown or scheme + url.partition("://")[1] + url.partition("://")[2]
    assert values_of(kind, url, f"url:{scheme}")[f"{kind}.url:{scheme}"] == expected


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_sqlalchemy_reads_the_awkward_password_back(driver: str) -> None:
    """The encoding is that of URLs, not one of ours."""
    name = f"url:postgresql+{driver}"
    read = sqlalchemy.make_url(values_of("postgres", POSTGRES, name)[f"postgres.{name}"])
    assert (read.username, read.password, read.host) == ("us er", AWKWARD, "127.0.0.1")
    assert read.drivername == f"postgresql+{driver}"


def test_a_log_in_is_encoded_completely() -> None:
    """Also slashes, which `quote` leaves by default; and an empty password leaves no colon."""
    assert log_in("a/b", AWKWARD) == f"a%2Fb:{quote(AWKWARD, safe='')}"
    assert log_in("a", "") == "a"


def test_a_kind_adds_fields_of_its_own(tmp_path: Path) -> None:
    """The loader knows them by the kind, and the values come from the kind's own functions."""
    more = replace(kind_of("redis"), fields={"shout": str.upper})
    path = tmp_path / "chaoslab.toml"
    path.write_text(
        'version = 1\n[services.cache]\nkind = "redis"\n[apps.web]\nlinks = ["cache"]\n'
        'command = ["app", "{cache.shout}"]\n'
    )
    topology = read_topology(path, kinds={**kinds(), "redis": more})
    assert topology.services["cache"].fields == ("shout",)
