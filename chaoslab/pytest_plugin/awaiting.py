"""Fails a test that called `chaos.run(…)` or `chaos.how_long(…)` but did not await the call until
its end.
"""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from chaoslab.printable import each_line

if TYPE_CHECKING:
    from asyncio import Task


# Of each test: the coroutines that its calls of `chaos` returned, and the tasks that run them, each
# with the name of what was called, as in `run`
CALLED: pytest.StashKey[list[tuple[str, Coroutine[Any, Any, Any]]]] = pytest.StashKey()
BEGUN: pytest.StashKey[list[tuple[str, Task[Any]]]] = pytest.StashKey()
_UNREAD = "_log_traceback"  # an attribute of a task: it failed, and its exception was not read


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run the test; fail it if it did not await a call of `chaos`: its result is then not known."""
    try:
        result = yield
    except BaseException:
        _not_awaited(item)
        raise
    if why := _not_awaited(item):
        pytest.fail(why, pytrace=False)
    return result


def _not_awaited(item: pytest.Item) -> str:
    """A text on a call of `chaos` that the test did not await; empty if it awaited all of them.

    A coroutine that was never started is closed here, so that Python prints no warning about it.
    """
    states = []
    for name, called in item.stash.get(CALLED, []):
        states.append((inspect.getcoroutinestate(called), name))
        if states[-1][0] == inspect.CORO_CREATED:
            called.close()
    for state, name in states:
        if state == inspect.CORO_CREATED:
            call = f"chaos.{name}(…)"
            return f"{call} was not awaited, no scenario ran: write `await {call}`"
    for state, name in states:
        if state != inspect.CORO_CLOSED:
            return f"the test ended before chaos.{name}(…) did: write `await chaos.{name}(…)`"
    for name, task in item.stash.get(BEGUN, []):
        if task.done() and getattr(task, _UNREAD, False):
            why = f"chaos.{name}(…) ended, but the test did not await it: {task.exception()}"
            return each_line(why)
    return ""


def own_task(name: str) -> Task[Any]:
    """The current asyncio task, which runs the call `name` of `chaos`. Fails the test if no asyncio
    event loop is running.
    """
    import asyncio

    with suppress(RuntimeError):
        if (task := asyncio.current_task()) is not None:
            return task
    pytest.fail(
        f"chaos.{name}(…) requires a running asyncio event loop: use pytest-asyncio, "
        "or anyio with its asyncio backend; trio is unsupported",
        pytrace=False,
    )
