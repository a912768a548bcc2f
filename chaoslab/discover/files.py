"""Reads small text files of a folder that nobody has checked. Nothing in it raises an error."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 1 << 20  # of one file; a Compose file or a package.json has a few thousand
MOST_NAMES = 2_000  # entries of the folder that are looked at


@dataclass(slots=True, kw_only=True)
class SmallFiles:
    """The files of one folder, each read once and only if it is a small text file.

    `notes` has a line for each file that exists and could not be used, with the reason.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)

    def names(self) -> tuple[str, ...]:
        """The names of the entries of the folder, in alphabetical order; empty if it cannot be
        listed.
        """
        try:
            with os.scandir(self.folder) as entries:
                found = [entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False)]
        except (OSError, ValueError) as error:
            self.notes.append(f"{self.folder}: {_cause(error)}")
            return ()
        return tuple(sorted(found))

    def text(self, name: str) -> str | None:
        """The text of the file `name` in the folder. None if there is no such file, or if it cannot
        be used; a note then says why.
        """
        try:
            data = _bytes(self.folder / name)
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            self.notes.append(f"{name}: not UTF-8, not read")
        except (OSError, ValueError) as error:
            self.notes.append(f"{name}: {_cause(error)}, not read")
        return None


def _bytes(path: Path) -> bytes | None:
    """The content of a regular file; None if it does not exist. A device or a pipe is not opened
    for reading: that could block for ever.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(number, "rb") as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    if b"\0" in data:
        raise ValueError("no text: it has NUL bytes")
    return data


def _cause(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
