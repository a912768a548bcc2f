"""A run of the matrix as plain data, for programs: codes, data and texts. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from chaoslab.behaviour.dependency import dependencies
from chaoslab.matrix.decision import Decision
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Verdict
from chaoslab.reason import Reason

FORMAT = 1  # of the document; it grows by 1 when a key changes its meaning


def document(run: MatrixRun, decision: Decision, topology: Topology) -> dict[str, object]:
    """The run as plain data."""
    return {
        "format": FORMAT,
        "topology": topology.name,
        "source": topology.source,
        "folder": str(run.folder),
        "seconds": round(run.seconds, 1),
        "interrupted": run.interrupted,
        "cells": [_cell(ran) for ran in run.ran.values()],
        "dependencies": [
            {
                "app": each.app,
                "service": each.service,
                "needs": {str(fault): need for fault, need in each.needs.items()},
            }
            for each in dependencies(ran.behaviour for ran in run.ran.values())
        ],
        "not_healthy": [
            {
                "app": problem.app,
                "after": problem.after,
                "because": [_reason(reason) for reason in problem.because],
                "log": list(problem.log),
                "fix": problem.fix,
            }
            for problem in run.problems
        ],
        "failed": list(decision.failed),
        "needs_more": [_reason(reason) for reason in decision.needs],
        "unknown": list(decision.unknown),
        "tolerated": list(decision.tolerated),
        "known_gaps": {
            name: [_reason(note) for note in notes] for name, notes in decision.gaps.items()
        },
        "decision": decision.text,
        "exit_code": decision.exit_code,
    }


def as_json(run: MatrixRun, decision: Decision, topology: Topology) -> str:
    """The document as JSON."""
    return json.dumps(document(run, decision, topology), indent=2, ensure_ascii=True)


def _cell(ran: Ran) -> dict[str, object]:
    cell = ran.cell
    return {
        "name": cell.name,
        "app": cell.app,
        "target": cell.target,
        "fault": cell.fault,
        "moment": cell.moment,
        "label": cell.label,
        "possible": ran.possible,
        "known": ran.behaviour.known,
        "sentence": ran.behaviour.sentence,
        "lines": [_reason(reason) for reason in ran.behaviour.lines],
        "outcome": ran.outcome.value if ran.outcome else None,
        "verdicts": [_verdict(verdict) for verdict in ran.verdicts],
        "folder": str(ran.folder) if ran.folder else None,
        "took_s": round(ran.took_s, 1),
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "name": verdict.name,
        "outcome": verdict.outcome.value,
        "claim": verdict.claim,
        "because": [_reason(reason) for reason in verdict.because],
    }


def _reason(reason: Reason) -> Mapping[str, object]:
    return {"code": reason.code, "data": dict(reason.data), "text": reason.text}
