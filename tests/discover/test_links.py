"""Variables and words that name servers get placeholders; everything else stays as it is."""

from __future__ import annotations

import re

import pytest

from chaoslab.discover.links import Links
from chaoslab.discover.words import assigned, filled_words

PG = {"user": "{postgres.user}", "password": "{postgres.password}"}


@pytest.mark.parametrize(
    ("given", "expected", "services"),
    [
        ({"DATABASE_URL": "postgresql://u:p@h:5432/d"}, "{postgres.url}", ["postgres"]),
        ({"DATABASE_URL": "postgres://u:p@h/d"}, "{postgres.url:postgres}", ["postgres"]),
        (
            {"DATABASE_URL": "postgresql+asyncpg://u:p@h:5432/d"},
            "{postgres.url:postgresql+asyncpg}",
            ["postgres"],
        ),
        ({"DB": "mysql+pymysql://u:p@h/d"}, "{mysql.url:mysql+pymysql}", ["mysql"]),
        ({"MARIA": "mariadb://u:p@h/d"}, "{mysql.url:mariadb}", ["mysql"]),
        (
            {"SPRING_DATASOURCE_URL": "jdbc:postgresql://h:5432/d"},
            "{postgres.url:jdbc:postgresql}",
            ["postgres"],
        ),
        ({"REDIS_URL": "redis://h:6379/0"}, "{redis.url}", ["redis"]),
        ({"REDIS_URL": "rediss://h:6379"}, "{redis.url}", ["redis"]),
        ({"BROKER": "redis://h/3"}, "redis://{redis.host}:{redis.port}/3", ["redis"]),
        ({"CELERY_BROKER_URL": "amqp://g:g@h:5672//"}, "{rabbitmq.url}", ["rabbitmq"]),
        ({"BROKER_URL": "pyamqp://g:g@h//"}, "{rabbitmq.url:pyamqp}", ["rabbitmq"]),
        ({"REDIS_ADDR": "cache:6379"}, "{redis.host}:{redis.port}", ["redis"]),
        (
            {"DSN": "host=db port=5432 user=u password=p dbname=d sslmode=disable"},
            "host={postgres.host} port={postgres.port} user={postgres.user} "
            "password={postgres.password} dbname={postgres.database} sslmode=disable",
            ["postgres"],
        ),
        (
            {"ConnectionStrings__Default": "Host=h;Port=5432;Database=d;Username=u;Password=p"},
            "Host={postgres.host};Port={postgres.port};Database={postgres.database};"
            "Username={postgres.user};Password={postgres.password}",
            ["postgres"],
        ),
        (
            {"DSN": "u:p@tcp(db:3306)/d?parseTime=true"},
            "{mysql.user}:{mysql.password}@tcp({mysql.host}:{mysql.port})/{mysql.database}"
            "?parseTime=true",
            ["mysql"],
        ),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_one_variable(given: dict[str, str], expected: str, services: list[str]) -> None:
    """A URL, a DSN or a host with a port becomes a text with placeholders of one service."""
    links = Links()
    assert links.filled(given, lambda _: "") == {next(iter(given)): expected}
    assert [use.name for use in links.uses] == services


@pytest.mark.parametrize(
    ("given", "service"),
    [
        ({"PGHOST": "h", "PGPORT": "1", "PGUSER": "u", "PGPASSWORD": "p"}, "postgres"),
        ({"POSTGRES_SERVER": "h", "POSTGRES_USER": "u", "POSTGRES_DB": "d"}, "postgres"),
        ({"DB_HOST": "h", "DB_PORT": "5432", "DB_NAME": "d"}, "postgres"),
        ({"DB_HOST": "h", "DB_PORT": "3306", "DB_DATABASE": "d"}, "mysql"),
        ({"DB_CLIENT": "pg", "DB_HOST": "h", "DB_USER": "u"}, "postgres"),
        ({"DATABASE_ENGINE": "django.db.backends.mysql", "DATABASE_HOST": "h"}, "mysql"),
        ({"DB_HOST": "mysql-primary", "DB_USER": "u"}, "mysql"),
        ({"RABBITMQ_HOST": "h", "RABBITMQ_VHOST": "/"}, "rabbitmq"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_a_group_of_variables(given: dict[str, str], service: str) -> None:
    """Host, port, user, password and name in variables of one group are one service."""
    links = Links()
    filled = links.filled(given, lambda _: "")
    assert [use.name for use in links.uses] == [service]
    wanted = {name for name in given if not name.endswith(("CLIENT", "ENGINE"))}
    assert set(filled) == wanted
    assert all(text.startswith(f"{{{service}.") for text in filled.values())


def test_the_number_of_a_redis_database_stays() -> None:
    """Host, port and password of Redis are the lab's; the number of a database is the app's own."""
    links = Links()
    given = {"REDIS_HOST": "h", "REDIS_PORT": "6379", "REDIS_PASSWORD": "s", "REDIS_DB": "2"}
    assert links.filled(given, lambda _: "") == {
        "REDIS_HOST": "{redis.host}",
        "REDIS_PORT": "{redis.port}",
        "REDIS_PASSWORD": "{redis.password}",
    }


def test_the_kind_of_a_group_may_come_from_compose() -> None:
    """A host that Compose declares is of the kind of its image."""
    links = Links(hosts={"db": "postgres"})
    assert links.filled({"STORE_HOST": "db"}, lambda _: "") == {"STORE_HOST": "{postgres.host}"}


def test_a_database_of_unknown_kind_is_noted() -> None:
    """Where nothing says which server it is, nothing is proposed, and a note says so."""
    links = Links()
    assert links.filled({"DB_HOST": "h", "DB_USER": "u"}, lambda _: "in .env") == {}
    assert links.notes == ["DB_HOST, DB_USER in .env: not known which kind of server this is"]


def test_one_server_is_one_service() -> None:
    """Two variables for one address share a service; another address is another service."""
    links = Links()
    given = {
        "A_URL": "postgresql://u@db:5432/a",
        "B_URL": "postgresql://u@db/b",
        "C_URL": "postgresql://u@localhost/c",
        "D_URL": "postgresql://u@replica/d",
    }
    filled = links.filled(given, lambda _: "")
    assert [*filled.values()] == ["{postgres.url}"] * 3 + ["{postgres-2.url}"]


@pytest.mark.parametrize(
    "value",
    ["mongodb://h/d", "kafka://h:9092", "nats://h:4222"],
)
def test_a_kind_that_chaoslab_lacks_is_noted(value: str) -> None:
    """A server without a kind is not proposed, and a note names it."""
    links = Links()
    assert links.filled({"X_URL": value}, lambda _: "") == {}
    assert "by hand" in links.notes[0]
    assert links.uses == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "debug"),
        ("HTTP_PROXY", "http://proxy:3128"),
        ("DOCKER_HOST", "tcp://127.0.0.1:2375"),
        ("BASE_URL", "http://localhost:8000"),
        ("SQLITE_URL", "sqlite:///app.db"),
        ("GREETING", "host = me, port = none"),
        ("BROKEN", "postgres://[::1"),
        ("TEMPLATE", "{{ a }} {b}"),
        ("TIME", "12:30"),
    ],
)
def test_other_variables_stay(name: str, value: str) -> None:
    """What names no server of the app gets no placeholder and no service."""
    links = Links()
    filled = links.filled({name: value}, lambda _: "")
    assert filled == {} or links.uses[0].server.name == "postgres"
    assert name == "BROKEN" or not links.uses


def test_options_that_are_left_out_are_noted() -> None:
    """TLS and further options of a URL are not kept, and a note says which."""
    links = Links()
    links.filled({"U": "postgresql://u:p@h/d?sslmode=require&schema=x"}, lambda _: "")
    assert "sslmode, schema" in links.notes[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("uvicorn a:b --host 0.0.0.0 --port 8000", "uvicorn a:b --host {host} --port {port}"),
        ("gunicorn -b 0.0.0.0:8000 a:b", "gunicorn -b {host}:{port} a:b"),
        ("gunicorn --bind=:8000 a:b", "gunicorn --bind={host}:{port} a:b"),
        ("node s.js --port=3000", "node s.js --port={port}"),
        ("python manage.py runserver 0.0.0.0:8000", "python manage.py runserver {host}:{port}"),
        ("app --db redis://h/1", "app --db redis://{redis.host}:{redis.port}/1"),
        ("app {x}", "app {{x}}"),
        ("psql 127.0.0.1:5432", "psql 127.0.0.1:5432"),
        ("uvicorn a:b", "uvicorn a:b"),
    ],
)
def test_words_of_a_command(words: str, expected: str) -> None:
    """The app's own address and the URLs of servers become placeholders; braces are doubled."""
    assert filled_words(words.split(), Links()) == tuple(expected.split())


@pytest.mark.parametrize(
    ("words", "expected", "services"),
    [
        (
            "serve --redis-host cache --redis-port=6380 --tls --port 80",
            "serve --redis-host {redis.host} --redis-port={redis.port} --tls --port {port}",
            ["redis"],
        ),
        (
            "serve -db-host localhost -db-port 5432 -db-user u",
            "serve -db-host {postgres.host} -db-port {postgres.port} -db-user {postgres.user}",
            ["postgres"],
        ),
        ("serve --host localhost --port 6379", "serve --host {host} --port {port}", []),
        ("serve --redis-port 6379", "serve --redis-port 6379", []),
    ],
)
def test_options_that_hold_one_address_together(
    words: str, expected: str, services: list[str]
) -> None:
    """As variables of one group do; an address needs a host."""
    links = Links()
    assert filled_words(words.split(), links) == tuple(expected.split())
    assert [use.name for use in links.uses] == services


@pytest.mark.parametrize(
    "words",
    [
        "serve --http-addr {host}:{port} --grpc-addr {host}:{port:grpc}",
        "serve --grpc-addr={host}:{port:grpc} --http-addr={host}:{port}",
        "serve --bind {host}:{port} --admin-listen {host}:{port:admin}",
    ],
)
def test_each_further_address_of_the_app_has_a_port_of_its_own(words: str) -> None:
    """Else the second one finds its port in use."""
    given = re.sub(r"\{host}:\{port(:\w+)?}", "127.0.0.1:8080", words)
    short = given.replace("127.0.0.1:", ":")
    for each in (given, short):
        assert filled_words(each.split(), Links()) == tuple(words.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("serve --listen {port}", "serve --listen {port}"),
        ("serve --grpc-addr {host}:{port:g} -p 80", "serve --grpc-addr {host}:{port:g} -p {port}"),
        (
            "serve --port {port} --admin-addr :81",
            "serve --port {port} --admin-addr {host}:{port:admin}",
        ),
        (
            "serve --db-host {db.host} --db-port {db.port}",
            "serve --db-host {db.host} --db-port {db.port}",
        ),
        ("serve redis://{db.host}/3", "serve redis://{db.host}/3"),
        ("serve ${port} {{port}} {prot}", "serve ${{port}} {{{{port}}}} {{prot}}"),
        ('serve {"a":{port}}', 'serve {{"a":{port}}}'),
    ],
)
def test_placeholders_that_the_user_writes_stay(words: str, expected: str) -> None:
    """Words with them are taken as they are; other braces are doubled."""
    kept = ("port", "port:g", "host", "db.host", "db.port")
    links = Links()
    assert " ".join(filled_words(words.split(), links, kept)) == expected
    assert links.uses == []


def test_the_urls_in_a_line_for_a_shell() -> None:
    """Each URL of a server becomes a placeholder, and the rest of the line stays."""
    line = "migrate ${X} --db 'postgresql://u:p@h/d'; exec serve --cache=redis://c:6379 http://x/"
    filled = filled_words(("sh", "-c", line), Links())
    assert filled == (
        "sh",
        "-c",
        "migrate ${{X}} --db '{postgres.url}'; exec serve --cache={redis.url} http://x/",
    )


@pytest.mark.parametrize("prefix", [[], ["env"]])
def test_variables_in_front_of_a_command(prefix: list[str]) -> None:
    """Variables in front of the command are no words of it."""
    words = [*prefix, "A=1", "B=x=y", "node", "C=3"]
    assert assigned(words) == ({"A": "1", "B": "x=y"}, ("node", "C=3"))
