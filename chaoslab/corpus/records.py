"""Reads the record of a defective build from its file, which is not imported.

A record is TOML in a comment block, like the metadata of scripts in PEP 723: it begins with a line
`# /// defect` and ends with `# ///`, and each line between begins with `#`. The primary
verdict must cite codes of docs/reasons.md with some of their data, as `corpus.cites` compares them:

    cites = [{ code = "app.exited", data = { exit_code = 3 } }]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chaoslab.corpus.cites import Cite, mistakes_in
from chaoslab.errors import NOT_VALID, UNREADABLE, ErrorCode, Problem, SpecError
from chaoslab.verdicts.vocabulary import known_codes

_BLOCK = re.compile(r"^# /// defect\n(?P<lines>(?:#(?: .*)?\n)+?)# ///$", re.MULTILINE)
_SCENARIO = r"^[\w]+::[\w]+(\[.+\])?$"
_PACKAGE = "chaoslab.reference.defects"

NO_DEFECT = ErrorCode(
    "defect.none", "contains no defect", "No file of the folder has the record of a defect."
)
RECORDS = ErrorCode(
    "defect.records", "has {count} records", "The file of a defect has no record, or several."
)
WRONG_VALUE = ErrorCode(
    "defect.wrong_value",
    "{cause}",
    "A key of the record is unknown or missing, or its value is wrong.",
)
OTHER_FILE = ErrorCode(
    "defect.other_file",
    "the record of '{name}' is in a file of another name",
    "The name of the file is not the name of the defect.",
)
NO_SCENARIO = ErrorCode(
    "defect.not_a_scenario",
    "'{name}' is not the name of a scenario",
    "A name in the record does not have the form of a scenario's name.",
)
REFUSED_AND_PASSED = ErrorCode(
    "defect.refused_and_passed",
    "{scenarios} cannot both refuse the build and pass",
    "A scenario is listed both in `scenarios` and in `passes`.",
)
PRIMARY_IN_ALSO = ErrorCode(
    "defect.primary_in_also",
    "its primary verdict '{name}' is also listed in `also`",
    "`also` lists the primary verdict, which must FAIL in any case.",
)
DUPLICATE = ErrorCode(
    "defect.duplicate",
    "two defects have the {key} {value}: {names}",
    "Two records have the same name or the same number.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defective build, and how the gate must refuse it.

    In each of `scenarios` the verdict `primary` must be FAIL and have the reasons `cites`. Other
    verdicts may be UNKNOWN or FAIL only if `also` names them. In each of `passes` every verdict
    must be PASS, which shows that the build has no other defect. `counted` are further scenarios
    like `scenarios`, which can decide only where refused connects are counted. `command` starts the
    build.
    """

    number: int
    name: str
    title: str
    mechanism: str
    symptom: str
    source: str
    scenarios: tuple[str, ...]
    counted: tuple[str, ...]
    passes: tuple[str, ...]
    primary: str
    cites: tuple[Cite, ...]
    also: frozenset[str]
    command: str

    def on(self, *, counts_refused: bool) -> Defect:
        """This defect with the scenarios that can decide on a runtime that counts refused connects,
        or on one that does not.
        """
        more = self.counted if counts_refused else ()
        return replace(self, scenarios=(*self.scenarios, *more), counted=())

    @property
    def runs(self) -> tuple[str, ...]:
        """Every scenario that a trial of this defect runs: `scenarios`, then `passes`."""
        return (*self.scenarios, *self.passes)


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Plain = str | int | float | bool


class _Cite(_Shape):
    code: str = Field(min_length=1)
    data: dict[str, _Plain | list[_Plain]] = Field(default_factory=dict)

    @property
    def cite(self) -> Cite:
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in self.data.items()}
        return Cite(code=self.code, data=data)


class _Primary(_Shape):
    verdict: str = Field(min_length=1)
    cites: list[_Cite] = Field(min_length=1)


class _Record(_Shape):
    number: int = Field(ge=1)
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=1)
    mechanism: str = Field(min_length=1)
    symptom: str = Field(min_length=1)
    source: str = Field(min_length=1)
    scenarios: list[str] = Field(min_length=1)
    counted: list[str] = Field(default_factory=list)
    passes: list[str] = Field(default_factory=list)
    also: list[str] = Field(default_factory=list)
    primary: _Primary
    command: str = ""


def shipped() -> Path:
    """The folder of the defects of the reference backend."""
    return Path(__file__).parent.parent / "reference" / "defects"


def read_defects(folder: Path) -> tuple[Defect, ...]:
    """Every defect of a folder, in the order of their numbers. Files named `_*.py` are left out.

    Raises SpecError with every mistake in any of the records.
    """
    problems: list[Problem] = []
    defects: list[Defect] = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            defects.append(_defect(path))
        except SpecError as error:
            problems += error.problems
    problems += _twice(defects)
    if not defects and not problems:
        problem = Problem(reason=NO_DEFECT(), where=str(folder), expected="*.py files")
        problems.append(problem)
    if problems:
        raise SpecError(problems)
    return tuple(sorted(defects, key=lambda defect: defect.number))


def _defect(path: Path) -> Defect:
    record = _record(path)
    wrong = [*_wrong(record, path)]
    if wrong:
        raise SpecError(wrong)
    return Defect(
        number=record.number,
        name=record.name,
        title=record.title,
        mechanism=record.mechanism,
        symptom=record.symptom,
        source=record.source,
        scenarios=tuple(record.scenarios),
        counted=tuple(record.counted),
        passes=tuple(record.passes),
        primary=record.primary.verdict,
        cites=tuple(each.cite for each in record.primary.cites),
        also=frozenset(record.also),
        command=record.command or f"{{python}} -m {_PACKAGE}.{path.stem}",
    )


def _record(path: Path) -> _Record:
    where = str(path)
    try:
        found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Problem(reason=UNREADABLE(cause=str(error)), where=where)) from None
    if len(found) != 1:
        fix = "write one block of comments from '# /// defect' to '# ///'"
        reason = RECORDS(count=len(found))
        raise SpecError(Problem(reason=reason, where=where, expected="one", fix=fix))
    text = "".join(line[2:] or "\n" for line in found[0].splitlines(keepends=True))
    try:
        return _Record.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        reason = NOT_VALID(format="TOML", cause=str(error))
        raise SpecError(Problem(reason=reason, where=f"{where}: record")) from None
    except ValidationError as error:
        raise SpecError(_shape_problems(error, where)) from None


def _shape_problems(error: ValidationError, where: str) -> Iterator[Problem]:
    for each in error.errors():
        place = ".".join(map(str, each["loc"]))
        reason = WRONG_VALUE(cause=each["msg"].lower())
        yield Problem(reason=reason, where=f"{where}: record: {place}")


def _wrong(record: _Record, path: Path) -> Iterator[Problem]:
    where = f"{path}: record"
    expected = record.name.replace("-", "_")
    if path.stem != expected:
        reason, fix = OTHER_FILE(name=record.name), f"rename the file to {expected}.py"
        yield Problem(reason=reason, where=where, got=path.name, fix=fix)
    for scenario in (*record.scenarios, *record.counted, *record.passes):
        if not re.fullmatch(_SCENARIO, scenario):
            form = "module::test[param], without test_"
            yield Problem(reason=NO_SCENARIO(name=scenario), where=where, expected=form)
    if both := sorted({*record.scenarios, *record.counted} & {*record.passes}):
        fix = "remove it from one of the two"
        yield Problem(reason=REFUSED_AND_PASSED(scenarios=both), where=where, fix=fix)
    if record.primary.verdict in record.also:
        fix = "list in `also` only verdicts that follow from the primary one"
        yield Problem(reason=PRIMARY_IN_ALSO(name=record.primary.verdict), where=where, fix=fix)
    codes = known_codes()
    for each in record.primary.cites:
        yield from mistakes_in(each.cite, codes, f"{where}: primary.cites")


def _twice(defects: list[Defect]) -> Iterator[Problem]:
    for key in ("name", "number"):
        seen: dict[object, Defect] = {}
        for defect in defects:
            value = getattr(defect, key)
            if value in seen:
                names = (seen[value].name, defect.name)
                reason = DUPLICATE(key=key, value=value, names=names)
                yield Problem(reason=reason, where="records", fix=f"give one of them another {key}")
            seen[value] = defect
