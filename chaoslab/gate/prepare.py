"""What is looked at before anything runs: the folder, the markers, and what each stage selects."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.gate.calls import Calls
from chaoslab.gate.process import ReportFile, quiet
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.spec.gate import GateStage
from chaoslab.spec.marker import marker_names

COLLECT_WITHIN_S = 120.0
_MARKER = re.compile(r"^@pytest\.mark\.(\w+)", re.MULTILINE)
_OK, _NOTHING_SELECTED = 0, 5  # of pytest's exit codes
_LAST_LINES = 8
Told = Mapping[str, tuple[str, ...]]


def selected(calls: Calls, stages: Sequence[GateStage]) -> Told:
    """The node ids that each stage selects, by its name.

    Raises SpecError with every marker that nobody registered, every file that cannot be collected,
    and every stage that selects nothing.
    """
    if not calls.scenarios.is_dir():
        mend = "say in gate.scenarios where they are, as seen from the topology's folder"
        where = f"{calls.topology.source}: gate.scenarios"
        what = f"there is no folder {calls.scenarios}"
        raise SpecError([Problem(where=where, what=what, mend=mend)])
    with tempfile.TemporaryDirectory(prefix="chaoslab-gate-") as scratch:
        folders = [Path(scratch) / str(number) for number in range(len(stages) + 1)]
        for folder in folders:
            folder.mkdir()
        collected = [
            calls.collect(stage.marker, folder)
            for stage, folder in zip(stages, folders[1:], strict=True)
        ]
        (_, markers), *ends = quiet(
            (calls.markers(folders[0]), *collected), within_s=COLLECT_WITHIN_S
        )
        records = [[*ReportFile(call.report).news()] for call in collected]
    problems = [*_unknown_markers(calls, stages, markers)]
    found: dict[str, tuple[str, ...]] = {}
    for stage, (code, said), told in zip(stages, ends, records, strict=True):
        problems += _problems(calls, stage, code, said, told)
        chosen = (record.nodeids for record in told if isinstance(record, Selected))
        found[stage.name] = next(chosen, ())
    if problems:
        raise SpecError(dict.fromkeys(problems))
    return found


def _where(calls: Calls, stage: GateStage) -> str:
    assert calls.topology.gate is not None
    names = [each.name for each in calls.topology.gate.stages]
    return f"{calls.topology.source}: gate.stages[{names.index(stage.name)}]"


def _unknown_markers(calls: Calls, stages: Sequence[GateStage], said: str) -> Iterator[Problem]:
    known = sorted(set(_MARKER.findall(said)))
    for stage in stages:
        for name in marker_names(stage.marker) if known else ():
            if name not in known:
                yield Problem(
                    where=f"{_where(calls, stage)}.marker",
                    what=f"unknown marker '{name}'",
                    expected="a marker that `pytest --markers` lists",
                    mend=did_you_mean(name, known),
                )


def _problems(
    calls: Calls,
    stage: GateStage,
    code: int,
    said: str,
    told: Sequence[Selected | Finished | Uncollected],
) -> Iterator[Problem]:
    broken = [record for record in told if isinstance(record, Uncollected)]
    for record in broken:
        reason = "\n  ".join(record.reason.strip().splitlines()[-_LAST_LINES:])
        yield Problem(where=record.nodeid, what=f"cannot be collected:\n  {reason}")
    if broken:
        return
    chose = any(isinstance(record, Selected) for record in told)
    if code == _NOTHING_SELECTED or (code == _OK and not chose):
        skipped = [record.nodeid for record in told if isinstance(record, Finished)]
        yield Problem(
            where=f"{_where(calls, stage)}.marker",
            what=f"'{stage.marker}' selects no scenario in {calls.scenarios}"
            + (f" ({', '.join(skipped)} skipped)" if skipped else ""),
            mend=f"see what there is: pytest {calls.gate.scenarios} --collect-only",
        )
        return
    if code != _OK:
        lines = [line for line in said.strip().splitlines() if line.strip()][-_LAST_LINES:]
        yield Problem(where="pytest", what=f"ended with {code}:\n  " + "\n  ".join(lines))
