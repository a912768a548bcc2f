"""Writes `verdict.json`, the result of a gate for programs: docs/verdict.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from chaoslab.errors import Problem
from chaoslab.gate.rates import rates
from chaoslab.gate.result import GateResult, RoundResult, ScenarioResult, StageResult
from chaoslab.history.files import write_file
from chaoslab.report.how_long import document as how_long_document

SCHEMA_VERSION = 2  # 2: a reason of a verdict and a problem of the lab have code, data and text
Json = Mapping[str, object]


def document(result: GateResult) -> Json:
    """The result of a gate as plain values for JSON.

    Run folders are relative to the gate's own folder.
    """
    return {
        "version": SCHEMA_VERSION,
        "decision": result.decision.value,
        "exit_code": result.decision.exit_code,
        "why": list(result.why),
        "chaoslab": version("chaoslab"),
        "topology": {"name": result.topology, "source": result.source},
        "runtime": asdict(result.runtime),
        "commands": list(result.commands),
        "workers": result.workers,
        "retries": result.retries,
        "repeat": result.repeat,
        "started_at": result.started_at,
        "seconds": result.seconds,
        "preflight": _preflight(result),
        "rounds": [_round(each, Path(result.folder)) for each in result.rounds],
        "rates": [asdict(rate) for rate in rates(result.rounds)],
    }


def save_document(result: GateResult) -> Path:
    """Write `verdict.json` into the gate's folder, and return its path."""
    path = Path(result.folder) / "verdict.json"
    text = json.dumps(document(result), indent=2, ensure_ascii=False)
    write_file(path, (text + "\n").encode("utf-8", "replace"))
    return path


def _preflight(result: GateResult) -> Json | None:
    if result.preflight is None:
        return None
    return {
        "decision": "refused" if result.preflight.findings else "passed",
        "file": result.preflight.file,
        "findings": [asdict(each) for each in result.preflight.findings],
        "checked": [asdict(each) for each in result.preflight.checks],
    }


def _round(each: RoundResult, home: Path) -> Json:
    return {
        "decision": each.decision.value,
        "stages": [_stage(stage, home) for stage in each.stages],
        "not_reached": list(each.not_reached),
    }


def _stage(result: StageResult, home: Path) -> Json:
    stage = result.stage
    return {
        "name": stage.name,
        "marker": stage.marker,
        "decision": result.decision.value,
        "why": result.why,
        "abort": asdict(result.abort) if result.abort else None,
        "pass_rate": {"required": stage.pass_rate, "got": round(result.pass_rate, 6)},
        "counts": dict(result.counts),
        "seconds": result.seconds,
        "scenarios": [_scenario(each, home) for each in result.scenarios],
    }


def _scenario(result: ScenarioResult, home: Path) -> Json:
    return {
        "scenario": result.scenario,
        "nodeid": result.nodeid,
        "outcome": result.outcome,
        "attempts": list(result.attempts),
        "seconds": round(result.seconds, 3),
        "reasons": list(result.reasons),
        "problems": [_problem(problem) for problem in result.problems],
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
        "folders": [_relative(folder, home) for folder in result.folders],
        "how_long": [how_long_document(search) for search in result.how_long],
    }


def _problem(problem: Problem) -> Json:
    return {
        "code": problem.code,
        "text": problem.what,
        "data": dict(problem.data),
        "where": problem.where,
        "expected": problem.expected,
        "got": problem.got,
        "fix": problem.fix,
        "lines": list(problem.lines),
    }


def _relative(folder: str, home: Path) -> str:
    """The path of a run's folder: relative to the gate's folder `home` if the run is inside that
    folder.
    """
    path = Path(folder)
    return str(path.relative_to(home)) if path.is_relative_to(home) else folder
