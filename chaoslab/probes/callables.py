"""Calls the functions of a scenario: its steps and its custom probes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from chaoslab.model.steps import Scene
from chaoslab.printable import one_line
from chaoslab.probes.base import as_text


class CallFailed(Exception):
    """The function raised an error or did not end in time. The text says which."""


async def called(call: Callable[..., object], scene: Scene, timeout_s: float) -> object:
    """Call a function of the scenario and return its result; `scene` is passed if the function
    takes an argument.

    A function that is not a coroutine runs in a thread, so that it does not delay the lab. If it
    does not end in time, its thread keeps running: Python cannot stop one. Raises CallFailed if the
    function raises an error or does not end within `timeout_s`.
    """
    arguments = (scene,) if _takes_one(call) else ()
    try:
        async with asyncio.timeout(timeout_s) as limit:
            if inspect.iscoroutinefunction(call):
                return await call(*arguments)
            result = await _in_thread(call, arguments)
            return await result if inspect.isawaitable(result) else result
    except CallFailed:
        raise
    except TimeoutError as error:
        if not limit.expired():
            raise CallFailed(_text(error)) from error
        raise CallFailed(f"did not end within {timeout_s:g} s") from error
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:  # pytest.fail and pytest.skip raise no Exception
        raise CallFailed(_text(error)) from error


def _takes_one(call: Callable[..., object]) -> bool:
    try:
        inspect.signature(call).bind(None)
    except (TypeError, ValueError):
        return False
    return True


async def _in_thread(call: Callable[..., object], arguments: tuple[object, ...]) -> object:
    """Call a function in a daemon thread, which does not keep the process alive, and return its
    result.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[object] = loop.create_future()

    def work() -> None:
        try:
            result, failed = call(*arguments), None
        except BaseException as error:  # it is raised in the lab's task
            result, failed = None, error
        with suppress(RuntimeError):  # the loop is closed, and nobody waits for the result
            loop.call_soon_threadsafe(settle, result, failed)

    def settle(result: object, failed: BaseException | None) -> None:
        if future.done():
            return
        if failed is None:
            future.set_result(result)
            return
        error = CallFailed(_text(failed))
        error.__cause__ = failed
        future.set_exception(error)

    Thread(target=work, name="chaoslab scenario", daemon=True).start()
    return await future


def _text(error: BaseException) -> str:
    return as_text(one_line(f"{type(error).__name__}: {error}".rstrip(": ")))


def recordable(value: object) -> str | int | float | bool | None:
    """The result of a probe as the history can hold it: None, booleans and numbers unchanged,
    everything else as text, cut.

    A number that JSON cannot hold exactly is also made a text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return as_text(one_line(str(value)))
