"""The base of all shapes of a topology file: a strict table, and texts with a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chaoslab.model.loader.rules import is_path, is_variable


def rule(holds: Callable[[str], bool]) -> AfterValidator:
    """A validator that accepts a text if `holds` is true for it. The field's description says what
    is expected.
    """

    def check(text: str) -> str:
        if not holds(text):
            raise PydanticCustomError("rule", "not allowed here")
        return text

    return AfterValidator(check)


def together(what: str, expected: str, fix: str) -> PydanticCustomError:
    """The error for keys that are valid alone but do not fit together; a validator raises it.
    `what` is the problem.
    """
    context = {"what": what, "expected": expected, "fix": fix}
    return PydanticCustomError("together", "{what}", context)


HttpPath = Annotated[str, rule(is_path), WithJsonSchema({"type": "string", "pattern": r"^/\S*$"})]
NonEmpty = Annotated[
    str,
    rule(lambda text: bool(text.strip())),
    WithJsonSchema({"type": "string", "pattern": r"\S"}),
]
NoNul = Annotated[str, rule(lambda text: "\0" not in text)]
VariableName = Annotated[str, rule(is_variable)]
Seconds = Annotated[float, Field(gt=0)]


class Shape(BaseModel):
    """The base of the shapes: the keys of one table of the file. Values are not converted, and
    unknown keys are errors.

    An error gives the description of the field as what is expected.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
