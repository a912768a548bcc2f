"""One expectation with a run that keeps it and runs that do not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from chaoslab import Severed, Stopped
from chaoslab.expectations import Expectation
from chaoslab.expectations.base import Run
from chaoslab.history.events import AnyEvent
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Outcome

from .histories import history_of
from .plans import TOPOLOGY, plan_of

DOWN = Stopped(target="postgres")
OUT = Severed(target="vpc")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One expectation with a run that keeps it and runs that do not."""

    expect: Expectation
    keeps: list[AnyEvent]
    breaks: tuple[list[AnyEvent], ...]
    fault: Declared = OUT

    @cached_property
    def plan(self) -> Plan:
        """Resolved once: a case judges hundreds of histories by it."""
        return plan_of(self.expect, faults=(self.fault,))

    def outcome(self, events: list[AnyEvent]) -> Outcome:
        run = Run(topology=TOPOLOGY, plan=self.plan, history=history_of(events)).of("backend")
        return cast("Expectation", self.plan.expect[0]).judged(run).outcome
