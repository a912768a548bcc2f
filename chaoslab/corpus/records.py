"""All records of the corpus: defects of the reference backend, and services of the field corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chaoslab.corpus.builds import twin_of
from chaoslab.corpus.defects import read_defects, shipped
from chaoslab.corpus.field import read_field
from chaoslab.corpus.ledger import GOOD
from chaoslab.corpus.record import Record
from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean

FIELD = Path("field")  # the usual folder of the field corpus
NAME_IN_USE = ErrorCode(
    "field.name_in_use",
    "another build has the name '{name}'",
    "The name of a service, or of its twin, is also that of another build.",
)


def read_records(defects: Path | None, field: Path | None) -> tuple[Record, ...]:
    """The records of a folder with defects, then those of a folder with services.

    None means the shipped defects, and no services. If both are None, the services are those of the
    folder `field` in the working directory, if it exists.

    Raises SpecError with every mistake in any of the records.
    """
    found = read_defects(defects or shipped())
    if field is None and defects is None and FIELD.is_dir():
        field = FIELD
    services = read_field(field) if field else ()
    taken = {GOOD, *(record.name for record in found)}
    problems = []
    for record in services:
        names = {record.name, twin_of(record.name)}
        for name in sorted(names & taken):
            fix = "rename the folder"
            problems.append(Problem(reason=NAME_IN_USE(name=name), where=record.name, fix=fix))
        taken |= names
    if problems:
        raise SpecError(problems)
    return (*found, *services)


def chosen(records: Sequence[Record], names: Sequence[str]) -> tuple[Record, ...]:
    """The records with these names; all, if there are no names.

    Raises SpecError with every name that is neither a record's nor the good build's.
    """
    known = [GOOD, *(record.name for record in records)]
    wrong = [
        Problem(
            reason=UNKNOWN_NAME(kind="build", name=name),
            expected="a name that `chaoslab corpus` lists, or good",
            fix=did_you_mean(name, known),
        )
        for name in names
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    return tuple(record for record in records if not names or record.name in names)
