"""The script behind `make test`: every part runs, and the end lists what failed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "every_part.sh"
MAKE = """#!/bin/sh
for part; do :; done
echo "running $part"
case $part in
    bad) echo "FAILED tests/test_a.py::test_b - boom"; exit 2 ;;
    killed) kill -9 $$ ;;
esac
"""


def run(folder: Path, *parts: str) -> tuple[int, str]:
    """Exit code and output of the script with a make that fails as its parts are named."""
    make = folder / "make"
    make.write_text(MAKE)
    make.chmod(0o755)
    ended = subprocess.run(
        ["sh", SCRIPT, make, *parts], capture_output=True, text=True, timeout=30, check=False
    )
    return ended.returncode, ended.stdout


def test_every_part_runs_after_a_failure_and_the_end_lists_it(tmp_path: Path) -> None:
    """One failed part stops none, and its failed tests stand below its name."""
    code, text = run(tmp_path, "good", "bad", "killed", "last")
    assert code == 1
    assert [line for line in text.splitlines() if line.startswith("running")] == [
        "running good",
        "running bad",
        "running killed",
        "running last",
    ]
    _, _, end = text.partition("running last\n")
    assert re.sub(r"\d+ s", "N s", end).split("\n") == [
        "",
        *("good took N s", "bad took N s", "killed took N s", "last took N s"),
        "bad failed:",
        "  FAILED tests/test_a.py::test_b - boom",
        "killed failed:",
        "failed parts: bad killed",
        "",
    ]


def test_parts_that_all_pass_end_with_their_names(tmp_path: Path) -> None:
    """Exit code 0, and what was checked."""
    code, text = run(tmp_path, "good", "last")
    assert code == 0
    assert text.endswith("all parts passed: good last\n")
