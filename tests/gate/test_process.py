"""A pytest process that the gate stops: it is interrupted only if it has scenarios left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from chaoslab.gate.process import Call, run_pytest
from chaoslab.gate.result import Abort

# Stands for pytest: it writes the records of one finished test, and then takes a second to end.
PROGRAM = """
import json, signal, sys, time
interrupted = []
signal.signal(signal.SIGINT, lambda *_: interrupted.append(1))
selected = {"kind": "selected", "nodeids": sys.argv[2:], "root": "."}
finished = {"kind": "finished", "nodeid": "a", "scenario": "a", "outcome": "failed",
            "seconds": 0.1, "folder": None, "folders": [], "reason": ""}
with open(sys.argv[1], "w") as report:
    report.write(json.dumps(selected) + "\\n" + json.dumps(finished) + "\\n")
end = time.monotonic() + 1.0
while time.monotonic() < end and not interrupted:
    time.sleep(0.01)
sys.exit(7 if interrupted else 0)
"""


@pytest.mark.parametrize(("nodeids", "code"), [(["a"], 0), (["a", "b"], 7)])
def test_only_a_process_with_scenarios_left_is_interrupted(
    tmp_path: Path, nodeids: list[str], code: int
) -> None:
    """One that has only its summary left would print a traceback from wherever it is."""
    report = tmp_path / "report"
    command = (sys.executable, "-c", PROGRAM, str(report), *nodeids)
    call = Call(command=command, cwd=tmp_path, env=os.environ, report=report)
    abort = Abort(cause="p1", why="it failed")
    ended = run_pytest(
        call,
        lambda record: abort if record.kind == "finished" else None,
        within_s=60.0,
        limit="the limit",
    )
    assert (ended.code, ended.stopped) == (code, abort)
