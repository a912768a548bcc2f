"""What is made once per machine: by whom, where, and what a killed run leaves of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.machine import places
from chaoslab.machine.once import once
from chaoslab.machine.places import NOBODY, cache_folder, lab_folder, reachable
from chaoslab.machine.process import Identity
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services.postgres.local import PROGRAM
from chaoslab.services.postgres.template import within_reach
from chaoslab.services.programs import ServerBinary

from .clients import Client
from .conftest import POSTGRES

NOBODY_AT_ALL = Identity(uid=NOBODY, gid=NOBODY)
ONE_LAB = """
import asyncio
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.model.topology import Service
async def main():
    async with LocalRuntime() as runtime:
        await runtime.start_service(Service(name="postgres", kind="postgres"))
        print("up", flush=True)
asyncio.run(main())
"""
# Stands still with the template half made: the cluster is there, its archive is not.
HALF_A_LAB = """
import time
from chaoslab.services.postgres import template as cache
made = cache._make_cluster
def half(*given):
    made(*given)
    print("half", flush=True)
    time.sleep(60)
cache._make_cluster = half
"""


def one_lab(folder: Path, code: str = ONE_LAB) -> subprocess.Popen[bytes]:
    """A test process with a cache of its own that starts one PostgreSQL."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"CHAOSLAB_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
    )


def templates(folder: Path) -> list[str]:
    """Everything in a cache but the locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_parallel_workers_make_one_template_between_them(tmp_path: Path) -> None:
    """Three that start at once, with an empty cache, all come up on the same one."""
    workers = [one_lab(tmp_path) for _ in range(3)]
    assert [worker.communicate(timeout=120)[0] for worker in workers] == [b"up\n"] * 3
    assert len(templates(tmp_path)) == 1
    assert templates(tmp_path)[0].startswith(f"postgres-data-{PROGRAM.find().number}-")


def test_a_run_that_is_killed_while_it_makes_the_template_does_no_harm(tmp_path: Path) -> None:
    """The next one makes it, and waits for no lock."""
    killed = one_lab(tmp_path, HALF_A_LAB + ONE_LAB)
    with killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"half\n"
        assert list(tmp_path.glob("*.lock"))
        killed.send_signal(signal.SIGKILL)
    assert not [name for name in templates(tmp_path) if not name.endswith(".part")]
    next_one = one_lab(tmp_path)
    assert next_one.communicate(timeout=120)[0] == b"up\n"
    assert len(templates(tmp_path)) == 1


def test_half_a_template_is_thrown_away(tmp_path: Path) -> None:
    """Only what was finished gets its name."""
    place = tmp_path / "pgdata"
    half = tmp_path / "pgdata.part"
    half.mkdir()
    (half / "rubbish").touch()

    def make(part: Path) -> None:
        part.mkdir()
        (part / "good").touch()

    once(place, make)
    assert [path.name for path in place.iterdir()] == ["good"]
    assert not half.exists()
    once(place, lambda _: pytest.fail("it is there already"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as pytest's own are not."""
    made = Path("/var/tmp", f"chaoslab-test-cache-{os.getpid()}")
    made.mkdir()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def test_a_broken_installation_is_reported_with_initdbs_output(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a time-out later on."""
    for name, body in (
        ("postgres", "echo 'postgres (PostgreSQL) 16.1'"),
        ("initdb", "echo 'initdb: error: could not find share'; exit 1"),
    ):
        (open_folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (open_folder / name).chmod(0o755)
    monkeypatch.setenv("CHAOSLAB_POSTGRES_BIN", str(open_folder))
    monkeypatch.setenv("CHAOSLAB_CACHE_DIR", str(open_folder / "cache"))
    async with LocalRuntime() as runtime:
        with pytest.raises(
            ServiceFailed, match=r"initdb(.|\n)*choose another(.|\n)*could not find share"
        ):
            await runtime.start_service(POSTGRES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_programs_out_of_reach_are_copied_to_where_the_server_can_run_them(
    tmp_path: Path, open_folder: Path
) -> None:
    """As when a wheel lies below root's home, which is closed to others."""
    (tmp_path / "bin").mkdir()
    hidden = tmp_path / "bin" / "postgres"
    hidden.write_text("#!/bin/sh\n")
    hidden.chmod(0o700)
    tmp_path.chmod(0o700)
    binary = ServerBinary(path=hidden, product="PostgreSQL", number="16.1", origin="wheel")
    assert not reachable(hidden, NOBODY_AT_ALL)
    found = within_reach(binary, NOBODY_AT_ALL, open_folder)
    assert reachable(found, NOBODY_AT_ALL)
    assert found.read_text() == "#!/bin/sh\n"
    assert within_reach(binary, Identity(), open_folder) == hidden
    with pytest.raises(RuntimeUnavailable, match="set CHAOSLAB_CACHE_DIR to a folder that every"):
        within_reach(binary, NOBODY_AT_ALL, tmp_path)
    # Beside other things than its own installation it is not copied, and they are not either.
    alone = replace(binary, path=hidden.rename(tmp_path / "postgres"))
    with pytest.raises(RuntimeUnavailable, match="or make the folders above the program"):
        within_reach(alone, NOBODY_AT_ALL, open_folder)


def test_the_cache_can_be_named_and_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CHAOSLAB_CACHE_DIR wins over everything."""
    monkeypatch.setenv("CHAOSLAB_CACHE_DIR", str(tmp_path / "a" / "b"))
    assert cache_folder(Identity()) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAOSLAB_CACHE_DIR", str(tmp_path / "file" / "c"))
    with pytest.raises(RuntimeUnavailable, match=r"cannot make .*\n.*set CHAOSLAB_CACHE_DIR"):
        cache_folder(Identity())


def test_the_cache_lies_in_the_home_unless_the_server_cannot_get_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's home is closed to the user who runs PostgreSQL for root."""
    monkeypatch.delenv("CHAOSLAB_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    tmp_path.chmod(0o700)
    assert cache_folder(Identity()) == tmp_path / ".cache" / "chaoslab"
    somebody = Identity(uid=NOBODY - 1, gid=NOBODY - 1)
    assert cache_folder(somebody) == Path(f"/var/tmp/chaoslab-{os.geteuid()}")


def test_a_lab_lies_in_memory_only_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers often have 64 MB there."""
    monkeypatch.setattr(places, "_MEMORY", tmp_path)
    monkeypatch.setattr(places, "_ROOM_BYTES", 1)
    assert lab_folder("x") == tmp_path / "chaoslab-x"
    monkeypatch.setattr(places, "_ROOM_BYTES", 1 << 62)
    assert lab_folder("x").parent != tmp_path
    monkeypatch.setattr(places, "_MEMORY", tmp_path / "missing")
    assert lab_folder("x").name == "chaoslab-x"


async def test_a_tight_umask_does_not_shut_the_server_out() -> None:
    """The server's user must pass through folders that were made with it."""
    before = os.umask(0o077)
    try:
        async with LocalRuntime() as runtime:
            running = await runtime.start_service(POSTGRES)
            async with Client(running) as client:
                await client.keep("word")
    finally:
        os.umask(before)
