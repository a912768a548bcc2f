"""Checksums of a run's files, by which a later change of a file is detected.

They are in `checksums.sha256`, which `sha256sum -c` reads as well. A run that was killed has no
checksums, and its files cannot be checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from chaoslab.history.files import write_file

Checksums = Mapping[str, str]
_NAME = "checksums.sha256"


def save_checksums(folder: Path, sums: Checksums) -> None:
    """Save the checksums of the run's files: `sums` maps the name of a file to its checksum. Raises
    ResultsUnwritable.
    """
    write_file(folder / _NAME, "".join(f"{s}  {name}\n" for name, s in sums.items()).encode())


def changed_files(folder: Path) -> tuple[str, ...]:
    """The names of a run's files that differ from their checksums. Empty if the run has no
    checksums.

    If the file with the checksums cannot be read, only its own name is returned.
    """
    try:
        lines = (folder / _NAME).read_bytes().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    except OSError:
        return (_NAME,)
    recorded = [line.split("  ", 1) for line in lines]
    if any(len(each) != 2 or "/" in each[1] for each in recorded):
        return (_NAME,)
    return tuple(name for expected, name in recorded if _sum(folder / name) != expected)


def _sum(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
