"""Calls what a scenario hands in: its own steps and probes."""

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
    """It raised, or did not end in its time; the text says which."""


async def called(call: Callable[..., object], scene: Scene, timeout_s: float) -> object:
    """What it returns; a function runs in a thread, so that the lab keeps its times.

    Raises CallFailed. A thread that does not end in time is left behind: nothing can end it.
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
    except BaseException as error:  # pytest's own failures are no Exception
        raise CallFailed(_text(error)) from error


def _takes_one(call: Callable[..., object]) -> bool:
    try:
        inspect.signature(call).bind(None)
    except (TypeError, ValueError):
        return False
    return True


async def _in_thread(call: Callable[..., object], arguments: tuple[object, ...]) -> object:
    """Its result from a thread that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[object] = loop.create_future()

    def work() -> None:
        try:
            result, failed = call(*arguments), None
        except BaseException as error:  # whatever it is, the lab must hear of it
            result, failed = None, error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    def settle(result: object, failed: BaseException | None) -> None:
        if future.done():
            return
        if failed is None:
            future.set_result(result)
            return
        told = CallFailed(_text(failed))
        told.__cause__ = failed
        future.set_exception(told)

    Thread(target=work, name="chaoslab scenario", daemon=True).start()
    return await future


def _text(error: BaseException) -> str:
    return as_text(one_line(f"{type(error).__name__}: {error}".rstrip(": ")))


def kept(value: object) -> str | int | float | bool | None:
    """What a probe returned, as the history keeps it: a number as it is, all else as text, cut."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return as_text(one_line(str(value)))
