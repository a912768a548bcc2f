"""Events of writes through an app, and of what its database holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from chaoslab.history.events.base import Event

WriteOutcome = Literal["ok", "failed", "indeterminate"]
WritePurpose = Literal["load", "proof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Event):
    """One write through the app, sent at `at_s`.

    `outcome`: `ok` is an acknowledgement, `failed` is any other answer, `indeterminate` is no
    answer: the write may or may not be in the database. `answer` is the beginning of the body of an
    answer that is no acknowledgement. `fresh`: it was sent on a new connection, not on one that was
    kept alive.
    """

    app: str
    op: str
    outcome: WriteOutcome
    took_s: float
    status_code: int | None = None
    retry_after: bool = False
    error: str | None = None
    answer: Annotated[str | None, Field(validation_alias=AliasChoices("answer", "said"))] = None
    purpose: WritePurpose = "load"
    fresh: bool = True
    kind: Literal["write"] = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack(Event):
    """Which of an app's writes the lab found in the database. It read the database directly, past
    every proxy, beginning at `at_s`.

    `repeated` maps each id that has more than one row to its number of rows. `repeated` is None in
    runs that were saved before rows were counted.
    """

    app: str
    service: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    repeated: Mapping[str, int] | None = None
    kind: Literal["read_back"] = "read_back"
