"""Which names and passwords a service may declare, and how they stand in statements and URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable, SpecError
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.loader import read_topology
from chaoslab.model.topology import Service
from chaoslab.services import kinds
from chaoslab.services.mysql.keys import MysqlKeys, granted
from chaoslab.services.postgres.extensions import check_extensions
from chaoslab.services.postgres.keys import PostgresKeys, create_extension
from chaoslab.services.postgres.local import url_of as postgres_url
from chaoslab.services.rabbitmq.keys import url_of as amqp_url
from chaoslab.services.redis.keys import RedisKeys
from chaoslab.services.redis.keys import url_of as redis_url

AT = Endpoint(host="127.0.0.1", port=1)
AWKWARD = "p@ss/w:rd%"


def read(folder: Path, kind: str, line: str) -> Service:
    """The service that a topology with this line declares. Raises SpecError."""
    path = folder / "chaoslab.toml"
    path.write_text(
        f'version = 1\n[services.one]\nkind = "{kind}"\n{line}\n'
        '[apps.web]\ncommand = ["a"]\nlinks = ["one"]\n'
    )
    return read_topology(path, kinds=kinds()).services["one"]


@pytest.mark.parametrize(
    ("kind", "line", "expected"),
    [
        ("postgres", 'user = "postgres"', "the lab's own superuser"),
        ("postgres", 'user = "pg_reader"', "pg_…"),
        ("postgres", 'user = ""', "1 to 63 bytes"),
        ("postgres", 'database = "-c"', "1 to 63 bytes"),
        ("postgres", 'database = "template1"', "not postgres, template0 or template1"),
        ("postgres", f'database = "{"é" * 32}"', "1 to 63 bytes"),
        ("postgres", 'password = "a\\nb"', "a string on one line"),
        ("postgres", 'extensions = ["a\\tb"]', "a list of names"),
        ("mysql", 'user = "root"', "not root"),
        ("mysql", 'database = "mysql"', "no database of the server itself"),
        ("rabbitmq", 'password = ""', "not empty"),
        ("redis", "password = 4", 'put it in quotes: "***"'),
    ],
)
def test_a_name_that_the_server_has_itself_or_cannot_have_is_a_mistake(
    tmp_path: Path, kind: str, line: str, expected: str
) -> None:
    """The mistake says what is allowed."""
    with pytest.raises(SpecError) as caught:
        read(tmp_path, kind, line)
    (problem,) = caught.value.problems
    assert problem.code == "topology.bad_value"
    assert f"services.one.{line.partition(' ')[0]}" in problem.where
    assert expected in f"{problem.expected} {problem.fix}"


def test_a_misspelt_key_is_suggested(tmp_path: Path) -> None:
    """Among the keys of the kind."""
    with pytest.raises(SpecError) as caught:
        read(tmp_path, "postgres", 'extention = ["pgcrypto"]')
    (problem,) = caught.value.problems
    assert problem.fix == "did you mean 'extensions'?"


def test_statements_quote_what_is_declared() -> None:
    """Nothing of a name or a password ends the quotation."""
    keys = PostgresKeys(user='a"b', password="it's \\ here")
    assert keys.role == """CREATE ROLE "a""b" LOGIN PASSWORD 'it''s \\ here'"""
    assert PostgresKeys(password="").role == 'CREATE ROLE "chaoslab" LOGIN'
    assert create_extension("uuid-ossp") == 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" CASCADE'
    account = MysqlKeys(user="o'user", password="a\\b", database="a`b").account
    assert "CREATE USER 'o''user'@'%' IDENTIFIED BY 'a\\\\b';" in account
    assert "CREATE DATABASE `a``b` CHARACTER SET utf8mb4;" in account
    assert granted("my_shop") == "`my\\_shop`"
    assert RedisKeys(password='a"é').config == 'requirepass "\\x61\\x22\\xc3\\xa9"\n'


def test_urls_encode_what_is_declared() -> None:
    """Also a slash; what is not declared is not in the URL."""
    postgres = PostgresKeys(user="me", password=AWKWARD)
    encoded = "p%40ss%2Fw%3Ard%25"
    assert postgres_url(postgres, AT, "a/b") == (
        f"postgresql://me:{encoded}@127.0.0.1:1/a%2Fb?sslmode=disable"
    )
    assert redis_url(RedisKeys(password=AWKWARD), AT, 2) == f"redis://:{encoded}@127.0.0.1:1/2"
    assert redis_url(RedisKeys(), AT) == "redis://127.0.0.1:1/0"
    assert amqp_url("me", AWKWARD, AT, "/") == f"amqp://me:{encoded}@127.0.0.1:1/%2F"


def test_a_server_checks_a_declared_password_only() -> None:
    """The lab's own is not worth the time that it would take in each connect."""
    assert PostgresKeys(password="chaoslab").checks_password
    assert not PostgresKeys(user="shop").checks_password
    assert not PostgresKeys(password="").checks_password


def test_every_missing_extension_is_a_problem_with_its_fix() -> None:
    """An available one is none; a similar name is suggested first."""
    check_extensions(["hstore"], {"hstore"}, server="PostgreSQL 16", where="here", fix="install it")
    with pytest.raises(RuntimeUnavailable) as caught:
        check_extensions(
            ["hstor", "vector"], {"hstore"}, server="PostgreSQL 16", where="here", fix="install it"
        )
    first, second = caught.value.problems
    assert first.fix == "did you mean 'hstore'? If not, install it"
    assert second.fix == "install it"
    assert second.what == "PostgreSQL 16 has no extension 'vector'"
