"""One odd folder: what is in it, how `chaoslab init` is called there, and what must follow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

READ = ("--no-start",)  # nothing is started: the folder is read, and the file written
START = ("--yes", "--start-within", "8")
RUNS = (*START, "--", sys.executable, "-S", "app.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """An odd folder. `make` makes what is no file. `words` are the arguments of `chaoslab init`.

    The exit code must be `code`, or one of them. Each text of `says` must be in what was printed or
    in the chaoslab.toml that was written, and none of `never`. `intact` maps a path, relative to
    the folder, to what it must hold afterwards; None for nothing.

    `signals` are sent one after the other, each when its text is printed. `shell` is a line for
    `sh`, in which {init} is the command. `env` are variables of `init`; None removes one.
    """

    name: str = "shop"
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    make: Callable[[Path], None] | None = None
    words: tuple[str, ...] = READ
    code: int | tuple[int, ...] = 0
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    intact: Mapping[str, bytes | None] = field(default_factory=dict)
    signals: tuple[tuple[str, int], ...] = ()
    shell: str = ""
    env: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[int, ...]:
        """The exit codes that are right."""
        return (self.code,) if isinstance(self.code, int) else self.code


def app(text: str, **more: object) -> Odd:
    """A folder whose command runs that program of Python, which needs no module of others."""
    return Odd(files={"app.py": text}, words=RUNS, **more)  # type: ignore[arg-type]
