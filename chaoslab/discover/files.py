"""Reads small text files of a folder that nobody has checked. Nothing in it raises an error."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 1 << 20  # of one file; a Compose file or a package.json has a few thousand
MOST_NAMES = 100_000  # entries of a folder that are looked at
MOST_NOTES = 40


@dataclass(slots=True, kw_only=True)
class SmallFiles:
    """The files of one folder, each read once and only if it is a small text file.

    `notes` has a line for each file that exists and could not be used, with the reason. `read` maps
    the names of files that were asked for to their texts.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)
    read: dict[str, str | None] = field(default_factory=dict)

    def names(self, place: str = "") -> tuple[str, ...]:
        """The names of the entries of the folder, or of `place` in it, in alphabetical order; empty
        if it cannot be listed.
        """
        folder = self.folder / place
        try:
            with os.scandir(folder) as entries:
                found = [entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False)]
        except (OSError, ValueError) as error:
            self.note(f"{place or self.folder}: {_cause(error)}")
            return ()
        return tuple(sorted(found))

    def text(self, name: str, *, required: bool = False) -> str | None:
        """The text of the file `name` in the folder, which is read once. None if there is no such
        file, or if it cannot be used; a note then says why. That a file is missing is noted only if
        it is `required`.
        """
        if name not in self.read:
            self.read[name] = self._text(name)
        if required and self.read[name] is None and not self.exists(name):
            self.note(f"{name}: no such file")
        return self.read[name]

    def _text(self, name: str) -> str | None:
        if not is_inside(name):
            self.note(f"{name}: outside of this folder, not read")
            return None
        try:
            data = _bytes(self.folder / name)
            return None if data is None else data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.note(f"{name}: not UTF-8, not read")
        except (OSError, ValueError) as error:
            self.note(f"{name}: {_cause(error)}, not read")
        return None

    def exists(self, name: str) -> bool:
        """Whether there is something of that name in the folder."""
        return is_inside(name) and os.path.lexists(self.folder / name)

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of that name in the folder."""
        return is_inside(name) and os.path.isdir(self.folder / name)

    def note(self, text: str) -> None:
        """Add a line to the notes, if it is new and there are not too many."""
        if len(self.notes) < MOST_NOTES and text not in self.notes:
            self.notes.append(text)


def is_inside(name: str) -> bool:
    """Whether a path is relative and leads to no place outside of the folder by its text."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


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
    if data is None:  # a file of /proc that has nothing now
        raise ValueError("it cannot be read without a wait")
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("UTF-16, where UTF-8 is expected")
    if b"\0" in data:
        raise ValueError("no text: it has NUL bytes")
    return data


def _cause(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
