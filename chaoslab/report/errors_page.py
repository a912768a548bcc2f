"""docs/errors.md: every code of the lab's own errors. `python -m chaoslab.report.errors_page`
prints it; a test compares the page with what this prints.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from chaoslab.errors import ErrorCode
from chaoslab.report.reasons_page import page

HEAD = """\
# Errors: the codes of what stops the lab

An error of chaoslab is a list of problems. Each has a code, data, a text made from both, and where
they help: its place (`where`), what was `expected`, what it `got`, the `fix`, and the last `lines`
of a log. Programs read codes and data: `error.problems` in Python, `problems` in the gate's
`verdict.json`. Codes and names of data are stable; a text may be improved at any time.

A mistake of the user ends a command with exit code 2, every other error with 1.

This page is made by `python -m chaoslab.report.errors_page`.
"""


def error_codes() -> tuple[ErrorCode, ...]:
    """The codes of chaoslab itself, by their names; imports every module, so the extras as well."""
    found = {
        id(value): value
        for module in _modules()
        for value in vars(module).values()
        if isinstance(value, ErrorCode)
    }
    return tuple(sorted(found.values(), key=lambda code: code.name))


def _modules() -> Iterator[ModuleType]:
    top = importlib.import_module(__package__.partition(".")[0])
    for found in pkgutil.walk_packages(top.__path__, prefix=f"{top.__name__}."):
        if not found.name.startswith("chaoslab.reference") and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


if __name__ == "__main__":
    print(page(error_codes(), HEAD), end="")
