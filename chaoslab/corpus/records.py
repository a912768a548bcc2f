"""What is known of a defective build, read from its file as data; the file is never imported.

A record is TOML in a comment block, as PEP 723 writes metadata into scripts: it begins with a line
`# /// defect` and ends with `# ///`, and each line between begins with `#`. The primary
verdict must cite codes of docs/reasons.md with some of their data, as `corpus.cites` compares them:

    cites = [{ code = "app.exited", data = { exit_code = 3 } }]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chaoslab.corpus.cites import Cite, mistakes_in
from chaoslab.errors import Problem, SpecError
from chaoslab.verdicts.vocabulary import known_codes

_BLOCK = re.compile(r"^# /// defect\n(?P<lines>(?:#(?: .*)?\n)+?)# ///$", re.MULTILINE)
_SCENARIO = r"^[\w]+::[\w]+(\[.+\])?$"
_PACKAGE = "chaoslab.reference.defects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defective build, and how it must be refused.

    In each of `scenarios` the verdict `primary` must be FAIL and cite all of `cites`; other
    verdicts may be anything but PASS only where `also` names them. `passes` are scenarios that the
    build must survive all the same: its defect is this one and no other. `command` starts it.
    """

    number: int
    name: str
    title: str
    mechanism: str
    symptom: str
    source: str
    scenarios: tuple[str, ...]
    passes: tuple[str, ...]
    primary: str
    cites: tuple[Cite, ...]
    also: frozenset[str]
    command: str

    @property
    def runs(self) -> tuple[str, ...]:
        """Every scenario that a trial of it takes."""
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
    passes: list[str] = Field(default_factory=list)
    also: list[str] = Field(default_factory=list)
    primary: _Primary
    command: str = ""


def shipped() -> Path:
    """The folder of the defects of the reference backend."""
    return Path(__file__).parent.parent / "reference" / "defects"


def read_defects(folder: Path) -> tuple[Defect, ...]:
    """Every defect of a folder, by its number. Files whose names begin with `_` are none.

    Raises SpecError with everything that is wrong with any of them.
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
        problems.append(
            Problem(where=str(folder), what="contains no defect", expected="*.py files")
        )
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
        raise SpecError([Problem(where=where, what=f"cannot be read: {error}")]) from None
    if len(found) != 1:
        what = f"has {len(found)} records" if found else "has no record"
        fix = "write one block of comments from '# /// defect' to '# ///'"
        raise SpecError([Problem(where=where, what=what, expected="one", fix=fix)])
    text = "".join(line[2:] or "\n" for line in found[0].splitlines(keepends=True))
    try:
        return _Record.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(
            [Problem(where=where, what=f"its record is not valid TOML: {error}")]
        ) from None
    except ValidationError as error:
        raise SpecError(_shape_problems(error, where)) from None


def _shape_problems(error: ValidationError, where: str) -> Iterator[Problem]:
    for each in error.errors():
        place = ".".join(map(str, each["loc"]))
        yield Problem(where=f"{where}: record: {place}", what=each["msg"].lower())


def _wrong(record: _Record, path: Path) -> Iterator[Problem]:
    where = f"{path}: record"
    expected = record.name.replace("-", "_")
    if path.stem != expected:
        fix = f"rename the file to {expected}.py"
        yield Problem(where=where, what=f"the record of '{record.name}' is in {path.name}", fix=fix)
    for scenario in (*record.scenarios, *record.passes):
        if not re.fullmatch(_SCENARIO, scenario):
            what = f"'{scenario}' is not the name of a scenario"
            form = "module::test[param], without test_"
            yield Problem(where=where, what=what, expected=form)
    if both := sorted({*record.scenarios} & {*record.passes}):
        what = f"{', '.join(both)} cannot both refuse the build and pass"
        yield Problem(where=where, what=what, fix="remove it from one of the two")
    if record.primary.verdict in record.also:
        what = f"its primary verdict '{record.primary.verdict}' is also listed in `also`"
        yield Problem(
            where=where,
            what=what,
            fix="list in `also` only verdicts that follow from the primary one",
        )
    codes = known_codes()
    for each in record.primary.cites:
        yield from mistakes_in(each.cite, codes, f"{where}: primary.cites")


def _twice(defects: list[Defect]) -> Iterator[Problem]:
    for key in ("name", "number"):
        seen: Mapping[object, Defect] = {}
        for defect in defects:
            value = getattr(defect, key)
            if value in seen:
                what = f"two defects have the {key} {value}: {seen[value].name} and {defect.name}"
                yield Problem(where="records", what=what, fix=f"give one of them another {key}")
            seen = {**seen, value: defect}
