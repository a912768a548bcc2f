"""Runs one stage: its pytest process, the abort rules after each scenario, and the retries."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.gate.judged import judged
from chaoslab.gate.process import Call, Ended, Record, run_pytest
from chaoslab.gate.pytest_calls import CACHE, PytestCalls
from chaoslab.gate.records import Finished, Selected, Uncollected, scenario_of
from chaoslab.gate.result import Abort, ScenarioResult, StageResult
from chaoslab.gate.rules import broken_rule
from chaoslab.history.files import make_folder
from chaoslab.model.gate import GateStage

_TESTS_RAN = (0, 1)
_CODES = {
    2: "pytest was interrupted",
    3: "pytest had an internal error",
    4: "pytest rejected its options",
    5: "pytest found no test",
}


class StageRun:
    """One stage while it runs: the selected scenarios, and the results so far."""

    def __init__(
        self, calls: PytestCalls, stage: GateStage, folder: Path, expected: Sequence[str]
    ) -> None:
        self._calls, self._stage, self._folder = calls, stage, folder
        self._selected = dict.fromkeys(expected)
        self._root = calls.home
        self._ended: dict[str, ScenarioResult] = {}
        self._uncollected: list[str] = []
        self._begun_s = now_s()

    def run(self, gate_due_s: float) -> StageResult:
        """Run the stage until its end, or until a rule, a deadline or a signal stops it.

        After a KeyboardInterrupt (Ctrl-C or SIGTERM) it returns the results so far.
        """
        make_folder(self._folder)
        due_s = min(gate_due_s, self._begun_s + self._stage.deadline_s)
        abort: Abort | None = None
        code = 0
        try:
            ended = self._pytest(self._calls.stage(self._stage.marker, self._folder), due_s)
            abort, code = ended.stopped, ended.code
            if abort is None and code in _TESTS_RAN:
                abort = self._retry(due_s)
        except KeyboardInterrupt:
            abort = Abort(cause="interrupted", why="the gate was interrupted")
        finally:
            shutil.rmtree(self._folder / CACHE, ignore_errors=True)
        return self._result(abort, code)

    def _pytest(self, call: Call, due_s: float) -> Ended:
        stage_ends = due_s == self._begun_s + self._stage.deadline_s
        limit = "the stage's deadline" if stage_ends else "the gate's deadline"
        within_s = max(0.0, due_s - now_s())
        return run_pytest(call, self._on_record, within_s=within_s, limit=limit)

    def _on_record(self, record: Record) -> Abort | None:
        match record:
            case Selected():
                self._root = Path(record.root)
                self._selected |= dict.fromkeys(record.nodeids)
            case Uncollected():
                self._uncollected.append(record.nodeid)
            case Finished():
                found = judged(record)
                self._add(found.result)
                gate = self._calls.gate
                return broken_rule(self._stage, gate, found.result, found.runs)
        return None

    def _add(self, result: ScenarioResult) -> None:
        """Store a result under its node id. A PASS after another outcome of the same scenario
        becomes FLAKY.
        """
        before = self._ended.get(result.nodeid)
        if before is not None:
            attempts = (*before.attempts, *result.attempts)
            if result.outcome == "PASS":
                note = f"passed at attempt {len(attempts)}, after: {', '.join(before.attempts)}"
                result = replace(result, outcome="FLAKY", reasons=(note, *before.reasons))
            result = replace(result, attempts=attempts, seconds=before.seconds + result.seconds)
        self._ended[result.nodeid] = result

    def _retry(self, due_s: float) -> Abort | None:
        for attempt in range(2, self._calls.gate.retries + 2):
            bad = [r.nodeid for r in self._ended.values() if r.outcome in ("FAIL", "UNKNOWN")]
            if not bad:
                return None
            tests = [f"{self._root / nodeid}" for nodeid in bad]
            ended = self._pytest(self._calls.retry(tests, self._folder, attempt), due_s)
            if ended.stopped is not None:
                return ended.stopped
        return None

    def _result(self, abort: Abort | None, code: int) -> StageResult:
        mistake = ""
        if abort is None and self._uncollected:
            mistake = f"cannot be collected: {', '.join(self._uncollected)}"
        elif abort is None and code in (4, 5):
            mistake = _CODES[code]
        elif abort is None and code not in _TESTS_RAN:
            why = _CODES.get(code) or f"pytest ended with exit code {code}"
            if code < 0:
                why = f"pytest was killed by signal {-code}"
            abort = Abort(cause="pytest", why=why)
        scenarios = self._scenarios("the stage was stopped" if abort else "pytest did not reach it")
        passed = all(each.outcome == "PASS" for each in scenarios)
        doubt = "pytest reports a failure outside all scenarios" if code == 1 and passed else ""
        return StageResult(
            stage=self._stage,
            scenarios=scenarios,
            seconds=round(now_s() - self._begun_s, 3),
            folder=str(self._folder),
            abort=abort,
            mistake=mistake,
            doubt=doubt,
        )

    def _scenarios(self, why_not: str) -> tuple[ScenarioResult, ...]:
        """The result of every selected scenario, and of every other test that ended, such as a
        module that was skipped as a whole.

        `why_not` is the reason for a scenario that was not run.
        """
        wanted = dict.fromkeys((*self._selected, *self._ended))
        return tuple(
            self._ended.get(nodeid)
            or ScenarioResult(
                scenario=scenario_of(nodeid), nodeid=nodeid, outcome="not run", reasons=(why_not,)
            )
            for nodeid in wanted
        )
