"""What every shape of the file is made of: the strict table, and texts that keep a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chaoslab.model.loader.rules import is_path, is_variable


def rule(holds: Callable[[str], bool]) -> AfterValidator:
    """A text must keep a rule; what was expected stands in the field's description."""

    def check(text: str) -> str:
        if not holds(text):
            raise PydanticCustomError("rule", "not allowed here")
        return text

    return AfterValidator(check)


def together(what: str, expected: str, fix: str) -> PydanticCustomError:
    """Keys of a table that each are right, and do not fit together; raised by a validator."""
    said = {"what": what, "expected": expected, "fix": fix}
    return PydanticCustomError("together", "{what}", said)


HttpPath = Annotated[str, rule(is_path)]
NonEmpty = Annotated[str, rule(lambda text: bool(text.strip()))]
NoNul = Annotated[str, rule(lambda text: "\0" not in text)]
VariableName = Annotated[str, rule(is_variable)]
Seconds = Annotated[float, Field(gt=0)]


class Shape(BaseModel):
    """A table of the file: nothing is converted, and no key is passed over in silence.

    Each field's description is what an error gives as expected.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
