"""Writes `--chaos-report FILE` while pytest runs; under xdist the controller does, for all."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chaoslab.gate.records import Finished, Selected, TestOutcome, Uncollected, scenario_of

if TYPE_CHECKING:
    from typing import TextIO

# The user properties in which a test tells the folder of a run, and an error of the lab's own.
RUN_PROPERTY = "chaos_run"
TROUBLE_PROPERTY = "chaos_trouble"
_REASON_CHARACTERS = 6_000
_CRASHED = "???"  # what xdist puts for the phase in which a worker died


def _private(path: str, flags: int) -> int:
    """A descriptor of a file for its owner alone."""
    return os.open(path, flags, 0o600)


class ReportWriter:
    """Hooks of one session; every record is on disk before the next test begins."""

    def __init__(self, path: Path, root: Path) -> None:
        """Open the file anew. Raises OSError where it cannot be written."""
        self._root = str(root)
        self._file: TextIO = open(path, "w", encoding="utf-8", opener=_private)  # noqa: SIM115
        self._phases: defaultdict[str, list[pytest.TestReport]] = defaultdict(list)
        self._selected: tuple[str, ...] | None = None
        self._uncollected: set[str] = set()
        self._deselected: list[str] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._deselected += [item.nodeid for item in items]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._select([item.nodeid for item in session.items], session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._select(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.nodeid in self._uncollected:
            return  # each worker of xdist tells it
        if report.failed or report.skipped:
            self._uncollected.add(report.nodeid)
        if report.failed:
            self._write(Uncollected(nodeid=report.nodeid, reason=_reason([report])))
        elif report.skipped:
            self._write(_finished(report.nodeid, [report]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        phases = self._phases[report.nodeid]
        phases.append(report)
        if report.when in ("teardown", _CRASHED):
            del self._phases[report.nodeid]
            self._write(_finished(report.nodeid, phases))

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _select(self, nodeids: Sequence[str], session: pytest.Session | None = None) -> None:
        # each worker of xdist collects the same, and xdist's controller nothing
        if nodeids and self._selected is None:
            self._selected = tuple(nodeids)
            only = session is not None and session.config.option.collectonly
            more = _markers(session) if session is not None and only else {}
            if only:
                more["deselected"] = tuple(self._deselected)
            self._write(Selected(nodeids=self._selected, root=self._root, **more))

    def _write(self, record: Selected | Finished | Uncollected) -> None:
        self._file.write(json.dumps(asdict(record)) + "\n")
        self._file.flush()


def _markers(session: pytest.Session) -> dict[str, Any]:
    """Each test's markers, and all that are registered (a line for each: name, maybe arguments,
    meaning).
    """
    lines = session.config.getini("markers")
    return {
        "markers": {
            item.nodeid: tuple(dict.fromkeys(mark.name for mark in item.iter_markers()))
            for item in session.items
        },
        "known": tuple(re.split(r"[(:\s]", line, maxsplit=1)[0] for line in lines),
    }


def _finished(
    nodeid: str, phases: Sequence[pytest.TestReport] | Sequence[pytest.CollectReport]
) -> Finished:
    folders = _told(phases, RUN_PROPERTY)
    return Finished(
        nodeid=nodeid,
        scenario=scenario_of(nodeid),
        outcome=_outcome(phases),
        seconds=round(sum(getattr(phase, "duration", 0.0) for phase in phases), 3),
        folder=folders[-1] if folders else None,
        folders=folders,
        reason=_reason(phases),
        trouble=next(iter(_told(phases, TROUBLE_PROPERTY)), ""),
    )


def _told(phases: Sequence[Any], wanted: str) -> tuple[str, ...]:
    """The user properties of one name; each phase repeats those of the phases before."""
    told = [pair for phase in phases for pair in getattr(phase, "user_properties", ())]
    return tuple(dict.fromkeys(str(value) for name, value in told if name == wanted))


def _outcome(phases: Sequence[pytest.TestReport] | Sequence[pytest.CollectReport]) -> TestOutcome:
    failed = [getattr(phase, "when", "collect") for phase in phases if phase.failed]
    if failed:
        return "failed" if failed == ["call"] else "error"
    return "skipped" if any(phase.skipped for phase in phases) else "passed"


def _reason(phases: Sequence[Any]) -> str:
    """The text of the first phase that did not pass; of a long one the end, where the cause is."""
    for phase in phases:
        if phase.failed:
            return str(phase.longreprtext)[-_REASON_CHARACTERS:]
        if phase.skipped:
            if expected := getattr(phase, "wasxfail", ""):
                return f"expected to fail: {expected}"
            told = phase.longrepr[-1] if isinstance(phase.longrepr, tuple) else phase.longrepr
            return str(told).removeprefix("Skipped: ")[-_REASON_CHARACTERS:]
    return ""
