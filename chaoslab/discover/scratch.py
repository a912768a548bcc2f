"""The folder in which `chaoslab init` keeps the files of a look."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chaoslab.errors import UNWRITABLE, Problem, SpecError
from chaoslab.machine import reaper
from chaoslab.machine.watchdog import Watchdog


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, which is removed at the end of the block, and also if this process is killed.

    Raises SpecError if it cannot be made.
    """
    name = secrets.token_hex(8)
    folder = Path(tempfile.gettempdir()).resolve() / f"chaoslab-init-{name}"
    # The watchdog knows the folder before it is made. No process has this mark.
    watchdog = Watchdog(mark=f"CHAOSLAB_INIT_{name}_FOLDER=1", folder=folder)
    try:
        _make(folder)
        yield folder
    finally:
        watchdog.finish(reaper.LIMIT_S)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        cause, fix = error.strerror or str(error), "set TMPDIR to a folder that can be written"
        problem = Problem(reason=UNWRITABLE(cause=cause), where=str(folder), fix=fix)
        raise SpecError(problem) from None
