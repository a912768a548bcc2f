"""Trials add up, for one state of the code, and survive a kill in mid-line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab.corpus.ledger import Entry, Ledger, state_of
from chaoslab.errors import SpecError

ENTRY = Entry(
    build="good", state="now", at="2026-01-01T00:00:00+00:00", outcome="passed", seconds=1.5,
    verdicts=(), why=("none",), outcomes=(("PASS", 3),), folder="results/corpus/good-1",
)  # fmt: skip
NOW = {"good": "now"}


def test_trials_add_up_over_sessions(tmp_path: Path) -> None:
    """What one ledger wrote another reads, entry by entry."""
    Ledger(tmp_path, NOW).append(ENTRY)
    Ledger(tmp_path, NOW).append(replace(ENTRY, outcome="not passed"))
    assert Ledger(tmp_path, NOW).entries() == (ENTRY, replace(ENTRY, outcome="not passed"))


def test_trials_of_other_code_are_saved_but_not_counted(tmp_path: Path) -> None:
    """After a change of the code, earlier trials do not count."""
    Ledger(tmp_path, {"good": "before"}).append(replace(ENTRY, state="before"))
    ledger = Ledger(tmp_path, NOW)
    ledger.append(ENTRY)
    assert (ledger.entries(), ledger.others()) == ((ENTRY,), 1)


def test_each_build_has_a_version_of_its_own(tmp_path: Path) -> None:
    """After a change of one service, the trials of the others still count."""
    ledger = Ledger(tmp_path, {"good": "now", "half-dead": "later"})
    service = replace(ENTRY, build="half-dead")
    ledger.append(ENTRY)
    ledger.append(service)
    ledger.append(replace(service, state="later"))
    ledger.append(replace(ENTRY, build="of another campaign"))
    assert ledger.entries() == (ENTRY, replace(service, state="later"))
    assert ledger.others() == 1


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """A kill in mid-line costs that one trial, and the next begins on a line of its own."""
    ledger = Ledger(tmp_path, NOW)
    ledger.append(ENTRY)
    path = tmp_path / "ledger.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"build": "ear', encoding="utf-8")
    assert ledger.entries() == (ENTRY,)
    ledger.append(ENTRY)
    assert ledger.entries() == (ENTRY, ENTRY)


def test_a_line_that_is_not_a_trial_is_an_error(tmp_path: Path) -> None:
    """Which file, which line, and the fix."""
    (tmp_path / "ledger.jsonl").write_text('{"build": "x"}\n', encoding="utf-8")
    with pytest.raises(
        SpecError, match=r"ledger.jsonl:1: not a trial(.|\n)*move or delete the file"
    ):
        Ledger(tmp_path, NOW).entries()


def test_the_state_follows_the_content_alone(tmp_path: Path) -> None:
    """The same files elsewhere are the same state; one changed byte is another."""
    files = [tmp_path / name for name in ("a.py", "b.py")]
    for file in files:
        file.write_text(file.name, encoding="utf-8")
    before = state_of(files)
    assert state_of(reversed(files)) == before
    files[0].write_text("changed", encoding="utf-8")
    assert state_of(files) != before
