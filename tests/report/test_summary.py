"""What a finished run prints of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.report.summary import summary

INFO = RunInfo(
    scenario="a", seed=1, runtime="local", proxy="embedded", started_at="2026-01-01T00:00:00+00:00",
    chaoslab="0", python="3", machine="m",
)  # fmt: skip


def test_a_run_without_a_boot_has_no_table(tmp_path: Path) -> None:
    """An empty table would look like a result."""
    folder = RunFolder(tmp_path / "a")
    folder.save_before(Topology(name="t", services={}, apps={}), Plan(name="a"), INFO)
    folder.history_path.touch()
    assert list(summary(tmp_path)) == ["runtime local", "no app was spawned"]
    assert not (tmp_path / "boots.csv").exists()


def saved(folder: Path, **changed: str) -> None:
    """A scenario of a session, with these facts of its run."""
    made = RunFolder(folder)
    plan = Plan(name=folder.name)
    made.save_before(Topology(name="t", services={}, apps={}), plan, replace(INFO, **changed))
    made.history_path.touch()


def test_each_runtime_of_a_session_is_named_once_with_what_it_does_not_observe(
    tmp_path: Path,
) -> None:
    """Scenarios share one, unless a worker found namespaces forbidden."""
    for name in ("a", "b"):
        saved(tmp_path / name, runtime="netns")
    saved(tmp_path / "c", runtime="loopback", runtime_note="not netns: x; not observed there: y")
    assert list(summary(tmp_path))[:-1] == [
        "runtime loopback; not netns: x; not observed there: y",
        "runtime netns",
    ]


def test_a_run_of_before_there_were_notes_is_still_read(tmp_path: Path) -> None:
    """Its runtime keeps the name that it had."""
    saved(tmp_path / "a")
    path = tmp_path / "a" / "run.json"
    facts = json.loads(path.read_text())
    del facts["runtime_note"]
    path.write_text(json.dumps(facts))
    assert next(iter(summary(tmp_path))) == "runtime local"


def test_the_table_of_a_run_needs_no_pandas() -> None:
    """Every session with a scenario prints it, and pandas costs half a second of a core."""
    code = (
        "import sys, chaoslab.report.summary\n"
        "heavy = {'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
