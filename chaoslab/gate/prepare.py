"""What is looked at before anything runs: the folder, the markers, and what each stage selects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.gate.calls import Calls
from chaoslab.gate.process import ReportFile, quiet
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.model.gate import GateStage
from chaoslab.model.marker import marker_names, may_select

COLLECT_WITHIN_S = 120.0
_OK, _NO_TESTS = 0, 5  # of pytest's exit codes
_LAST_LINES = 8
Told = Mapping[str, tuple[str, ...]]


def selected(calls: Calls, stages: Sequence[GateStage]) -> Told:
    """The node ids that each stage selects, by its name.

    Raises SpecError with every marker that nobody registered, every file that cannot be collected,
    every scenario that the project leaves out, and every stage that selects nothing.
    """
    if not calls.scenarios.is_dir():
        fix = "set gate.scenarios to their folder, relative to the topology file"
        where = f"{calls.topology.source}: gate.scenarios"
        what = f"there is no folder {calls.scenarios}"
        raise SpecError([Problem(where=where, what=what, fix=fix)])
    with tempfile.TemporaryDirectory(prefix="chaoslab-gate-") as scratch:
        call = calls.collect(Path(scratch))
        code, said = quiet(call, within_s=COLLECT_WITHIN_S)
        records = [*ReportFile(call.report).news()]
    found = next((each for each in records if isinstance(each, Selected)), _NOTHING)
    if problems := [*_not_collected(records, code, said), *_left_out(found)]:
        raise SpecError(problems)
    skipped = [each.nodeid for each in records if isinstance(each, Finished)]
    told = {
        stage.name: tuple(
            nodeid
            for nodeid in found.nodeids
            if may_select(stage.marker, found.markers.get(nodeid, ()))
        )
        for stage in stages
    }
    for stage in stages:
        unknown = [*_unknown_markers(calls, stage, found.known)]
        problems += unknown
        if not told[stage.name] and not unknown:
            problems.append(_selects_nothing(calls, stage, skipped))
    if problems:
        raise SpecError(problems)
    return told


_NOTHING = Selected(nodeids=(), root="")


def _left_out(found: Selected) -> Iterator[Problem]:
    """All were asked for: whatever is missing was hidden where a reader of the gate cannot see."""
    for nodeid in found.deselected:
        yield Problem(
            where=nodeid,
            what="is deselected by the project's own pytest options",
            expected="all scenarios collected, so that only the stages' markers select",
            fix="remove --deselect from addopts, or the code in conftest.py that deselects it",
        )


def _where(calls: Calls, stage: GateStage) -> str:
    return f"{calls.topology.source}: gate.stages[{calls.gate.stages.index(stage)}].marker"


def _unknown_markers(calls: Calls, stage: GateStage, known: Sequence[str]) -> Iterator[Problem]:
    for name in marker_names(stage.marker) if known else ():
        if name not in known:
            yield Problem(
                where=_where(calls, stage),
                what=f"unknown marker '{name}'",
                expected="a marker that `pytest --markers` lists",
                fix=did_you_mean(name, known),
            )


def _selects_nothing(calls: Calls, stage: GateStage, skipped: Sequence[str]) -> Problem:
    but = f" ({', '.join(skipped)} skipped)" if skipped else ""
    return Problem(
        where=_where(calls, stage),
        what=f"'{stage.marker}' selects no scenario in {calls.scenarios}{but}",
        fix=f"list the scenarios: pytest {calls.gate.scenarios} --collect-only",
    )


def _not_collected(
    records: Sequence[Selected | Finished | Uncollected], code: int, said: str
) -> Iterator[Problem]:
    broken = [record for record in records if isinstance(record, Uncollected)]
    for record in broken:
        reason = "\n  ".join(record.reason.strip().splitlines()[-_LAST_LINES:])
        yield Problem(where=record.nodeid, what=f"cannot be collected:\n  {reason}")
    if not broken and code not in (_OK, _NO_TESTS):
        lines = [line for line in said.strip().splitlines() if line.strip()][-_LAST_LINES:]
        yield Problem(where="pytest", what=f"exit code {code}:\n  " + "\n  ".join(lines))
