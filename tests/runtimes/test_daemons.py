"""What an app leaves running: found by what it inherited, reported, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import chaoslab
from chaoslab.machine import reaper
from chaoslab.machine.births import of_boot, remove_birthmark, set_birthmark
from chaoslab.runtimes.base import RunningApp
from chaoslab.runtimes.local import LocalRuntime, leftovers

from .clients import run_python, until_said
from .test_contract import gone

SOURCES = Path(chaoslab.__file__).parent.parent

# A daemon as the textbook has it: forked twice, in a session of its own, away from its parent; and
# started anew with an empty environment, at the root of the file system, under another name.
DAEMON = """
import os, signal, subprocess, sys, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.write(write, str(os.getpid()).encode())
    word = "import time; open('/proc/self/comm', 'w').write('my-daemon'); time.sleep(60)"
    os.execve(sys.executable, [sys.executable, "-S", "-c", word], {})
os.wait()
pid = int(os.read(read, 20))
while b"my-daemon" not in open(f"/proc/{pid}/comm", "rb").read():
    time.sleep(0.01)
print("daemon", pid, flush=True)
"""
SERVES_ON = DAEMON + "time.sleep(60)"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES_ON
ENDS_IN_TIME = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(0.1)"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("started", flush=True)
time.sleep(60)
"""


async def daemon_of(app: RunningApp) -> int:
    await until_said(app, "daemon")
    return int(app.log_tail(1)[0].split()[1])


@pytest.mark.parametrize("code", [SERVES_ON, IGNORES_SIGTERM], ids=["SIGTERM", "SIGKILL"])
async def test_a_daemon_that_an_app_leaves_is_named_and_ended(code: str, tmp_path: Path) -> None:
    """Session, parent and environment are not those of the app any more."""
    async with LocalRuntime() as runtime:
        app = await run_python(runtime, code, tmp_path / "log")
        daemon = await daemon_of(app)
        await app.terminate(grace_s=0.3)
        await gone([daemon])
        assert [(left.pid, left.name, left.ended) for left in app.left_running] == [
            (daemon, "my-daemon", True)
        ]


async def test_a_daemon_of_an_app_that_has_ended_by_itself_is_found_too(tmp_path: Path) -> None:
    """An app may do all of its work in one."""
    async with LocalRuntime() as runtime:
        app = await run_python(runtime, DAEMON, tmp_path / "log")
        daemon = await daemon_of(app)
        assert await app.wait() == 0
        await app.terminate()
        assert [left.pid for left in app.left_running] == [daemon]


async def test_one_boots_daemon_is_not_anothers(tmp_path: Path) -> None:
    """The end of one boot ends no process of the next."""
    async with LocalRuntime() as runtime:
        one = await run_python(runtime, SERVES_ON, tmp_path / "one")
        other = await run_python(runtime, SERVES_ON, tmp_path / "other")
        mine, theirs = await daemon_of(one), await daemon_of(other)
        await one.terminate()
        assert [left.pid for left in one.left_running] == [mine]
        assert reaper.look(theirs) is not None


async def test_a_child_that_ends_after_its_parent_is_not_left_running(tmp_path: Path) -> None:
    """A worker may need a moment."""
    async with LocalRuntime() as runtime:
        app = await run_python(runtime, ENDS_IN_TIME, tmp_path / "log")
        await until_said(app, "started")
        await app.terminate()
        assert app.left_running == ()


LAB = """
import asyncio, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from chaoslab.runtimes.local import LocalRuntime
from runtimes.clients import run_python
from runtimes.test_daemons import SERVES_ON, daemon_of
async def main():
    async with LocalRuntime() as runtime:
        app = await run_python(runtime, SERVES_ON, Path({log!r}))
        print(await daemon_of(app), runtime.folder, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_daemon_goes_with_a_lab_that_is_killed(tmp_path: Path) -> None:
    """The dead-man's switch finds it by the same mark of its birth."""
    daemon, _ = await asyncio.to_thread(_killed_lab, tmp_path / "log")
    await gone([daemon])


async def test_a_daemon_of_a_lab_that_died_with_its_switch_is_cleaned_away(tmp_path: Path) -> None:
    """`chaoslab clean` finds the lab by its folder, and the daemon by the lab."""
    daemon, folder = await asyncio.to_thread(_killed_lab, tmp_path / "log", with_switch=True)
    assert reaper.look(daemon) is not None
    (left,) = (each for each in leftovers.find().leftovers if folder in each.what)
    assert left.remove() == ""
    await gone([daemon])


def _killed_lab(log: Path, *, with_switch: bool = False) -> tuple[int, str]:
    """A daemon, and the folder of the lab that was killed while it lived."""
    paths = [str(SOURCES), str(Path(__file__).parent.parent)]
    code = LAB.format(paths=paths, log=str(log))
    lab = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    with lab, lab.stdout:
        daemon, folder = lab.stdout.readline().split()
        assert reaper.look(int(daemon)) is not None
        if with_switch:
            os.kill(_switch_of(lab.pid, folder), signal.SIGKILL)
        lab.send_signal(signal.SIGKILL)
    return int(daemon), folder


def _switch_of(lab: int, folder: str) -> int:
    children = (p.pid for p in reaper.all_processes().values() if p.parent == lab)
    commands = ((pid, Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")) for pid in children)
    return next(pid for pid, words in commands if folder.encode() in words)


def test_a_birthmark_is_inherited_and_can_be_removed() -> None:
    """By every process that is started from then on; a lab within a lab has its own."""
    marks = reaper.birthmarks("CHAOSLAB_LAB_12_0000abcd=1")
    sleeps = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeps) as process:
        try:
            assert reaper.birthmark(process.pid) == 0
            set_birthmark([process.pid], marks[3])
            assert reaper.birthmark(process.pid) == marks[3]
            remove_birthmark(process.pid)
            assert reaper.birthmark(process.pid) == 0
        finally:
            process.kill()
    assert len(marks) == 1 << 16
    assert marks[-1] < reaper.birthmarks("CHAOSLAB_LAB_12_0000abce=1")[0]


@pytest.mark.parametrize("mark", ["", "no lab's"])
def test_what_is_no_labs_mark_has_no_birthmarks(mark: str) -> None:
    """A process without one is never taken for a lab's."""
    assert not reaper.birthmarks(mark)
    assert reaper.birthmark(os.getpid()) == 0


def test_a_stranger_that_was_given_an_ended_boots_number_is_not_its_rest() -> None:
    """An app may have ended long ago, and numbers are given anew; what it left keeps its own."""
    # One write a process: two writes of two processes may mix in the pipe.
    sleeps = "import os, time; os.fork(); os.write(1, b'%d\\n' % os.getpid()); time.sleep(60)"
    command = [sys.executable, "-S", "-c", sleeps]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        both = {int(process.stdout.readline()) for _ in range(2)}
        try:
            assert process.pid in both
            assert of_boot(process.pid, 0) == {}
            process.kill()
            process.wait()
            assert of_boot(process.pid, 0).keys() == both - {process.pid}
        finally:
            for pid in both:
                reaper.send(pid, signal.SIGKILL)
