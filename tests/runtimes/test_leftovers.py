"""What is left of a lab when its test process dies: nothing, within five seconds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import chaoslab
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine import reaper
from chaoslab.machine.places import NOBODY
from chaoslab.machine.process import Identity
from chaoslab.machine.sockets import tree
from chaoslab.runtimes.local import LocalRuntime

from .clients import connects, run_python
from .conftest import POSTGRES
from .ordinary_user import environment_of, folder_of, python_of

LIMIT_S = 5.0
SCRIPT = Path(__file__).with_name("lab_process.py")
SOURCES = Path(chaoslab.__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A lab in a process of its own, and what it printed that it made."""

    process: subprocess.Popen[str]
    pids: list[int]
    ports: list[int]
    folder: Path
    uid: int


def bring_up(folder: Path, identity: Identity, *kinds: str) -> Lab:
    """Start `lab_process.py` as that user and wait until everything runs."""
    process = subprocess.Popen(
        [python_of(identity), str(SCRIPT), str(folder), *kinds],
        env=environment_of(identity),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        user=identity.uid,
        group=identity.gid,
        extra_groups=() if identity.drops else None,
    )
    assert process.stdout is not None
    made = json.loads(process.stdout.readline())
    return Lab(
        process=process,
        pids=made["pids"],
        ports=made["ports"],
        folder=Path(made["folder"]),
        uid=made["uid"],
    )


@pytest.fixture(params=["self", "nobody"])
def identity(request: pytest.FixtureRequest) -> Identity:
    """The user who runs the tests, and for root an ordinary one as well."""
    if request.param == "self":
        return Identity()
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    return Identity(uid=NOBODY, gid=NOBODY)


@pytest.fixture
def folder(identity: Identity) -> Iterator[Path]:
    """A folder that the user can write to."""
    with folder_of(identity) as made:
        yield made


async def nothing_left(lab: Lab, limit_s: float = LIMIT_S) -> None:
    """Fail unless processes, listeners and folder are gone within the limit."""
    end_s = now_s() + limit_s
    while True:
        alive = [pid for pid in lab.pids if reaper.look(pid) is not None]
        open_ports = [port for port in lab.ports if await connects(port)]
        if not alive and not open_ports and not lab.folder.exists():
            return
        assert now_s() < end_s, (
            f"left: {alive=} {open_ports=} {lab.folder} {os.listdir('/dev/shm')}"
        )
        await asyncio.sleep(0.02)


def segments(pids: list[int]) -> int:
    """How many System V shared memory segments these processes made and left."""
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return sum(int(fields[4]) in pids for fields in map(str.split, rows))


async def test_nothing_outlives_a_sigkill_of_the_test_process(
    identity: Identity, folder: Path
) -> None:
    """Neither a frozen server, nor an orphan without its environment, nor shared memory."""
    lab = bring_up(folder, identity, "postgres", "redis")
    with lab.process:
        assert lab.uid == (os.geteuid() if identity.uid is None else identity.uid)
        assert all(reaper.look(pid) is not None for pid in lab.pids)
        assert lab.folder.is_dir()
        assert segments(lab.pids) == 1
        lab.process.kill()
    await nothing_left(lab)
    assert segments(lab.pids) == 0


async def test_nothing_outlives_a_killed_process_group(identity: Identity, folder: Path) -> None:
    """A CI job that is cancelled kills the whole group at once; the watchdog is not in it."""
    lab = bring_up(folder, identity, "redis")
    with lab.process:
        os.killpg(lab.process.pid, signal.SIGKILL)
    await nothing_left(lab)


async def test_ctrl_c_removes_everything_before_the_process_ends(folder: Path) -> None:
    """After an interrupt all is gone when the process is."""
    lab = bring_up(folder, Identity(), "postgres", "redis")
    with lab.process:
        lab.process.send_signal(signal.SIGINT)
        assert lab.process.wait(LIMIT_S) != 0
    await nothing_left(lab, limit_s=0.0)


async def test_a_fork_that_holds_the_pipe_does_not_hold_the_watchdog(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that the test's own code forked keeps the pipe open; the owner's death counts."""
    monkeypatch.setenv("TEST_FORKS", "1")
    lab = bring_up(folder, Identity(), "redis")
    with lab.process:
        while not _forked(lab):  # noqa: ASYNC110  (another process does it)
            await asyncio.sleep(0.01)
        lab.process.kill()
    await nothing_left(lab)


def _forked(lab: Lab) -> bool:
    # A fork without exec has the command line of its parent; the rest was told us.
    command = Path(f"/proc/{lab.process.pid}/cmdline").read_bytes()
    return any(
        Path(f"/proc/{pid}/cmdline").read_bytes() == command for pid in tree(lab.process.pid)[1:]
    )


async def test_a_lab_whose_watchdog_was_killed_still_cleans_up() -> None:
    """The runtime notices and does the work itself."""
    async with LocalRuntime() as runtime:
        postgres = await runtime.start_service(POSTGRES)
        folder, port, pid = runtime.folder, postgres.endpoint.port, postgres.pid
        assert pid is not None
        os.kill(_watchdog_of(folder), signal.SIGKILL)
    assert reaper.look(pid) is None
    assert not await connects(port)
    assert not folder.exists()


def _watchdog_of(folder: Path) -> int:
    for process in reaper.all_processes().values():
        if process.parent == os.getpid():
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            if str(folder).encode() in command.split(b"\0"):
                return process.pid
    pytest.fail("the lab has no watchdog")


async def test_a_lab_without_its_watchdog_starts_nothing(tmp_path: Path) -> None:
    """A clear error is better than processes that nothing would remove."""
    async with LocalRuntime() as runtime:
        watchdog = _watchdog_of(runtime.folder)
        os.kill(watchdog, signal.SIGKILL)
        while reaper.look(watchdog) is not None:  # noqa: ASYNC110  (another process ends)
            await asyncio.sleep(0.01)
        with pytest.raises(RuntimeUnavailable, match="watchdog ended with exit status -9"):
            await run_python(runtime, "import time; time.sleep(60)", tmp_path / "log")


async def test_a_failure_inside_the_lab_is_not_hidden_by_its_end() -> None:
    """The test's own error comes out, and the lab is gone."""
    runtime = LocalRuntime()
    with pytest.raises(ZeroDivisionError):
        await _fails(runtime)
    assert not runtime.folder.exists()


async def _fails(runtime: LocalRuntime) -> None:
    async with runtime:
        await runtime.start_service(POSTGRES)
        raise ZeroDivisionError


async def test_closing_a_lab_takes_a_fraction_of_a_second() -> None:
    """Measured 30 to 60 ms on 2 cores; the rest is a machine's that stalls."""
    async with LocalRuntime() as runtime:
        await runtime.start_service(POSTGRES)
        start_s = now_s()
    assert now_s() - start_s < 2.5  # below any grace that an ending server is given


async def test_a_killed_postgres_leaves_no_shared_memory_behind() -> None:
    """A crash leaves its segment to the next start; where there is none, the lab removes it."""
    async with LocalRuntime() as runtime:
        postgres = await runtime.start_service(POSTGRES)
        assert postgres.pid is not None
        pids = [postgres.pid]
        await postgres.kill()
        assert segments(pids) == 1
    assert segments(pids) == 0


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """At whatever moment: after a few, and after some tens of milliseconds."""
    for after_s in (0.0, 0.01, 0.03, 0.06, 0.1):
        async with LocalRuntime() as runtime:
            folder = runtime.folder
            task = asyncio.create_task(runtime.start_service(POSTGRES))
            await asyncio.wait([task], timeout=after_s)
            task.cancel()
            await asyncio.wait([task])
        assert not folder.exists()
        assert not reaper.members("", str(folder), {})
