"""The command-line options of the faults, made from the fields of their classes."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any, get_type_hints

import click

from chaoslab.export.declared import kinds, option_of
from chaoslab.export.yaml_text import settings

_MOST = {"_kb_per_s": 4_000_000, "_s": 86_400}  # the largest value by unit: an int32, and a day


@cache
def fault_argument() -> click.Argument:
    """The argument FAULT of the command: the name of a kind of fault."""
    return click.Argument(["fault"], type=click.Choice(tuple(kinds())), metavar="FAULT")


@cache
def fault_options() -> tuple[click.Option, ...]:
    """One option for each field of a fault; faults with the same field share the option."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    types: dict[str, object] = {}
    for kind, fault in kinds().items():
        hints = get_type_hints(fault)
        for name in settings(fault):
            several = " (may be repeated)" if name == "streams" else ""
            users[option_of(name)].append(kind + several)
            types[option_of(name)] = hints[name]
    return tuple(_option(flag, types[flag], users[flag]) for flag in users)


def _option(flag: str, hint: object, users: list[str]) -> click.Option:
    if flag == "--stream":
        help_ = f"upstream or downstream; {', '.join(users)}."
        return click.Option([flag, "streams"], multiple=True, help=help_)
    return click.Option([flag], type=_type(flag, hint), help=f"{', '.join(users)}.")


def _type(flag: str, hint: object) -> click.ParamType[Any]:
    unit = next((unit for unit in _MOST if flag.replace("-", "_").endswith(unit)), None)
    if hint is int:
        return click.IntRange(max=_MOST[unit]) if unit else click.INT
    if hint is float:
        return click.FloatRange(max=_MOST[unit]) if unit else click.FLOAT
    return click.STRING
