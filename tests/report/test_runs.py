"""A run is found by path, by name, or as the newest one; other names are errors with a fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_boots import MakeRun

from chaoslab.errors import SpecError
from chaoslab.history.run_folder import RunFolder
from chaoslab.report.runs import chosen_runs, newest_run, saved_verdicts


def test_the_newest_run_is_the_one_begun_last(make_run: MakeRun, tmp_path: Path) -> None:
    """A report written into an older run later on does not make it the newest."""
    first, second = make_run("b"), make_run("a")
    (first / "boots.csv").write_text("", encoding="utf-8")
    assert newest_run(tmp_path / "results") == second
    assert chosen_runs((), tmp_path / "results") == (second,)


def test_runs_are_named_by_path_or_by_name(make_run: MakeRun, tmp_path: Path) -> None:
    """The order is kept, because the others are compared with the first one."""
    first, second = make_run("a"), make_run("b")
    assert chosen_runs(("b", str(first)), tmp_path / "results") == (second, first)


def test_one_scenario_of_a_run_may_be_named(make_run: MakeRun, tmp_path: Path) -> None:
    """A scenario's own folder is a run of one."""
    scenario = make_run("a") / "severed_before_start"
    assert chosen_runs((str(scenario),), tmp_path / "results") == (scenario,)


def test_all_names_that_are_not_runs_are_reported_at_once(
    make_run: MakeRun, tmp_path: Path
) -> None:
    """With the runs that there are, and the one that was probably meant."""
    make_run("2026-11-21T10")
    with pytest.raises(SpecError) as caught:
        chosen_runs(("2026-11-21T01", str(tmp_path)), tmp_path / "results")
    first, second = caught.value.problems
    assert first.what == "unknown run '2026-11-21T01'"
    assert first.expected == "one of: 2026-11-21T10"
    assert first.fix == "did you mean '2026-11-21T10'?"
    assert second.what == "contains no run"
    assert [first.code, second.code] == ["name.unknown", "run.none"]


def test_without_any_run_the_error_has_the_fix(tmp_path: Path) -> None:
    """Before the first run there is nothing to report."""
    with pytest.raises(SpecError, match="run a scenario first"):
        newest_run(tmp_path / "results")


def test_verdicts_that_were_saved_before_reasons_had_codes_are_read(tmp_path: Path) -> None:
    """A bare text is a reason with the code `text`."""
    saved = {"name": "starts", "outcome": "FAIL", "claim": "it starts", "rests_on": []}
    (tmp_path / "verdicts.json").write_text(json.dumps([{**saved, "because": ["never listened"]}]))
    (verdict,) = saved_verdicts(RunFolder(tmp_path)) or ()
    assert [(reason.code, reason.text) for reason in verdict.because] == [
        ("text", "never listened")
    ]
