"""The tables `[apps.<name>.policies.<service>]`: their shape, and the policies that they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, get_args

from pydantic import Field, WrapValidator
from pydantic_core import PydanticCustomError

from chaoslab.model.loader.base import Shape
from chaoslab.model.policy import OutageMode, Policies, Policy

_POLICIES: tuple[Policy, ...] = get_args(Policy)
_MODES: tuple[OutageMode, ...] = get_args(OutageMode)
_WANTED = (
    f"one of: {', '.join(_POLICIES)}; or a table of them with the keys {', '.join(_MODES)}, "
    'for example { refused = "degrade", silent = "unavailable" }'
)
Tables = dict[OutageMode, Policy]


def _by_mode(value: object, table: Callable[[object], Tables]) -> Tables:
    """The policy for each mode. One policy in the file is that of every mode."""
    if not isinstance(value, str):
        return table(value)
    for policy in _POLICIES:
        if policy == value:
            return dict.fromkeys(_MODES, policy)
    choices = ", ".join(map(repr, _POLICIES))
    raise PydanticCustomError("literal_error", "not a policy", {"expected": choices})


ByMode = Annotated[Tables, WrapValidator(_by_mode, json_schema_input_type=Policy | Tables)]


class PoliciesShape(Shape):
    """The keys of the table `[apps.<name>.policies.<service>]`."""

    boot: ByMode = Field(default_factory=dict, description=_WANTED)
    running: ByMode = Field(default_factory=dict, description=_WANTED)


def policies(shape: PoliciesShape) -> Policies:
    """The plain data of a table of policies."""
    return Policies(boot=dict(shape.boot), running=dict(shape.running))
