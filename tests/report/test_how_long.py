"""A saved search is read again with its runs, and judged by the verdicts that they have now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from verdicts.lengths import saved, search, verdict

from chaoslab.cli import main
from chaoslab.errors import SpecError
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome
from chaoslab.report.how_long import line, read_how_long, save_how_long, saved_searches
from chaoslab.report.properties import lengths_of
from chaoslab.report.runs import save_verdicts


def test_a_search_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """With the reasons of each length; programs find the two lengths and the verdict in the
    file.
    """
    place = saved(tmp_path, search(1, 2, 3, at_least_s=1), "survived", "broke")
    assert list(saved_searches(tmp_path)) == [place]
    found = read_how_long(place)
    assert (found.survives_s, found.breaks_at_s, found.not_tried_s) == (1, 2, (3,))
    assert found.passed
    assert line("a", found) == f"PASS a: {found.text}"
    assert lengths_of(found) == [("how_long.1_s", "survived"), ("how_long.2_s", "broke")]
    data = json.loads((place / "how_long.json").read_text())
    assert (data["survives_s"], data["breaks_at_s"], data["version"]) == (1, 2, 1)
    assert data["verdict"]["outcome"] == "PASS"
    assert [each["held_s"] for each in data["tried"]] == [1.2, 2.2]
    save_how_long(place, found)
    assert json.loads((place / "how_long.json").read_text()) == data


def test_it_follows_the_verdicts_that_its_runs_have_now(tmp_path: Path) -> None:
    """What the file says of a length is not believed; a run without verdicts is undecided."""
    place = saved(tmp_path, search(1, 2, at_least_s=1), "broke", "survived")
    assert read_how_long(place).verdict.outcome is Outcome.FAIL
    save_verdicts(RunFolder(tmp_path / "a-1s"), (verdict(Outcome.PASS, "cut"),))
    assert read_how_long(place).survives_s == 2
    RunFolder(tmp_path / "a-2s").verdicts_path.unlink()
    assert read_how_long(place).undecided_s == (2,)


@pytest.mark.parametrize("lost", ["a-how_long/how_long.json", "a-1s/history.jsonl"])
def test_a_search_that_lost_a_file_is_named(tmp_path: Path, lost: str) -> None:
    """With the file."""
    place = saved(tmp_path, search(1), "survived")
    (tmp_path / lost).unlink()
    with pytest.raises(SpecError, match=lost):
        read_how_long(place)


def test_a_file_of_others_is_no_search(tmp_path: Path) -> None:
    """As for the other files of a run."""
    place = saved(tmp_path, search(1), "survived")
    (place / "how_long.json").write_text('{"search": {}}')
    with pytest.raises(SpecError) as raised:
        read_how_long(place)
    assert raised.value.code == "run.not_readable"


@pytest.mark.parametrize(("at_least_s", "code"), [(None, 0), (1.0, 0), (2.0, 1)])
def test_analyze_forgives_only_lengths_that_are_not_required(
    tmp_path: Path, at_least_s: float | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It judges the runs again, and then the search."""
    saved(tmp_path, search(1, 2, at_least_s=at_least_s), "survived", "broke")
    judged = {"a-1s": Outcome.PASS, "a-2s": Outcome.FAIL}
    monkeypatch.setattr(
        "chaoslab.verdicts.saved_run.judged_again",
        lambda folder: (verdict(judged[folder.path.name], "cut"),),
    )
    done = CliRunner().invoke(main, ["analyze", str(tmp_path)])
    assert done.exit_code == code, done.output
    assert "FAIL    a-2s" in done.output
    assert "a-how_long" in done.output
    assert "broke at 2 s (in force for 2.200 s): recovers: made to be FAIL" in done.output
