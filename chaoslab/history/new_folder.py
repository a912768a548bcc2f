"""Makes a folder that no other run has."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from chaoslab.history.files import make_folder


def new_folder(wanted: Path) -> Path:
    """Make the folder, or one with `-2`, `-3`, … added to its name if it exists already.

    Returns its path. Raises ResultsUnwritable.
    """
    for number in count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            make_folder(path)
        except FileExistsError:
            continue
        return path
    raise AssertionError
