"""Reads what all records have in common from TOML, and checks it.

The primary verdict must cite codes of docs/reasons.md with some of their data, as `corpus.cites`
compares them:

    cites = [{ code = "app.exited", data = { exit_code = 3 } }]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Literal, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chaoslab.corpus.cites import Cite, mistakes_in
from chaoslab.corpus.record import Primary
from chaoslab.errors import NOT_VALID, ErrorCode, Problem, SpecError
from chaoslab.model.verdict import Outcome
from chaoslab.verdicts.vocabulary import known_codes

_SCENARIO = r"^[\w]+::[\w]+(\[.+\])?$"

WRONG_VALUE = ErrorCode(
    "record.wrong_value",
    "{cause}",
    "A key of the record is unknown or missing, or its value is wrong.",
)
NO_SCENARIO = ErrorCode(
    "record.not_a_scenario",
    "'{name}' is not the name of a scenario",
    "A name in the record does not have the form of a scenario's name.",
)
REFUSED_AND_PASSED = ErrorCode(
    "record.refused_and_passed",
    "{scenarios} cannot both refuse the build and pass",
    "A scenario is listed both in `scenarios` and in `passes`.",
)
PRIMARY_IN_ALSO = ErrorCode(
    "record.primary_in_also",
    "its primary verdict '{name}' is also listed in `also`",
    "`also` lists the primary verdict, which must refuse the build in any case.",
)


class Shape(BaseModel):
    """A strict table of TOML: unknown keys are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Plain = str | int | float | bool


class _Cite(Shape):
    code: str = Field(min_length=1)
    data: dict[str, _Plain | list[_Plain]] = Field(default_factory=dict)

    @property
    def cite(self) -> Cite:
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in self.data.items()}
        return Cite(code=self.code, data=data)


class _Primary(Shape):
    verdict: str = Field(min_length=1)
    outcome: Literal["FAIL", "UNKNOWN"] = "FAIL"
    cites: list[_Cite] = Field(min_length=1)


class Common(TypedDict):
    """The values of a `Record` that do not depend on its target."""

    title: str
    mechanism: str
    symptom: str
    source: str
    scenarios: tuple[str, ...]
    counted: tuple[str, ...]
    passes: tuple[str, ...]
    primary: Primary
    also: frozenset[str]


class RecordShape(Shape):
    """The keys that all records have."""

    title: str = Field(min_length=1)
    mechanism: str = Field(min_length=1)
    symptom: str = Field(min_length=1)
    source: str = Field(min_length=1)
    scenarios: list[str] = Field(min_length=1)
    counted: list[str] = Field(default_factory=list)
    passes: list[str] = Field(default_factory=list)
    also: list[str] = Field(default_factory=list)
    primary: _Primary

    def common(self) -> Common:
        """These values, as a `Record` has them."""
        return Common(
            title=self.title,
            mechanism=self.mechanism,
            symptom=self.symptom,
            source=self.source,
            scenarios=tuple(self.scenarios),
            counted=tuple(self.counted),
            passes=tuple(self.passes),
            primary=Primary(
                verdict=self.primary.verdict,
                outcome=Outcome(self.primary.outcome),
                cites=tuple(each.cite for each in self.primary.cites),
            ),
            also=frozenset(self.also),
        )

    def mistakes(self, where: str) -> Iterator[Problem]:
        """The problems that only the values together show."""
        for scenario in (*self.scenarios, *self.counted, *self.passes):
            if not re.fullmatch(_SCENARIO, scenario):
                form = "module::test[param], without test_"
                yield Problem(reason=NO_SCENARIO(name=scenario), where=where, expected=form)
        if both := sorted({*self.scenarios, *self.counted} & {*self.passes}):
            fix = "remove it from one of the two"
            yield Problem(reason=REFUSED_AND_PASSED(scenarios=both), where=where, fix=fix)
        if self.primary.verdict in self.also:
            fix = "list in `also` only verdicts that follow from the primary one"
            yield Problem(reason=PRIMARY_IN_ALSO(name=self.primary.verdict), where=where, fix=fix)
        codes = known_codes()
        for each in self.primary.cites:
            yield from mistakes_in(each.cite, codes, f"{where}: primary.cites")


S = TypeVar("S", bound=Shape)


def parsed(text: str, shape: type[S], where: str) -> S:
    """The TOML text as a value of that shape.

    Raises SpecError with every mistake in it.
    """
    try:
        return shape.model_validate(_table(text, where))
    except ValidationError as error:
        raise SpecError(_problems(error, where)) from None


def _table(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = NOT_VALID(format="TOML", cause=str(error))
        raise SpecError(Problem(reason=reason, where=where)) from None


def _problems(error: ValidationError, where: str) -> Iterator[Problem]:
    for each in error.errors():
        place = ".".join(map(str, each["loc"]))
        yield Problem(reason=WRONG_VALUE(cause=each["msg"].lower()), where=f"{where}: {place}")
