"""Writes the files of a run: readable only by their owner, and never through a symbolic link."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from chaoslab.errors import UNWRITABLE, Problem, ResultsUnwritable

_FOLDER, _FILE = 0o700, 0o600
_ROOM_BYTES = 64 * 1024


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can read, and the missing folders above it.

    Raises FileExistsError if the name exists, and ResultsUnwritable if it cannot be made.
    """
    try:
        for missing in reversed([each for each in path.parents if not each.exists()]):
            missing.mkdir(mode=_FOLDER, exist_ok=True)
        path.mkdir(mode=_FOLDER)
    except FileExistsError:
        if path.exists() or path.is_symlink():
            raise
        raise _not_written(path, "a file with that name exists") from None
    except OSError as error:
        raise unwritable(path, error) from None


def open_file(path: Path, *, append: bool = False) -> int:
    """A descriptor for writing a file. A missing file is made. Without `append` an existing file is
    emptied.

    Raises ResultsUnwritable if the file cannot be opened, or if it or a folder above it is a
    symbolic link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    flags |= os.O_APPEND if append else os.O_TRUNC
    try:
        folder = _opened(Path(os.path.abspath(path)).parent)
        try:
            return os.open(path.name, flags, _FILE, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise unwritable(path, error) from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file, and replace an existing one. Raises ResultsUnwritable, as `open_file` does."""
    file = open_file(path)
    try:
        write_all(file, data)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        os.close(file)


def write_all(file: int, data: bytes) -> None:
    """Write all of the data, in as many writes as needed. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def check_room(folder: Path) -> None:
    """Make the folder if it is missing, and check that files can be written into it, by writing a
    file of 64 KiB and removing it. Raises ResultsUnwritable.
    """
    with suppress(FileExistsError):
        make_folder(folder)
    trial = folder / f".room-{os.getpid()}"
    try:
        write_file(trial, bytes(_ROOM_BYTES))
    finally:
        with suppress(OSError):
            trial.unlink()


def unwritable(path: Path, error: OSError) -> ResultsUnwritable:
    """The error to raise for a file that cannot be written. It has the cause and the fix."""
    return _not_written(path, error.strerror or str(error))


def _not_written(path: Path, cause: str) -> ResultsUnwritable:
    fix = "free some space, or choose another folder (--chaos-results for pytest, else --results)"
    return ResultsUnwritable([Problem(reason=UNWRITABLE(cause=cause), where=str(path), fix=fix)])


def _opened(folder: Path) -> int:
    """A descriptor of the folder, for `dir_fd`. The path is opened part by part, so that no
    symbolic link is followed.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    here = os.open("/", flags)
    for part in folder.parts[1:]:
        try:
            below = os.open(part, flags, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here
