"""What a pytest session reports of its scenarios, one record a line: `--chaos-report FILE`.

Only the standard library is imported: the plugin loads this file in every session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TestOutcome = Literal["passed", "failed", "skipped", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The tests that the session is about to run, by node id, which is a path below `root`.

    Where they are only collected, `markers` has those of each test, `known` are all that are
    registered, and `deselected` are tests that something has left out.
    """

    nodeids: tuple[str, ...]
    root: str
    markers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    kind: Literal["selected"] = "selected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One test that ended. `error` is a failure outside the test itself, or a worker's death.

    `folders` are the run folders of its plans, in order, and `folder` is the last of them, with
    which a test that was refused ended; None where nothing was run. `reason` is pytest's own text
    of the failure or the skip. `trouble` names the error, as in `ServiceFailed`, with which the lab
    itself gave up. A module that is skipped as a whole is reported as one skipped test.
    """

    nodeid: str
    scenario: str
    outcome: TestOutcome
    seconds: float
    folder: str | None
    folders: tuple[str, ...]
    reason: str
    trouble: str = ""
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncollected:
    """A file, or a part of one, that could not be collected."""

    nodeid: str
    reason: str
    kind: Literal["uncollected"] = "uncollected"


def scenario_of(nodeid: str) -> str:
    """`scenarios/test_vpc_outage.py::test_severed[dropped]` -> `vpc_outage::severed[dropped]`."""
    file, _, inside = nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    plain, bracket, parameters = inside.partition("[")
    *classes, test = plain.split("::")
    named = "::".join((module, *classes, test.removeprefix("test_")))
    return (named if inside else module) + bracket + parameters
