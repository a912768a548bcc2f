"""Postgres, Redis and Toxiproxy as the environment names their images: stand-ins or official."""

from __future__ import annotations

import http.client
import os
import socket

import pytest
from docker_cli import Container, Starter, awaited, run, succeeded

from chaoslab import services
from chaoslab.model.topology import Images
from chaoslab.runtimes.containers.images import uses

pytestmark = pytest.mark.slow


def image(kind: str) -> str:
    """The image that the lab would use."""
    usual = uses(Images(services={name: each.image for name, each in services.kinds().items()}))
    return os.environ.get(f"CHAOSLAB_IMAGE_{kind.upper()}", usual[kind])


def asked(container: Container, question: str) -> str:
    """A query's answer, by the image's own client over TCP with the password."""
    return succeeded(
        "docker", "exec", "-e", "PGPASSWORD=s3'cret", container.name,
        "psql", "-h", "127.0.0.1", "-U", "lab", "-d", "words", "-AtqX", "-c", question,
    )  # fmt: skip


def test_postgres_keeps_its_data_over_a_stop_and_a_kill(start: Starter) -> None:
    """User, password and database from the variables; stopped in order; the same cluster again."""
    variables = ("USER=lab", "PASSWORD=s3'cret", "DB=words", "INITDB_ARGS=--no-sync")
    options = tuple(f"-ePOSTGRES_{variable}" for variable in variables)
    postgres = start(image("postgres"), options=options)

    def ready() -> bool:
        return postgres.answers("pg_isready", "-q", "-h", "127.0.0.1", "-U", "lab")

    awaited("Postgres accepts connections", ready)
    asked(postgres, "CREATE TABLE kept AS SELECT 'a word' AS word")
    succeeded("docker", "stop", "-t", "10", postgres.name)
    assert postgres.inspect("{{.State.ExitCode}}") == "0"
    succeeded("docker", "start", postgres.name)
    awaited("Postgres is back after the stop", ready)
    succeeded("docker", "kill", postgres.name)
    succeeded("docker", "start", postgres.name)
    awaited("Postgres is back after the kill", ready)
    assert asked(postgres, "SELECT word FROM kept") == "a word"


def test_postgres_without_a_password_says_so(start: Starter) -> None:
    """No server that anybody may enter by mistake."""
    postgres = start(image("postgres"))
    assert succeeded("docker", "wait", postgres.name) != "0"
    assert "POSTGRES_PASSWORD" in run("docker", "logs", postgres.name).stderr


def test_redis_answers_other_hosts_and_takes_options(start: Starter) -> None:
    """Without a password, from outside of its namespace; not as root."""
    redis = start(image("redis"), "--save", "", options=("-p", "127.0.0.1::6379"))
    awaited("Redis answers", lambda: redis.answers("redis-cli", "ping"))
    with socket.create_connection(("127.0.0.1", redis.port(6379)), timeout=5) as connection:
        connection.sendall(b"CONFIG GET save\r\n")
        assert connection.recv(100) == b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"
    told = succeeded("docker", "exec", redis.name, "grep", "^Uid:", "/proc/1/status")
    assert told.split()[1] != "0"
    succeeded("docker", "stop", "-t", "10", redis.name)
    assert redis.inspect("{{.State.ExitCode}}") == "0"


def test_toxiproxy_takes_options_and_brings_its_client(start: Starter) -> None:
    """The API from outside, the client as a health check within, metrics when asked."""
    command = ("-host=0.0.0.0", "-proxy-metrics")
    toxiproxy = start(image("toxiproxy"), *command, options=("-p", "127.0.0.1::8474"))
    awaited("Toxiproxy's client succeeds", lambda: toxiproxy.answers("/toxiproxy-cli", "list"))
    connection = http.client.HTTPConnection("127.0.0.1", toxiproxy.port(8474), timeout=5)
    for path, expected in (("/version", b'{"version": "2.12.0"}'), ("/metrics", b"# HELP")):
        connection.request("GET", path)
        assert expected in connection.getresponse().read()
    connection.close()
