"""Makes docs/errors.md, the page of all error codes.

`python -m chaoslab.report.errors_page` prints it. A test checks that the page is up to date.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from chaoslab.errors import ErrorCode
from chaoslab.report.reasons_page import page

HEAD = """\
# Errors and their codes

An error of chaoslab is a list of problems. Each problem has a code, data, and a text made from
both. Most also have the place (`where`), what was `expected`, what it `got`, the `fix`, or the last
`lines` of a log. Codes and names of data are stable; a text may change at any time.

Programs read the codes in:

- `error.problems` in Python;
- `problems` of a scenario in the gate's `verdict.json`;
- the property `error.codes` of a test case in the gate's `junit.xml`;
- the property `chaos_problems` (JSON) in the file that pytest's own `--junitxml` writes;
- the last line of a failed command: `codes: file.unreadable`.

A mistake of the user ends a command with exit code 2, every other error with 1.

This page is made by `python -m chaoslab.report.errors_page`.
"""


def error_codes() -> tuple[ErrorCode, ...]:
    """All error codes of chaoslab, sorted by name.

    The function imports the modules of chaoslab, so the optional packages must be installed.
    """
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
