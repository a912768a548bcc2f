"""What Compose says of a database server becomes keys of the service; no password is copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.discover.compose import ComposeService
from chaoslab.discover.folder import look_at
from chaoslab.discover.proposal import Asked, propose
from chaoslab.discover.server_keys import Keys, lacking_extensions, server_keys
from chaoslab.discover.toml import topology_text
from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.model.loader.topology import read_topology
from chaoslab.runtimes.external import NO_ANSWER
from chaoslab.services.keys import OWN
from chaoslab.services.postgres.extensions import NO_EXTENSION

from .folders import folder_of

COMPOSE = """
services:
  web:
    build: .
    command: serve
    ports: ["8000"]
    environment:
      DATABASE_URL: postgresql://shop:hunter22@db/orders
      REDIS_URL: redis://:hunter33@cache/0
  db:
    image: pgvector/pgvector:pg16
    environment: {POSTGRES_USER: shop, POSTGRES_DB: orders, POSTGRES_PASSWORD: hunter22}
  cache:
    image: redis:7-alpine
    command: redis-server --requirepass hunter33
"""


def server(image: str, *command: str, **environment: str) -> ComposeService:
    return ComposeService(name="db", image=image, command=command, environment=environment)


@pytest.mark.parametrize(
    ("kind", "of", "keys"),
    [
        ("postgres", server("postgres", POSTGRES_USER="u"), {"database": "u", "user": "u"}),
        ("postgres", server("postgres:16", POSTGRES_DB="shop"), {"database": "shop"}),
        (
            "postgres",
            server("bitnami/postgresql", POSTGRESQL_USERNAME="u", POSTGRESQL_DATABASE="d"),
            {"database": "d", "user": "u"},
        ),
        ("postgres", server("postgis/postgis:16-3.4"), {"extensions": ("postgis",)}),
        (
            "mysql",
            server("mysql:8", MYSQL_DATABASE="shop", MYSQL_USER="u"),
            {"database": "shop", "user": "u"},
        ),
        ("mysql", server("mariadb:11", MARIADB_DATABASE="shop"), {"database": "shop"}),
        (
            "rabbitmq",
            server("rabbitmq:3", RABBITMQ_DEFAULT_USER="u", RABBITMQ_DEFAULT_VHOST="/"),
            {"vhost": "/", "user": "u"},
        ),
        ("redis", server("redis:7", "redis-server", "--requirepass", "x"), {"password": OWN}),
        ("redis", server("redis:7", "sh", "-c", "redis-server --requirepass x"), {"password": OWN}),
        ("redis", server("bitnami/redis:7", REDIS_PASSWORD="x"), {"password": OWN}),
        ("redis", server("redis:7", "redis-server", "--save", ""), {}),
        ("postgres", server("postgres:16", POSTGRES_DB=OWN), {}),
    ],
)
def test_the_keys_of_each_kind(kind: str, of: ComposeService, keys: Keys) -> None:
    """By the variables of the usual images, and of those of one other vendor."""
    assert server_keys(kind, "it", of).keys == keys


def test_a_name_that_the_lab_keeps_for_itself_is_left_out_with_a_note() -> None:
    """The app gets another one by its placeholder."""
    found = server_keys("postgres", "it", server("postgres:16", POSTGRES_USER="postgres"))
    assert found.keys == {}
    assert found.notes == (
        "Compose: db has the database 'postgres', which a lab's server does not allow: the app gets"
        " {it.database}",
        "Compose: db has the user 'postgres', which a lab's server does not allow: the app gets"
        " {it.user}",
    )


def test_an_extension_that_the_server_must_load_is_unsupported() -> None:
    """The note names it and the image."""
    found = server_keys("postgres", "it", server("timescale/timescaledb:2.14-pg16"))
    assert found.keys == {}
    assert "timescaledb, which a server must load when it starts: unsupported" in found.notes[0]


def test_the_variables_of_a_server_may_be_in_files(tmp_path: Path) -> None:
    """The last file counts; a variable that Compose itself sets counts before every file."""
    compose = COMPOSE.replace(
        "environment: {POSTGRES_USER: shop, POSTGRES_DB: orders, POSTGRES_PASSWORD: hunter22}",
        "environment: {POSTGRES_DB: orders}\n    env_file: [one.env, two.env]",
    )
    one, two = "POSTGRES_USER=a\nPOSTGRES_DB=x\n", "POSTGRES_USER=b\n"
    files: dict[str, str | bytes] = {"compose.yaml": compose, "one.env": one, "two.env": two}
    found = propose(look_at(folder_of(tmp_path, files)), Asked()).services
    keys = next(each.keys for each in found if each.kind == "postgres")
    assert (keys["user"], keys["database"]) == ("b", "orders")


def test_an_extension_that_this_machine_lacks_is_a_comment(tmp_path: Path) -> None:
    """With what the error of the server's start says; any other error is not about extensions."""
    missing = NO_EXTENSION(server="PostgreSQL 16", extension="vector")
    error = RuntimeUnavailable(Problem(reason=missing, where="services.postgres.extensions"))
    lacking = lacking_extensions(error)
    assert lacking == {"postgres": ("vector",)}
    folder = folder_of(tmp_path, {"compose.yaml": COMPOSE})
    text = topology_text(propose(look_at(folder), Asked()).without_extensions(lacking), None)
    assert '\n# extensions = ["vector"]\n' in text
    assert "\nextensions" not in text
    other = Problem(reason=NO_ANSWER(address="h:1", outcome="refused"))
    assert lacking_extensions(RuntimeUnavailable([*error.problems, other])) == {}


def test_the_file_has_the_keys_and_no_secret(tmp_path: Path) -> None:
    """The topology is valid, and its services are those of the Compose file."""
    folder = folder_of(tmp_path, {"compose.yaml": COMPOSE})
    text = topology_text(propose(look_at(folder), Asked()), None)
    assert "hunter" not in text
    file = tmp_path / "chaoslab.toml"
    file.write_text(text)
    found = read_topology(file, kinds=services.kinds()).services
    assert dict(found["postgres"].settings) == {
        "database": "orders",
        "user": "shop",
        "extensions": ["vector"],
    }
    assert dict(found["redis"].settings) == {"password": "chaoslab"}
