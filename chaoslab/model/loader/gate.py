"""The table `[gate]`: its shapes, the rules between its parts, and the plain data that it
becomes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, TypeGuard

from pydantic import Field

from chaoslab.errors import ErrorCode
from chaoslab.model.gate import (
    AbortRule,
    Gate,
    GateProxy,
    GateRuntime,
    GateStage,
    SlowRule,
)
from chaoslab.model.loader.base import NonEmpty, NoNul, Seconds, Shape, rule
from chaoslab.model.loader.mistakes import Mistake, Place, Table, named_twice, table_of, texts_of
from chaoslab.model.marker import marker_names

PREFLIGHT = "preflight"  # the stage before all others
_A_NAME = re.compile(r"[^\W_][\w .-]{0,59}")
_SECONDS = "a number of seconds above 0"
_RULES = "a list of rules, each one of: unreachable, p1, slow"

StageName = Annotated[str, rule(lambda text: bool(_A_NAME.fullmatch(text)))]

NAME_RESERVED = ErrorCode(
    "gate.name_reserved",
    "'{name}' is reserved for the stage before all others",
    "A stage has the name `preflight`, which the gate itself uses.",
)
NAME_TAKEN = ErrorCode(
    "gate.name_taken",
    "two stages have the name '{name}' (the other is stages[{other}])",
    "Two stages have the same name.",
)
MARKER_UNREADABLE = ErrorCode(
    "gate.marker_unreadable",
    "cannot be read: {cause}",
    "The `marker` of a stage is no marker expression.",
)
RULE_FOR_ALL = ErrorCode(
    "gate.rule_for_all",
    "'{rule}' is already in gate.abort_on, for every stage",
    "A stage repeats a rule of the whole gate.",
)
DEADLINE_TOO_LONG = ErrorCode(
    "gate.deadline_too_long",
    "{deadline_s:g} s is longer than the gate's {gate_s:g} s",
    "The deadline of a stage is longer than that of the whole gate.",
)
SLOW_NOT_DECLARED = ErrorCode(
    "gate.slow_not_declared",
    "the rule 'slow' is used, but its bounds are not declared",
    "An `abort_on` has the rule `slow`, and the file has no [gate.slow].",
)
SLOW_NOT_USED = ErrorCode(
    "gate.slow_not_used",
    "no stage has the rule 'slow' in its abort_on",
    "The file has [gate.slow], and no `abort_on` has the rule `slow`.",
)
NO_P1 = ErrorCode(
    "gate.no_p1",
    "the rule 'p1' is used, but gate.p1 lists no verdict",
    "An `abort_on` has the rule `p1`, and gate.p1 is empty.",
)


class StageShape(Shape):
    """The keys of a table `[[gate.stages]]`."""

    name: StageName = Field(
        description="a string of at most 60 letters, digits, spaces, '-', '_' and '.'"
    )
    marker: NonEmpty = Field(description="a string, a marker expression as for `pytest -m`")
    pass_rate: float = Field(ge=0, le=1, description="a number from 0 to 1")
    deadline_s: Seconds = Field(default=900.0, description=_SECONDS)
    abort_on: list[AbortRule] = Field(default_factory=list, description=_RULES)


class SlowShape(Shape):
    """The keys of the table `[gate.slow]`."""

    responses_s: Seconds = Field(description=_SECONDS)
    for_s: Seconds = Field(description=_SECONDS)


class GateShape(Shape):
    """The keys of the table `[gate]`."""

    stages: list[StageShape] = Field(
        min_length=1, description="at least one stage ([[gate.stages]])"
    )
    runtime: GateRuntime = Field(
        default="auto", description="one of: auto, docker, local, netns, loopback"
    )
    proxy: GateProxy = Field(default="auto", description="one of: auto, embedded, toxiproxy")
    scenarios: Annotated[NonEmpty, NoNul] = Field(
        default="scenarios", description="a string, a folder, relative to this file"
    )
    workers: int = Field(default=1, ge=1, le=64, description="a whole number, 1 to 64")
    deadline_s: Seconds = Field(default=3600.0, description=_SECONDS)
    retries: int = Field(default=0, ge=0, le=10, description="a whole number, 0 to 10")
    p1: list[str] = Field(
        default_factory=lambda: ["starts", "keeps_acknowledged"],
        description="a list of names of verdicts",
    )
    abort_on: list[AbortRule] = Field(default_factory=list, description=_RULES)
    slow: SlowShape | None = Field(default=None, description="a table")


GATE_SHAPES: dict[tuple[str, ...], type[Shape]] = {
    ("gate",): GateShape,
    ("gate", "stages", "*"): StageShape,
    ("gate", "slow"): SlowShape,
}


def gate(shape: GateShape) -> Gate:
    """The plain data of the table `[gate]`. Each stage also has the rules of the whole gate."""
    return Gate(
        stages=tuple(
            GateStage(
                name=stage.name,
                marker=stage.marker,
                pass_rate=stage.pass_rate,
                deadline_s=stage.deadline_s,
                abort_on=(*shape.abort_on, *stage.abort_on),
            )
            for stage in shape.stages
        ),
        runtime=shape.runtime,
        proxy=shape.proxy,
        scenarios=shape.scenarios,
        workers=shape.workers,
        deadline_s=shape.deadline_s,
        retries=shape.retries,
        p1=tuple(shape.p1),
        slow=SlowRule(**shape.slow.model_dump()) if shape.slow else None,
    )


def gate_mistakes(document: Table) -> Iterator[Mistake]:
    """A mistake for each part of the raw table `[gate]` that does not fit the other parts. The
    shapes report wrong types.
    """
    if not isinstance(document.get("gate"), dict):
        return
    table = table_of(document["gate"])
    stages = [*_stages(table.get("stages"))]
    for_all = texts_of(table.get("abort_on"))
    yield from _twice(("gate", "abort_on"), for_all, "rule")
    taken: dict[str, int] = {}
    for index, stage in stages:
        here = ("gate", "stages", index)
        yield from _name(here, index, stage.get("name"), taken)
        yield from _marker(here, stage.get("marker"))
        yield from _rules(here, stage, {rule for _, rule in for_all})
        yield from _deadline(here, stage.get("deadline_s"), table.get("deadline_s", 3600.0))
    yield from _twice(("gate", "p1"), texts_of(table.get("p1")), "verdict")
    used = {rule for _, stage in stages for _, rule in texts_of(stage.get("abort_on"))}
    yield from _slow_and_p1(table, used | {rule for _, rule in for_all})


def _name(here: Place, index: int, name: object, taken: dict[str, int]) -> Iterator[Mistake]:
    if not isinstance(name, str):
        return
    place = (*here, "name")
    key = " ".join(name.lower().split())
    if key == PREFLIGHT:
        yield Mistake(place=place, reason=NAME_RESERVED(name=name), expected="another name")
    if (other := taken.setdefault(key, index)) != index:
        yield Mistake(
            place=place,
            reason=NAME_TAKEN(name=name, other=other),
            expected="a different name for each stage",
        )


def _marker(here: Place, marker: object) -> Iterator[Mistake]:
    if not isinstance(marker, str) or not marker.strip():
        return
    try:
        marker_names(marker)
    except ValueError as error:
        yield Mistake(
            place=(*here, "marker"),
            reason=MARKER_UNREADABLE(cause=str(error)),
            expected="markers joined by and, or, not and parentheses",
        )


def _rules(here: Place, stage: Table, for_all: set[str]) -> Iterator[Mistake]:
    place, mine = (*here, "abort_on"), texts_of(stage.get("abort_on"))
    yield from _twice(place, mine, "rule")
    for number, name in mine:
        if name in for_all:
            yield Mistake(
                place=(*place, number),
                reason=RULE_FOR_ALL(rule=name),
                expected="each rule once",
                fix="remove it here",
            )


def _deadline(here: Place, own: object, whole: object) -> Iterator[Mistake]:
    if _is_number(own) and _is_number(whole) and own > whole:
        yield Mistake(
            place=(*here, "deadline_s"),
            reason=DEADLINE_TOO_LONG(deadline_s=own, gate_s=whole),
            expected="no more than gate.deadline_s",
        )


def _slow_and_p1(table: Table, used: set[str]) -> Iterator[Mistake]:
    if "slow" in used and "slow" not in table:
        yield Mistake(
            place=("gate",),
            reason=SLOW_NOT_DECLARED(),
            expected="a table [gate.slow] with responses_s and for_s",
        )
    if "slow" in table and "slow" not in used:
        yield Mistake(
            place=("gate", "slow"),
            reason=SLOW_NOT_USED(),
            expected="one stage with 'slow' in abort_on",
        )
    if "p1" in used and table.get("p1") == []:
        yield Mistake(
            place=("gate", "p1"), reason=NO_P1(), expected="at least one name of a verdict"
        )


def _twice(place: Place, names: list[tuple[int, str]], kind: str) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in names:
        if name in seen:
            yield named_twice((*place, index), name, kind)
        seen.add(name)


def _stages(value: object) -> Iterator[tuple[int, Table]]:
    for index, stage in enumerate(value if isinstance(value, list) else []):
        if isinstance(stage, dict):
            yield index, stage


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
