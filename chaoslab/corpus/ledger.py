"""Trials add up over time: one JSON line each, kept for the state of the code that they tried."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chaoslab.errors import Problem, SpecError
from chaoslab.history.files import make_folder, open_file

GOOD = "good"  # the name of the build without a defect


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trial of one build; `outcomes` counts the good build's scenarios by their verdict.

    `state` names the code that was tried: lab, scenarios, topology and reference. `seconds` are
    those of its pytest processes.
    """

    build: str
    state: str
    at: str
    outcome: str
    seconds: float
    verdicts: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()
    folder: str = ""


_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


class Ledger:
    """The entries of one folder of results, appended to and never rewritten."""

    def __init__(self, folder: Path, state: str) -> None:
        self._path = folder / "ledger.jsonl"
        self.state = state

    def entries(self) -> tuple[Entry, ...]:
        """Those of this state of the code. A last line that was cut off is left out.

        Raises SpecError where another line is none.
        """
        return tuple(entry for entry in self._all() if entry.state == self.state)

    def others(self) -> int:
        """How many entries there are of other states of the code."""
        return sum(entry.state != self.state for entry in self._all())

    def append(self, entry: Entry) -> None:
        """Write one trial down."""
        with suppress(FileExistsError):
            make_folder(self._path.parent)
        whole = not self._path.exists() or self._path.read_bytes()[-1:] in (b"", b"\n")
        with os.fdopen(open_file(self._path, append=True), "a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(asdict(entry)) + "\n")

    def _all(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                if line:
                    yield _ENTRY.validate_json(line)
            except ValidationError:
                if line.endswith("}"):  # cut off by a kill it would end elsewhere
                    what = f"line {number} is not a trial written by this version of chaoslab"
                    fix = "move or delete the file to start again"
                    raise SpecError([Problem(where=str(self._path), what=what, fix=fix)]) from None


def state_of(files: Iterable[Path]) -> str:
    """A short name for the content of these files, whatever their order and their folders."""
    each = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(each).encode()).hexdigest()[:12]
