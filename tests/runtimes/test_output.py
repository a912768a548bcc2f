"""What an app prints goes into a pipe of the lab's: it has no file of the run, and never waits."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

from chaoslab.model.mask import Mask
from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local import LocalRuntime

from .clients import run_python, until_said

LOOKS = """
import os
for number in os.listdir("/proc/self/fd"):
    try:
        print(number, os.readlink(f"/proc/self/fd/{number}"))
    except OSError:
        pass
print(dict(os.environ), os.getcwd())
"""
# 24 MiB, far beyond what the pipe holds, and a last line.
FLOODS = """
import os
for number in range(24):
    os.write(1, (b"%06d" % number + b"x" * 57 + b"\\n") * 16384)
os.write(2, b"the end\\n")
"""
FLOODS_FOR_EVER = """
import os
while True:
    os.write(1, (b"INFO redis://h/0 " + b"x" * 70 + b"\\n") * 700)
"""
LEAVES_A_CHILD = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
print("secret-word is out")
"""


async def ran(
    folder: Path, code: str, mask: Mask | None = None
) -> tuple[int, tuple[str, ...], str]:
    """Exit code, last lines, and the log of a program, as soon as it has ended."""
    log = folder / "run" / "app-a.log"
    log.parent.mkdir()
    command = (sys.executable, "-c", code)
    async with LocalRuntime() as runtime:
        app = App(name="a", command=command)
        running = await runtime.spawn_app(
            AppStart(app=app, command=command, env={}, port=0, log=log, mask=mask or Mask())
        )
        exit_code, lines = await running.wait(), running.log_tail()
        await running.terminate()
    return exit_code, lines, log.read_text()


async def test_an_app_has_neither_a_file_of_the_run_nor_its_path(tmp_path: Path) -> None:
    """Its descriptors are the null device and one pipe; its environment does not name the file."""
    _, _, log = await ran(tmp_path, LOOKS)
    links = dict(line.split(" ", 1) for line in log.splitlines() if line[0].isdigit())
    assert links["0"] == "/dev/null"
    assert links["1"].startswith("pipe:")
    assert links["1"] == links["2"]
    assert str(tmp_path / "run") not in log


async def test_an_app_that_prints_without_end_is_not_blocked_and_its_log_is_cut(
    tmp_path: Path,
) -> None:
    """The first MiB and the last are there; its very last line is known at its end."""
    exit_code, lines, log = await ran(tmp_path, FLOODS)
    assert exit_code == 0
    assert lines[-1] == "the end"
    assert log.startswith("000000x")
    assert log.endswith("the end\n")
    assert "[chaoslab left out " in log
    assert len(log) < 2 * 1024 * 1024 + 100


async def test_a_child_that_holds_the_pipe_holds_up_nothing(tmp_path: Path) -> None:
    """The end of the app is the end of its log."""
    exit_code, lines, log = await ran(tmp_path, LEAVES_A_CHILD, Mask(["secret-word"]))
    assert exit_code == 0
    assert lines == ("*** is out",)
    assert log == "*** is out\n"


async def test_each_boot_gives_back_what_its_output_took(tmp_path: Path) -> None:
    """A supervisor may start an app anew a hundred times; its last lines are still known."""
    log = tmp_path / "log"
    async with LocalRuntime() as runtime:
        port = await runtime.free_port()
        held: list[set[object]] = []  # by this process, which may close what other tests have left
        for _ in range(3):
            app = await run_python(runtime, "print('hello')", log, port)
            await app.wait()
            await app.terminate()
            assert app.log_tail() == ("hello",)
            held.append({*os.listdir("/proc/self/fd"), *threading.enumerate()})
    assert held[1] | held[2] <= held[0], "what a boot left"
    assert log.read_text() == "hello\n" * 3


async def test_a_flood_of_lines_does_not_block_the_labs_loop(tmp_path: Path) -> None:
    """Whoever wants the last lines meanwhile has them, and the thread leaves half of a core."""
    async with LocalRuntime() as runtime:
        app = await run_python(runtime, FLOODS_FOR_EVER, tmp_path / "log")
        await until_said(app, "INFO")
        waited_s = []
        for _ in range(50):  # most of them wait on a machine that runs other work
            begun_s = time.monotonic()
            assert app.log_tail(2)[0].startswith("INFO")
            waited_s.append(time.monotonic() - begun_s)
            if waited_s[-1] < 0.2:
                break
            await asyncio.sleep(0.02)
        await app.terminate(grace_s=0.1)
    assert min(waited_s) < 0.2, waited_s  # it was 0.3 s each time, and now and then 10 s
