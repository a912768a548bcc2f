"""A helper process of the local runtime, such as the proxy engine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.runtimes.local import LocalRuntime

LIVES = "print('ready', flush=True); import sys; sys.stdin.read(); print('the end')"
DIES = "import sys; sys.exit('no such module: engine')"


@pytest.fixture
async def runtime() -> AsyncIterator[LocalRuntime]:
    """A local runtime that is up."""
    async with LocalRuntime() as up:
        yield up


async def until(holds: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Return once it holds; fail after `limit_s`."""
    end_s = now_s() + limit_s
    while not holds():
        assert now_s() < end_s
        await asyncio.sleep(0.01)


async def test_a_helper_lives_while_its_input_is_open(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """It ends when its input is closed, and its log has all of its output."""
    command = (sys.executable, "-c", LIVES)
    helper = runtime.spawn_helper("helper", command, log=tmp_path / "log")
    await until(lambda: helper.log_tail() == ("ready",))
    helper.check()
    assert helper.trouble() is None
    helper.close()
    await until(lambda: helper.trouble() is not None)
    assert helper.log_tail() == ("ready", "the end")


async def test_a_helper_that_dies_is_reported_with_its_last_lines(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    """Not as a time-out of the caller that waits for its answer."""
    command = (sys.executable, "-c", DIES)
    helper = runtime.spawn_helper("helper", command, log=tmp_path / "log")
    await until(lambda: helper.trouble() is not None)
    with pytest.raises(
        ServiceFailed, match=r"exit status 1(.|\n)*no such module: engine"
    ) as raised:
        helper.check()
    assert raised.value.code == "helper.ended"
