"""Writes the selected tests, and the result of each as soon as it ends, to `--chaos-report FILE`.

Under xdist only the controller writes.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chaoslab.errors import ChaoslabError, Problem
from chaoslab.gate.records import Finished, Selected, TestOutcome, Uncollected, scenario_of
from chaoslab.reason import Reason

if TYPE_CHECKING:
    from typing import TextIO

# The user properties of a test: the folder of a run, that of a search for the length that breaks
# the app, the type of the lab's error, its problems as JSON.
RUN_PROPERTY = "chaos_run"
HOW_LONG_PROPERTY = "chaos_how_long"
TROUBLE_PROPERTY = "chaos_trouble"
PROBLEMS_PROPERTY = "chaos_problems"
_REASON_CHARACTERS = 6_000
_CRASHED = "???"  # xdist's name for the phase in which a worker died


def problems_property(error: ChaoslabError) -> tuple[str, str]:
    """The name and the value (JSON text) of a user property with the problems of an error.
    `ReportWriter` reads this property.
    """
    return PROBLEMS_PROPERTY, json.dumps([asdict(problem) for problem in error.problems])


def _private(path: str, flags: int) -> int:
    """Open a file so that only its owner may read it, and return its descriptor. For
    `open(opener=...)`.
    """
    return os.open(path, flags, 0o600)


class ReportWriter:
    """The pytest hooks that write the records of one session.

    Each record is on disk before the next test begins.
    """

    def __init__(self, path: Path, root: Path) -> None:
        """Open and empty the file. Raises OSError if it cannot be written."""
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
            return  # every worker of xdist reports it
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
        # under xdist each worker collects the same tests, and the controller collects none
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
    """The arguments `markers` and `known` of `Selected`: the markers of each test, and the names of
    all registered markers.
    """
    lines = session.config.getini("markers")  # each as `name: meaning` or `name(arguments): …`
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
    folders = _values(phases, RUN_PROPERTY)
    return Finished(
        nodeid=nodeid,
        scenario=scenario_of(nodeid),
        outcome=_outcome(phases),
        seconds=round(sum(getattr(phase, "duration", 0.0) for phase in phases), 3),
        folder=folders[-1] if folders else None,
        folders=folders,
        searches=_values(phases, HOW_LONG_PROPERTY),
        reason=_reason(phases),
        trouble=next(iter(_values(phases, TROUBLE_PROPERTY)), ""),
        problems=tuple(_problems(_values(phases, PROBLEMS_PROPERTY))),
    )


def _problems(texts: Iterable[str]) -> Iterator[Problem]:
    for each in (each for text in texts for each in json.loads(text)):
        yield Problem(**(each | {"reason": Reason(**each["reason"])}))


def _values(phases: Sequence[Any], wanted: str) -> tuple[str, ...]:
    """The values of the user property `wanted`, each once: a phase repeats the values of earlier
    phases.
    """
    pairs = [pair for phase in phases for pair in getattr(phase, "user_properties", ())]
    return tuple(dict.fromkeys(str(value) for name, value in pairs if name == wanted))


def _outcome(phases: Sequence[pytest.TestReport] | Sequence[pytest.CollectReport]) -> TestOutcome:
    failed = [getattr(phase, "when", "collect") for phase in phases if phase.failed]
    if failed:
        return "failed" if failed == ["call"] else "error"
    return "skipped" if any(phase.skipped for phase in phases) else "passed"


def _reason(phases: Sequence[Any]) -> str:
    """Why a test did not pass: the text of its first phase that failed or was skipped. Empty if all
    phases passed. Only the end of a long text is kept.
    """
    for phase in phases:
        if phase.failed:
            return str(phase.longreprtext)[-_REASON_CHARACTERS:]
        if phase.skipped:
            if expected := getattr(phase, "wasxfail", ""):
                return f"expected to fail: {expected}"
            text = phase.longrepr[-1] if isinstance(phase.longrepr, tuple) else phase.longrepr
            return str(text).removeprefix("Skipped: ")[-_REASON_CHARACTERS:]
    return ""
