"""Makes a fault from a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.export.yaml_text import settings as names_of
from chaoslab.faults.base import Fault
from chaoslab.faults.registry import faults

NOT_A_SETTING = ErrorCode(
    "export.not_a_setting",
    "'{fault}' does not have this setting",
    "An option sets a field that the fault does not have.",
)
SETTING_MISSING = ErrorCode(
    "export.setting_missing",
    "{option} is not given",
    "A required setting of the fault, which has no default, is not given.",
)
ONE_STREAM = ErrorCode(
    "export.one_stream",
    "'{fault}' has one stream, not {count}",
    "Several streams are given for a fault that has one.",
)


def kinds() -> Mapping[str, type[Fault]]:
    """Maps the name of each kind of fault on a command line to its class; `one_way` is named
    `one-way`.
    """
    return {kind.replace("_", "-"): fault for kind, fault in faults().items()}


def declared(kind: str, target: str, settings: Mapping[str, object]) -> Fault:
    """The fault of that kind. Settings that are None or empty count as not given.

    If the fault has a field `stream` instead of `streams`, the one given stream is used. Raises
    SpecError for settings that the fault does not have, and for required ones that are missing.
    """
    fault = kinds()[kind]
    wanted = names_of(fault)
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if "stream" in wanted and "streams" in given:
        given |= _one_stream(kind, given.pop("streams"))
    problems = [
        Problem(
            reason=NOT_A_SETTING(fault=kind),
            where=option_of(name),
            expected="one of: " + ", ".join(map(option_of, wanted)) if wanted else "no settings",
        )
        for name in given
        if name not in wanted
    ]
    problems += [
        Problem(reason=SETTING_MISSING(option=option_of(name)), where=kind, fix="it has no default")
        for name in _required(fault)
        if name not in given
    ]
    if problems:
        raise SpecError(problems)
    make: Callable[..., Fault] = fault
    return make(target=target, **given)


def option_of(name: str) -> str:
    """The name of the command-line option that sets this field."""
    return "--stream" if name == "streams" else f"--{name.replace('_', '-')}"


def _one_stream(kind: str, streams: object) -> dict[str, object]:
    assert isinstance(streams, tuple)
    if len(streams) > 1:
        reason = ONE_STREAM(fault=kind, count=len(streams))
        raise SpecError(Problem(reason=reason, where="--stream", expected="upstream or downstream"))
    return {"stream": streams[0]}


def _required(kind: type[Fault]) -> tuple[str, ...]:
    return tuple(
        entry.name
        for entry in fields(kind)
        if entry.default is MISSING and entry.default_factory is MISSING and entry.name != "target"
    )
