"""Fails a test that called `chaos.run(…)` but did not await it until its end."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from chaoslab.printable import each_line

if TYPE_CHECKING:
    from asyncio import Task

    from chaoslab.results import Result


# Of each test: the coroutines that its calls of chaos.run(…) returned, and the tasks that run them
CALLED: pytest.StashKey[list[Coroutine[Any, Any, Result]]] = pytest.StashKey()
BEGUN: pytest.StashKey[list[Task[Any]]] = pytest.StashKey()
_UNREAD = "_log_traceback"  # an attribute of a task: it failed, and its exception was not read


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run the test; fail it if it did not await a `chaos.run(…)` that it called, whose result is
    then not known.
    """
    try:
        result = yield
    except BaseException:
        _not_awaited(item)
        raise
    if why := _not_awaited(item):
        pytest.fail(why, pytrace=False)
    return result


def _not_awaited(item: pytest.Item) -> str:
    """A text on the `chaos.run(…)` that the test did not await; empty if it awaited all of them.

    A coroutine that was never started is closed here, so that Python prints no warning about it.
    """
    states = []
    for called in item.stash.get(CALLED, []):
        states.append(inspect.getcoroutinestate(called))
        if states[-1] == inspect.CORO_CREATED:
            called.close()
    if inspect.CORO_CREATED in states:
        return "chaos.run(…) was not awaited, no scenario ran: write `await chaos.run(…)`"
    if any(state != inspect.CORO_CLOSED for state in states):
        return "the test ended before chaos.run(…) did: write `await chaos.run(…)`"
    for task in item.stash.get(BEGUN, []):
        if task.done() and getattr(task, _UNREAD, False):
            why = f"chaos.run(…) ended, but the test did not await it: {task.exception()}"
            return each_line(why)
    return ""


def own_task() -> Task[Any]:
    """The current asyncio task. Fails the test if no asyncio event loop is running."""
    import asyncio

    with suppress(RuntimeError):
        if (task := asyncio.current_task()) is not None:
            return task
    pytest.fail(
        "chaos.run(…) requires a running asyncio event loop: use pytest-asyncio, "
        "or anyio with its asyncio backend; trio is unsupported",
        pytrace=False,
    )
