"""Problems as data: what a test expects (place, code, data, a part of the hint), and made ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.errors import Problem
from chaoslab.reason import Reason, Value


@dataclass(frozen=True, slots=True)
class Expected:
    """`place` is below the file or the plan; `hint` stands in what was expected, or in the fix."""

    place: str
    code: str
    data: Mapping[str, Value]
    hint: str = ""

    def check(self, problem: Problem) -> None:
        """Compare a problem; its texts may be worded in any other way."""
        found = (place_of(problem), problem.code, dict(problem.data))
        assert found == (self.place, self.code, self.data)
        assert problem.expected or problem.fix
        assert self.hint in f"{problem.expected}; {problem.fix}"


def place_of(problem: Problem) -> str:
    """The place of a problem below the file or the plan; empty for the whole of it."""
    return problem.where.partition(": ")[2]


def wrong(place: str, code: str, /, hint: str = "", **data: Value) -> Expected:
    """A problem with that code, as `wrong("apps.backend.port", "topology.port_taken", port=1)`."""
    return Expected(place, code, data, hint)


def problem(text: str) -> Problem:
    """A problem with that text and a code that no module of chaoslab has."""
    return Problem(reason=Reason(code="test.wrong", text=text))
