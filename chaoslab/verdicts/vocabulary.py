"""All codes that the reasons of verdicts can have, as docs/reasons.md lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from chaoslab import behaviour, evidence, expectations, faults, history, verdicts
from chaoslab.errors import ErrorCode
from chaoslab.reason import Code
from chaoslab.registry import kinds

ROOMS = (
    behaviour,
    evidence,
    expectations,
    faults,
    history,
    verdicts,
)  # the packages that make reasons


def codes() -> tuple[Code, ...]:
    """The codes of chaoslab itself, sorted by name. Each is a constant of a module."""
    return _sorted(module for room in ROOMS for module in _modules(room))


def known_codes() -> Mapping[str, Code]:
    """Maps the name of each code to the code: the codes of chaoslab itself, and those in modules of
    installed extensions.
    """
    installed = (*kinds().faults.values(), *kinds().expectations.values())
    others = [importlib.import_module(kind.__module__) for kind in installed]
    own = (module for room in ROOMS for module in _modules(room))
    return {code.name: code for code in _sorted((*own, *others))}


def _modules(room: ModuleType) -> Iterator[ModuleType]:
    yield room
    for found in pkgutil.walk_packages(room.__path__, prefix=f"{room.__name__}."):
        yield importlib.import_module(found.name)


def _sorted(modules: Iterable[ModuleType]) -> tuple[Code, ...]:
    """The codes of `modules`, each once, sorted by name."""
    found = {
        id(value): value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Code) and not isinstance(value, ErrorCode)
    }
    return tuple(sorted(found.values(), key=lambda code: code.name))
