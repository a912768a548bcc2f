"""The records that a pytest session writes to `--chaos-report FILE`, one JSON object a line.

The plugin imports this file in every pytest session, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.errors import Problem

TestOutcome = Literal["passed", "failed", "skipped", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The tests that the session will run, as node ids; their paths are relative to `root`.

    With --collect-only it also has the `markers` of each test, the `known` markers that are
    registered, and the tests that were `deselected`.
    """

    nodeids: tuple[str, ...]
    root: str
    markers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    kind: Literal["selected"] = "selected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One test that ended. `error` is a failure outside the test itself, or of a worker process.

    `folders` are the run folders of its plans in order, and `folder` is the last one; None if
    nothing ran. `searches` are the folders of its calls of `chaos.how_long`. `reason` is pytest's
    text of the failure or skip. `trouble` is the type of the lab's own error, as in
    `ServiceFailed`, and `problems` are its problems. A module that is skipped as a whole is one
    skipped test.
    """

    nodeid: str
    scenario: str
    outcome: TestOutcome
    seconds: float
    folder: str | None
    folders: tuple[str, ...]
    reason: str
    trouble: str = ""
    problems: tuple[Problem, ...] = ()
    searches: tuple[str, ...] = ()
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncollected:
    """A file, or a part of a file, that pytest could not collect."""

    nodeid: str
    reason: str
    kind: Literal["uncollected"] = "uncollected"


def scenario_of(nodeid: str) -> str:
    """The name of the scenario with this node id.

    For `scenarios/test_vpc_outage.py::test_severed[dropped]` it is `vpc_outage::severed[dropped]`.
    """
    file, _, inside = nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    plain, bracket, parameters = inside.partition("[")
    *classes, test = plain.split("::")
    named = "::".join((module, *classes, test.removeprefix("test_")))
    return (named if inside else module) + bracket + parameters
