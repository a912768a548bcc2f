"""Checks before the first stage: the folder of the scenarios, the markers, and the tests that each
stage selects.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.gate.process import PYTEST_FAILED, ReportFile, run_quietly
from chaoslab.gate.pytest_calls import PytestCalls
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.model.gate import GateStage
from chaoslab.model.marker import marker_names, may_select

COLLECT_WITHIN_S = 120.0
_OK, _NO_TESTS = 0, 5  # of pytest's exit codes
_LAST_LINES = 8
Selection = Mapping[str, tuple[str, ...]]  # the node ids of each stage, by the stage's name

NO_FOLDER = ErrorCode(
    "gate.no_folder", "there is no folder {folder}", "The folder of the scenarios does not exist."
)
DESELECTED = ErrorCode(
    "gate.deselected",
    "is deselected by the project's own pytest options",
    "The project deselects a scenario, so that no stage can select it.",
)
SELECTS_NOTHING = ErrorCode(
    "gate.selects_nothing",
    "'{marker}' selects no scenario in {folder}",
    "The marker expression of a stage selects no scenario.",
    data=("skipped",),
)
NOT_COLLECTED = ErrorCode(
    "gate.not_collected", "cannot be collected", "Pytest could not collect a file of scenarios."
)


def selected(calls: PytestCalls, stages: Sequence[GateStage]) -> Selection:
    """Maps the name of each stage to the node ids of the tests that it selects.

    Raises SpecError with every marker that is not registered, every file that cannot be collected,
    every scenario that the project leaves out, and every stage that selects nothing.
    """
    if not calls.scenarios.is_dir():
        fix = "set gate.scenarios to their folder, relative to the topology file"
        where = f"{calls.topology.source}: gate.scenarios"
        reason = NO_FOLDER(folder=str(calls.scenarios))
        raise SpecError(Problem(reason=reason, where=where, fix=fix))
    with tempfile.TemporaryDirectory(prefix="chaoslab-gate-") as scratch:
        call = calls.collect(Path(scratch))
        code, output = run_quietly(call, within_s=COLLECT_WITHIN_S)
        records = [*ReportFile(call.report).new_records()]
    found = next((each for each in records if isinstance(each, Selected)), _NOTHING)
    if problems := [*_not_collected(records, code, output), *_deselected(found)]:
        raise SpecError(problems)
    skipped = [each.nodeid for each in records if isinstance(each, Finished)]
    selection = {
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
        if not selection[stage.name] and not unknown:
            problems.append(_selects_nothing(calls, stage, skipped))
    if problems:
        raise SpecError(problems)
    return selection


_NOTHING = Selected(nodeids=(), root="")


def _deselected(found: Selected) -> Iterator[Problem]:
    """A problem for each deselected test.

    The gate collects all tests, so only the project itself can have deselected one.
    """
    for nodeid in found.deselected:
        yield Problem(
            reason=DESELECTED(),
            where=nodeid,
            expected="all scenarios collected, so that only the stages' markers select",
            fix="remove --deselect from addopts, or the code in conftest.py that deselects it",
        )


def _where(calls: PytestCalls, stage: GateStage) -> str:
    return f"{calls.topology.source}: gate.stages[{calls.gate.stages.index(stage)}].marker"


def _unknown_markers(
    calls: PytestCalls, stage: GateStage, known: Sequence[str]
) -> Iterator[Problem]:
    for name in marker_names(stage.marker) if known else ():
        if name not in known:
            yield Problem(
                reason=UNKNOWN_NAME(kind="marker", name=name),
                where=_where(calls, stage),
                expected="a marker that `pytest --markers` lists",
                fix=did_you_mean(name, known),
            )


def _selects_nothing(calls: PytestCalls, stage: GateStage, skipped: Sequence[str]) -> Problem:
    reason = SELECTS_NOTHING(marker=stage.marker, folder=str(calls.scenarios), skipped=skipped)
    return Problem(
        reason=reason,
        where=_where(calls, stage),
        got=f"skipped: {', '.join(skipped)}" if skipped else "",
        fix=f"list the scenarios: pytest {calls.gate.scenarios} --collect-only",
    )


def _not_collected(
    records: Sequence[Selected | Finished | Uncollected], code: int, output: str
) -> Iterator[Problem]:
    broken = [record for record in records if isinstance(record, Uncollected)]
    for record in broken:
        lines = record.reason.strip().splitlines()[-_LAST_LINES:]
        yield Problem(reason=NOT_COLLECTED(), where=record.nodeid, lines=tuple(lines))
    if not broken and code not in (_OK, _NO_TESTS):
        lines = [line for line in output.strip().splitlines() if line.strip()][-_LAST_LINES:]
        yield Problem(reason=PYTEST_FAILED(exit_code=code), lines=tuple(lines))
