"""Events of the scenario's own steps and probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.history.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(Event):
    """A step of the scenario's own is over. It began at `at_s`. If the step is not `ok`, `error`
    says that it raised, or that it did not end in its time.
    """

    step: str
    took_s: float
    ok: bool
    error: str | None = None
    kind: Literal["step_done"] = "step_done"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSample(Event):
    """One sample of a probe of the scenario's own, begun at `at_s`.

    `value` is what the probe's callable returned, or the beginning of the body of an answer. `app`
    and `boot` name the app that was asked. They are empty and 0 for a callable and for the URL of
    another server.
    """

    probe: str
    took_s: float
    ok: bool
    app: str = ""
    boot: int = 0
    status_code: int | None = None
    value: str | int | float | bool | None = None
    error: str | None = None
    kind: Literal["own_sample"] = "own_sample"
