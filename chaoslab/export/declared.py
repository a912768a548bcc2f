"""A fault of the catalogue from the words of a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields

from chaoslab.errors import Problem, SpecError
from chaoslab.export.yaml_text import settings as names_of
from chaoslab.model.faults import (
    CutMidstream,
    FaultSpec,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)

FAULTS: Mapping[str, type[FaultSpec]] = {
    "severed": Severed,
    "slow": Slow,
    "throttled": Throttled,
    "one-way": OneWay,
    "flapping": Flapping,
    "cut-midstream": CutMidstream,
    "stopped": Stopped,
    "killed": Killed,
    "paused": Paused,
    "restarted": Restarted,
}


def declared(kind: str, target: str, settings: Mapping[str, object]) -> FaultSpec:
    """The fault of that kind; settings that are None or empty count as not given.

    `streams` is read as `stream` where the fault has only one. Raises SpecError for settings that
    the fault does not have, and for those that it cannot be without.
    """
    wanted = names_of(FAULTS[kind])
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if "stream" in wanted and "streams" in given:
        given |= _one_stream(kind, given.pop("streams"))
    problems = [
        Problem(
            where=_option(name),
            what=f"'{kind}' has no such setting",
            expected="one of: " + ", ".join(map(_option, wanted)) if wanted else "none at all",
        )
        for name in given
        if name not in wanted
    ]
    problems += [
        Problem(where=kind, what=f"{_option(name)} is not given", fix="it has no default")
        for name in _required(FAULTS[kind])
        if name not in given
    ]
    if problems:
        raise SpecError(problems)
    return FAULTS[kind](target=target, **given)  # type: ignore[arg-type]


def _option(name: str) -> str:
    return "--stream" if name == "streams" else f"--{name.replace('_', '-')}"


def _one_stream(kind: str, streams: object) -> dict[str, object]:
    assert isinstance(streams, tuple)
    if len(streams) > 1:
        what = f"'{kind}' has one stream, not {len(streams)}"
        raise SpecError([Problem(where="--stream", what=what, expected="upstream or downstream")])
    return {"stream": streams[0]}


def _required(kind: type[FaultSpec]) -> tuple[str, ...]:
    return tuple(
        entry.name
        for entry in fields(kind)
        if entry.default is MISSING and entry.default_factory is MISSING and entry.name != "target"
    )
