"""A reason as a saved file has it: with its code, or as the bare text of an older run. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from chaoslab.reason import Reason

UNCODED = "text"  # the code of reasons that were saved before they had one


def _with_code(value: object) -> Any:
    return Reason(code=UNCODED, text=value) if isinstance(value, str) else value


SavedReason = Annotated[Reason, BeforeValidator(_with_code)]
