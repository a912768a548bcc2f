"""What a finished run prints of itself."""

from __future__ import annotations

import subprocess
import sys
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
