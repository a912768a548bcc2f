"""Makes files and folders once per machine, by the first process that needs them.

They are made beside their final path, under a lock, and then renamed. So what exists is complete,
also after a run that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def once(place: Path, make: Callable[[Path], None]) -> None:
    """Make the file or folder `place` if it does not exist.

    `make` gets a temporary path at which to make it; the result is then renamed to `place`.
    """
    if place.exists():
        return
    part = place.with_name(place.name + ".part")
    with _locked(place.with_name(place.name + ".lock")):
        if place.exists():
            return
        # A process that held the lock and died may have left a part.
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
        make(part)
        part.rename(place)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fingerprint(program: Path, *more: str) -> str:
    """Hexadecimal digits that change if the program's file changes, or one of `more`."""
    status = program.stat()
    text = "\0".join([str(program), str(status.st_size), str(status.st_mtime_ns), *more])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
