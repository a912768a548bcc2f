"""A helper process of the local runtime, such as the proxy engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.runtimes.local import LocalRuntime


@pytest.fixture
async def runtime() -> AsyncIterator[LocalRuntime]:
    """A local runtime that is up."""
    async with LocalRuntime() as up:
        yield up


ENGINE = """
import json, sys
print(json.dumps({"listening": 1}), flush=True)
for line in sys.stdin: print("heard", line, flush=True)
print("the end", file=sys.stderr, flush=True)
"""


async def test_a_helper_says_when_it_is_ready_and_lives_while_its_input_is_open(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """One line of JSON from the engine, and a log of all it said."""
    log = tmp_path / "log"
    helper = await runtime.spawn_helper(command=(sys.executable, "-c", ENGINE), env={}, log=log)
    assert json.loads(await helper.readline(10.0)) == {"listening": 1}
    with pytest.raises(ServiceFailed, match="sent nothing for"):
        await helper.readline(0.05)
    assert await helper.terminate() in (0, -signal.SIGTERM)
    assert '{"listening": 1}' in log.read_text()


async def test_a_helper_that_dies_is_said_with_its_last_words(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """Not a time-out, and not a missing line."""
    command = (sys.executable, "-c", "import sys; sys.exit('no such module: engine')")
    helper = await runtime.spawn_helper(command=command, env={}, log=tmp_path / "log")
    with pytest.raises(ServiceFailed, match=r"exit status 1(.|\n)*no such module: engine"):
        await helper.readline(10.0)


async def test_a_helper_whose_output_nobody_reads_does_not_block(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """A chatty proxy must not stall the network when its pipe would be full."""
    code = "print('x' * 2_000_000); print('done', flush=True); import sys; sys.stdin.read()"
    log = tmp_path / "log"
    helper = await runtime.spawn_helper(command=(sys.executable, "-c", code), env={}, log=log)
    end_s = now_s() + 10.0
    while not log.exists() or not log.read_bytes().endswith(b"done\n"):
        assert now_s() < end_s
        await asyncio.sleep(0.01)
    await helper.terminate()


async def test_a_helper_whose_start_is_cancelled_leaves_no_pipe_open(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """Nobody else would close it, and Python warns of that when all is over."""
    before = open_pipes()
    command = (sys.executable, "-c", ENGINE)
    starting = asyncio.create_task(
        runtime.spawn_helper(command=command, env={}, log=tmp_path / "log")
    )
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await asyncio.sleep(0)
    assert starting.cancelled()
    assert open_pipes() == before


def open_pipes() -> set[str]:
    """The pipes that this process holds."""
    links = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.add(os.readlink(f"/proc/self/fd/{name}"))
    return {link for link in links if link.startswith("pipe:")}
