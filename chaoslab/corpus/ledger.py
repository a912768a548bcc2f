"""The saved trials: a file with one JSON object a line. Each names the code that it tested."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.history.files import make_folder, open_file

GOOD = "good"  # the name of the build without a defect
NO_TRIAL = ErrorCode(
    "ledger.not_a_trial",
    "not a trial of this version of chaoslab",
    "A line in the corpus's file of saved trials cannot be read.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One trial of one build. `outcomes` counts the scenarios of a good build by outcome.

    `state` is the version of the tested code: chaoslab, scenarios and topology, and the runtime.
    `seconds` is the time of its pytest processes.
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
    """The file with the saved trials (entries) in one folder of results.

    Entries are only appended. `states` maps each build to the version of its code.
    """

    def __init__(self, folder: Path, states: Mapping[str, str]) -> None:
        self._path = folder / "ledger.jsonl"
        self._states = states

    def entries(self) -> tuple[Entry, ...]:
        """The entries of these builds and versions. An incomplete last line is left out.

        Raises SpecError if another line is not an entry.
        """
        return tuple(entry for entry in self._all() if self._is_current(entry))

    def others(self) -> int:
        """The number of entries of other versions of these builds."""
        return sum(
            entry.build in self._states and not self._is_current(entry) for entry in self._all()
        )

    def append(self, entry: Entry) -> None:
        """Append one trial to the file."""
        with suppress(FileExistsError):
            make_folder(self._path.parent)
        complete = not self._path.exists() or self._path.read_bytes()[-1:] in (b"", b"\n")
        with os.fdopen(open_file(self._path, append=True), "a", encoding="utf-8") as file:
            file.write(("" if complete else "\n") + json.dumps(asdict(entry)) + "\n")

    def _is_current(self, entry: Entry) -> bool:
        return self._states.get(entry.build) == entry.state

    def _all(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                if line:
                    yield _ENTRY.validate_json(line)
            except ValidationError:
                if line.endswith("}"):  # else it is an incomplete line, cut off when killed
                    where, fix = f"{self._path}:{number}", "move or delete the file to start again"
                    raise SpecError(Problem(reason=NO_TRIAL(), where=where, fix=fix)) from None


def state_of(files: Iterable[Path]) -> str:
    """A short hash of the contents of these files. Their names and order do not matter."""
    each = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(each).encode()).hexdigest()[:12]
