"""The base of the claims on what an app does while one fault is in force. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from chaoslab.errors import Problem
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation
from chaoslab.model.expectation import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class OfFault(Expectation):
    """A claim about the time in which `fault` is in force: by default the plan's first fault. It
    rests on that fault, too.
    """

    fault: str = ""

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        mine = [f for f in place.plan.faults if f.label == self.fault or not self.fault][:1]
        yield from needs.healed(place, self, mine)

    @property
    def named_faults(self) -> tuple[str, ...]:
        return (self.fault,)

    def with_faults(self, labels: tuple[str, ...]) -> Self:
        rests_on = labels if self.rests_on is None else self.rests_on
        return replace(self, rests_on=rests_on, fault=self.fault or next(iter(labels), ""))
