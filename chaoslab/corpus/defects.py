"""Reads the record of a defective build of the reference backend from its file, which is not
imported.

A record is TOML in a comment block, like the metadata of scripts in PEP 723: it begins with a line
`# /// defect` and ends with `# ///`, and each line between begins with `#`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from chaoslab.corpus.record import Defect, Record
from chaoslab.corpus.record_file import RecordShape, parsed
from chaoslab.errors import UNREADABLE, ErrorCode, Problem, SpecError

_BLOCK = re.compile(r"^# /// defect\n(?P<lines>(?:#(?: .*)?\n)+?)# ///$", re.MULTILINE)
_PACKAGE = "chaoslab.reference.defects"

NO_DEFECT = ErrorCode(
    "defect.none", "contains no defect", "No file of the folder has the record of a defect."
)
RECORDS = ErrorCode(
    "defect.records", "has {count} records", "The file of a defect has no record, or several."
)
OTHER_FILE = ErrorCode(
    "defect.other_file",
    "the record of '{name}' is in a file of another name",
    "The name of the file is not the name of the defect.",
)
DUPLICATE = ErrorCode(
    "defect.duplicate",
    "two defects have the {key} {value}: {names}",
    "Two records have the same name or the same number.",
)


class _Shape(RecordShape):
    number: int = Field(ge=1)
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    command: str = ""


def shipped() -> Path:
    """The folder of the defects of the reference backend."""
    return Path(__file__).parent.parent / "reference" / "defects"


def read_defects(folder: Path) -> tuple[Record, ...]:
    """The record of every defect of a folder, in the order of their numbers. Files named `_*.py`
    are left out.

    Raises SpecError with every mistake in any of the records.
    """
    problems: list[Problem] = []
    found: list[tuple[int, Record]] = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            found.append(_numbered(path))
        except SpecError as error:
            problems += error.problems
    problems += _twice(found)
    if not found and not problems:
        problem = Problem(reason=NO_DEFECT(), where=str(folder), expected="*.py files")
        problems.append(problem)
    if problems:
        raise SpecError(problems)
    return tuple(record for _, record in sorted(found, key=lambda each: each[0]))


def _numbered(path: Path) -> tuple[int, Record]:
    """A defect's number and record."""
    where = f"{path}: record"
    shape = parsed(_block(path), _Shape, where)
    if wrong := [*_other_file(shape, path), *shape.mistakes(where)]:
        raise SpecError(wrong)
    command = shape.command or f"{{python}} -m {_PACKAGE}.{path.stem}"
    return shape.number, Record(
        name=shape.name,
        target=Defect(number=shape.number, command=command),
        **shape.common(),
    )


def _block(path: Path) -> str:
    """The text of the one record in a file."""
    where = str(path)
    try:
        found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Problem(reason=UNREADABLE(cause=str(error)), where=where)) from None
    if len(found) != 1:
        fix = "write one block of comments from '# /// defect' to '# ///'"
        reason = RECORDS(count=len(found))
        raise SpecError(Problem(reason=reason, where=where, expected="one", fix=fix))
    return "".join(line[2:] or "\n" for line in found[0].splitlines(keepends=True))


def _other_file(shape: _Shape, path: Path) -> Iterator[Problem]:
    expected = shape.name.replace("-", "_")
    if path.stem != expected:
        reason, fix = OTHER_FILE(name=shape.name), f"rename the file to {expected}.py"
        yield Problem(reason=reason, where=f"{path}: record", got=path.name, fix=fix)


def _twice(found: list[tuple[int, Record]]) -> Iterator[Problem]:
    for key, values in (
        ("name", [(record.name, record) for _, record in found]),
        ("number", [(number, record) for number, record in found]),
    ):
        seen: dict[str | int, Record] = {}
        for value, record in values:
            if value in seen:
                names = (seen[value].name, record.name)
                reason = DUPLICATE(key=key, value=value, names=names)
                yield Problem(reason=reason, where="records", fix=f"give one of them another {key}")
            seen[value] = record
