"""`[gate]`: its shapes, what its parts must fit, and the plain data that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from chaoslab.model.gate import (
    AbortRule,
    Gate,
    GateProxy,
    GateRuntime,
    GateStage,
    SlowRule,
)
from chaoslab.model.loader.base import NonEmpty, NoNul, Seconds, Shape, rule
from chaoslab.model.marker import marker_names

Table = Mapping[str, object]
# Place below `gate`, what is wrong, what was expected, the fix.
GateProblem = tuple[tuple[str | int, ...], str, str, str]

PREFLIGHT = "preflight"  # the stage that comes before all others
_A_NAME = re.compile(r"[^\W_][\w .-]{0,59}")
_SECONDS = "a number of seconds above 0"
_RULES = "a list of rules, each one of: unreachable, p1, slow"

StageName = Annotated[str, rule(lambda text: bool(_A_NAME.fullmatch(text)))]


class StageShape(Shape):
    """`[[gate.stages]]`."""

    name: StageName = Field(
        description="a string of at most 60 letters, digits, spaces, '-', '_' and '.'"
    )
    marker: NonEmpty = Field(description="a string, a marker expression as for `pytest -m`")
    pass_rate: float = Field(ge=0, le=1, description="a number from 0 to 1")
    deadline_s: Seconds = Field(default=900.0, description=_SECONDS)
    abort_on: list[AbortRule] = Field(default_factory=list, description=_RULES)


class SlowShape(Shape):
    """`[gate.slow]`."""

    responses_s: Seconds = Field(description=_SECONDS)
    for_s: Seconds = Field(description=_SECONDS)


class GateShape(Shape):
    """`[gate]`."""

    stages: list[StageShape] = Field(
        min_length=1, description="at least one stage ([[gate.stages]])"
    )
    runtime: GateRuntime = Field(default="auto", description="one of: auto, docker, local")
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
    """The plain data; a rule of the whole gate is one of each stage."""
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


def gate_problems(document: Table) -> Iterator[GateProblem]:
    """What does not fit together in the raw table; wrong types are the shape's to report."""
    table = document.get("gate")
    if not isinstance(table, dict):
        return
    stages = [*_stages(table.get("stages"))]
    for_all = [*_texts(table.get("abort_on"))]
    yield from _twice(("abort_on",), for_all, "rule")
    taken: dict[str, int] = {}
    for index, stage in stages:
        yield from _name(index, stage.get("name"), taken)
        yield from _marker(index, stage.get("marker"))
        yield from _rules(index, stage, {rule for _, rule in for_all})
        yield from _deadline(index, stage.get("deadline_s"), table.get("deadline_s", 3600.0))
    yield from _verdicts(table.get("p1"))
    used = {rule for _, stage in stages for _, rule in _texts(stage.get("abort_on"))}
    yield from _slow(table, used | {rule for _, rule in for_all})


def _name(index: int, name: object, taken: dict[str, int]) -> Iterator[GateProblem]:
    if not isinstance(name, str):
        return
    place = ("stages", index, "name")
    key = " ".join(name.lower().split())
    if key == PREFLIGHT:
        what = f"'{name}' is reserved for the stage before all others"
        yield place, what, "another name", ""
    if taken.setdefault(key, index) != index:
        what = f"two stages have the name '{name}' (the other is stages[{taken[key]}])"
        yield place, what, "a different name for each stage", ""


def _marker(index: int, marker: object) -> Iterator[GateProblem]:
    if not isinstance(marker, str) or not marker.strip():
        return
    try:
        marker_names(marker)
    except ValueError as error:
        wanted = "markers joined by and, or, not and parentheses"
        yield ("stages", index, "marker"), f"cannot be read: {error}", wanted, ""


def _rules(index: int, stage: Table, for_all: set[str]) -> Iterator[GateProblem]:
    place = ("stages", index, "abort_on")
    mine = [*_texts(stage.get("abort_on"))]
    yield from _twice(place, mine, "rule")
    for number, name in mine:
        if name in for_all:
            what = f"'{name}' is already in gate.abort_on, for every stage"
            yield (*place, number), what, "each rule once", "remove it here"


def _deadline(index: int, own: object, whole: object) -> Iterator[GateProblem]:
    if _number(own) and _number(whole) and own > whole:  # type: ignore[operator]
        what = f"{own:g} s is longer than the gate's {whole:g} s"
        yield ("stages", index, "deadline_s"), what, "no more than gate.deadline_s", ""


def _verdicts(p1: object) -> Iterator[GateProblem]:
    names = [*_texts(p1)]
    yield from _twice(("p1",), names, "verdict")


def _slow(table: Table, used: set[str]) -> Iterator[GateProblem]:
    if "slow" in used and "slow" not in table:
        what = "the rule 'slow' is used, but its bounds are not declared"
        yield (), what, "a table [gate.slow] with responses_s and for_s", ""
    if "slow" in table and "slow" not in used:
        yield (
            ("slow",),
            "no stage has the rule 'slow' in its abort_on",
            "one stage with 'slow' in abort_on",
            "",
        )
    if "p1" in used and table.get("p1") == []:
        what = "the rule 'p1' is used, but gate.p1 lists no verdict"
        yield ("p1",), what, "at least one name of a verdict", ""


def _twice(
    place: tuple[str | int, ...], names: list[tuple[int, str]], what: str
) -> Iterator[GateProblem]:
    seen: set[str] = set()
    for index, name in names:
        if name in seen:
            yield (*place, index), f"'{name}' is named twice", f"each {what} once", ""
        seen.add(name)


def _stages(value: object) -> Iterator[tuple[int, Table]]:
    for index, stage in enumerate(value if isinstance(value, list) else []):
        if isinstance(stage, dict):
            yield index, stage


def _texts(value: object) -> Iterator[tuple[int, str]]:
    for index, text in enumerate(value if isinstance(value, list) else []):
        if isinstance(text, str):
            yield index, text


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
