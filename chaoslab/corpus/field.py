"""Reads the records of the field corpus: small services with one bug each, a folder each.

A folder has its record in `record.toml`; field/README.md describes the layout. Nothing of a service
is imported.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field

from chaoslab.corpus.record import Record, Service
from chaoslab.corpus.record_file import RecordShape, Shape, parsed
from chaoslab.errors import UNREADABLE, ErrorCode, Problem, SpecError

RECORD = "record.toml"
NO_SERVICE = ErrorCode(
    "field.none", "contains no service", "No folder in the folder has a record.toml."
)


class _Needs(Shape):
    modules: list[str] = Field(default_factory=list)
    programs: list[str] = Field(default_factory=list)
    files: list[str] = Field(default_factory=list)

    def missing(self, folder: Path) -> Iterator[str]:
        """What this machine does not have, in words."""
        for module in self.modules:
            if find_spec(module) is None:
                yield f"the Python module {module} is not installed"
        for program in self.programs:
            if shutil.which(program) is None:
                yield f"the program {program} is not on PATH"
        for file in self.files:
            if not (folder / file).exists():
                yield f"{folder.name}/{file} does not exist"


class _Shape(RecordShape):
    fix: str = Field(min_length=1)
    source: str = Field(pattern=r"^https://\S+$")
    library: str = Field(min_length=1)
    needs: _Needs = Field(default_factory=_Needs)
    runtime: Literal["", "netns", "loopback"] = ""


def read_field(folder: Path) -> tuple[Record, ...]:
    """The record of every service of a folder, in the order of their names.

    Raises SpecError with every mistake in any of the records.
    """
    problems: list[Problem] = []
    records: list[Record] = []
    for path in sorted(folder.glob(f"*/{RECORD}")):
        try:
            records.append(_record(path))
        except SpecError as error:
            problems += error.problems
    if not records and not problems:
        expected = f"folders with a {RECORD}"
        problems.append(Problem(reason=NO_SERVICE(), where=str(folder), expected=expected))
    if problems:
        raise SpecError(problems)
    return tuple(records)


def _record(path: Path) -> Record:
    where, folder = str(path), path.parent.resolve()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Problem(reason=UNREADABLE(cause=str(error)), where=where)) from None
    shape = parsed(text, _Shape, where)
    if wrong := [*shape.mistakes(where)]:
        raise SpecError(wrong)
    return Record(
        name=folder.name.replace("_", "-"),
        target=Service(
            folder=folder,
            fix=shape.fix,
            library=shape.library,
            runtime=shape.runtime,
            missing=tuple(shape.needs.missing(folder)),
        ),
        **shape.common(),
    )
