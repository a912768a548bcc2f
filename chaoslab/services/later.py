"""Lets the table of kinds name functions whose modules are imported at their first call.

A driver takes up to half a second to import, and some are optional. So the table of kinds imports
none: a driver is needed only if the lab talks to a server.
"""

from __future__ import annotations

import asyncio
import importlib
from functools import reduce
from typing import Any


class Later:
    """A module that is not yet imported, or a name in it.

    Each attribute is a Later too. A call imports the module, and calls the real function.
    """

    def __init__(self, module: str, *names: str) -> None:
        self.module, self._names = module, names

    def __getattr__(self, name: str) -> Later:
        if name.startswith("_"):  # for tools that inspect every object
            raise AttributeError(name)
        return Later(self.module, *self._names, name)

    def __call__(self, *given: object, **named: object) -> Any:
        found = reduce(getattr, self._names, importlib.import_module(self.module))
        return found(*given, **named)  # type: ignore[operator]


async def loaded(function: object) -> None:
    """Import the module of a `Later`, in a thread: the import would stop the event loop, and with
    it every probe. Does nothing for any other function.
    """
    if isinstance(function, Later):
        await asyncio.to_thread(importlib.import_module, function.module)


def later(package: str, *names: str) -> tuple[Later, ...]:
    """A `Later` for each of the modules `names` in the package."""
    return tuple(Later(f"{package}.{name}") for name in names)
