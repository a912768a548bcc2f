"""The tables `[apps.<name>.policies.<service>]` and `[apps.<name>.needs]`: their shapes, and what
they mean.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, get_args

from pydantic import Field, WrapValidator
from pydantic_core import PydanticCustomError

from chaoslab.model.loader.base import Shape
from chaoslab.model.policy import CutMode, Need, OutageMode, Policies, Policy

_POLICIES: tuple[Policy, ...] = get_args(Policy)
_MODES: tuple[OutageMode, ...] = get_args(OutageMode)
_NEEDS: tuple[Need, ...] = get_args(Need)
_CUTS: tuple[CutMode, ...] = get_args(CutMode)
_WANTED = (
    f"one of: {', '.join(_POLICIES)}; or a table of them with the keys {', '.join(_MODES)}, "
    'for example { refused = "degrade", silent = "unavailable" }'
)
NEEDS = (
    f"for each service one of: {', '.join(_NEEDS)}; or a table of them with the keys "
    f'{", ".join(_CUTS)}, for example postgres = {{ refused = "hard", silent = "soft" }}'
)


def _by_mode(
    what: str,
    words: tuple[str, ...],
    modes: tuple[str, ...],
    value: object,
    table: Callable[[object], dict[str, str]],
) -> dict[str, str]:
    """The word for each mode. One word in the file is that of every mode."""
    if not isinstance(value, str):
        return table(value)
    if value in words:
        return dict.fromkeys(modes, value)
    choices = ", ".join(map(repr, words))
    raise PydanticCustomError("literal_error", "not a {what}", {"what": what, "expected": choices})


PolicyByMode = Annotated[
    dict[OutageMode, Policy],
    WrapValidator(
        partial(_by_mode, "policy", _POLICIES, _MODES),
        json_schema_input_type=Policy | dict[OutageMode, Policy],
    ),
]
NeedByMode = Annotated[
    dict[CutMode, Need],
    WrapValidator(
        partial(_by_mode, "need", _NEEDS, _CUTS),
        json_schema_input_type=Need | dict[CutMode, Need],
    ),
]


class PoliciesShape(Shape):
    """The keys of the table `[apps.<name>.policies.<service>]`."""

    boot: PolicyByMode = Field(default_factory=dict, description=_WANTED)
    running: PolicyByMode = Field(default_factory=dict, description=_WANTED)


def policies(shape: PoliciesShape) -> Policies:
    """The plain data of a table of policies."""
    return Policies(boot=dict(shape.boot), running=dict(shape.running))
