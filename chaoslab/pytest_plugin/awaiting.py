"""Fails a test that called `chaos.run(…)` and did not await it to its end."""

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


# Of a test: what its calls of chaos.run(…) returned, and the tasks that carry them out.
CALLED: pytest.StashKey[list[Coroutine[Any, Any, Result]]] = pytest.StashKey()
BEGUN: pytest.StashKey[list[Task[Any]]] = pytest.StashKey()
_UNASKED = "_log_traceback"  # of a task: it has failed, and nobody has read its exception


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that did not await its `chaos.run(…)`: it has tried nothing."""
    try:
        result = yield
    except BaseException:
        _not_awaited(item)
        raise
    if why := _not_awaited(item):
        pytest.fail(why, pytrace=False)
    return result


def _not_awaited(item: pytest.Item) -> str:
    """What the test did not await to its end; empty where there is nothing. Nothing that was never
    begun is left for Python to warn of.
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
        if task.done() and getattr(task, _UNASKED, False):
            why = f"chaos.run(…) ended, but the test did not await it: {task.exception()}"
            return each_line(why)
    return ""


def own_task() -> Task[Any]:
    """The task that this is part of; fails the test where there is no asyncio."""
    import asyncio

    with suppress(RuntimeError):
        if (task := asyncio.current_task()) is not None:
            return task
    pytest.fail(
        "chaos.run(…) requires a running asyncio event loop: use pytest-asyncio, "
        "or anyio with its asyncio backend; trio is unsupported",
        pytrace=False,
    )
