"""Why the kernel would not execute a program, found without executing it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path


def execution_error(program: str, *, folder: Path, env: Mapping[str, str]) -> OSError | None:
    """The error with which `subprocess.Popen` would fail to execute `program` in `folder`; None if
    it finds none.

    A name without a slash is searched on the PATH of `env`, as `execvpe` does.
    """
    if "/" in program:
        return _error_of(folder / program, program)
    refused, last = None, _error(errno.ENOENT, program)
    for place in os.get_exec_path(env):
        error = _error_of(folder / place / program, program)
        if error is None:
            return None
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            refused = refused or error
        last = error
    return refused or last


def _error_of(file: Path, program: str) -> OSError | None:
    try:
        found = file.stat()
    except OSError as error:
        return _error(error.errno or errno.ENOENT, program)
    if not stat.S_ISREG(found.st_mode) or not os.access(file, os.X_OK):
        return _error(errno.EACCES, program)
    return None if _has_interpreter(file) else _error(errno.ENOENT, program)


def _has_interpreter(file: Path) -> bool:
    """Whether the interpreter in the first line of a script exists. True for any other file: a
    script of a virtual environment that was moved is the usual case of False.
    """
    try:
        with file.open("rb") as script:
            first = script.readline(256)
    except OSError:  # it may be executed, but not read
        return True
    # The kernel splits at blanks alone: a carriage return is part of the name.
    line = first[2:].strip(b" \t\n") if first.startswith(b"#!") else b""
    return not line or os.path.exists(re.split(b"[ \t]", line, maxsplit=1)[0])


def _error(number: int, program: str) -> OSError:
    return OSError(number, os.strerror(number), program)
