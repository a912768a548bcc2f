"""Where `chaoslab init` writes: its files, which replace no other unasked, and the terminal."""

from __future__ import annotations

import os
from pathlib import Path

import click

from chaoslab.errors import UNWRITABLE, ErrorCode, Problem, SpecError
from chaoslab.printable import each_line

TOPOLOGY, SCENARIO = "chaoslab.toml", "scenarios/test_outage.py"
EXISTS = ErrorCode(
    "init.file_exists", "it exists", "`chaoslab init` does not replace a file unasked."
)


def may_write(path: Path, *, force: bool, asks: bool) -> bool:
    """Whether an existing file may be replaced. Raises SpecError if it may not, and if the file
    could not be written at the end.
    """
    if not _is_writable(path.parent):
        cause = "the working directory cannot be written, or was removed"
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where=str(path)))
    if path.is_dir() and not path.is_symlink():
        fix = "remove it, or rename it"
        raise SpecError(Problem(reason=EXISTS(), where=f"{path} (a folder)", fix=fix))
    if os.path.lexists(path) and not force:
        question = f"{path} exists. Replace it at the end?"
        if not asks or not click.confirm(question, default=False):
            fix = "give --force to replace it, or remove it"
            raise SpecError(Problem(reason=EXISTS(), where=str(path), fix=fix))
        return True
    return force


def _is_writable(folder: Path) -> bool:
    """Whether there can be a new file in the folder. A working directory that was removed has no
    path.
    """
    try:
        return os.access(folder.resolve(strict=True), os.W_OK | os.X_OK)
    except OSError:
        return False


def written(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file as a whole. A symbolic link is replaced, not followed: it may lead out of the
    folder. Raises SpecError if the file exists and may not be replaced: the app may have made it.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}") if replaces else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("x", encoding="utf-8") as file:
            file.write(text)
        if replaces:
            new.replace(path)
    except FileExistsError:
        fix = "give --force to replace it, or remove it"
        raise SpecError(Problem(reason=EXISTS(), where=str(path), fix=fix)) from None
    except OSError as error:
        cause = error.strerror or str(error)
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where=str(path))) from None
    say(f"wrote {path}")


def say(text: str) -> None:
    """Print lines. Raises SpecError if they cannot be written."""
    try:
        click.echo(each_line(text))
    except BrokenPipeError:  # click ends the command for it
        raise
    except OSError as error:
        cause = error.strerror or str(error)
        raise SpecError(Problem(reason=UNWRITABLE(cause=cause), where="standard output")) from None
