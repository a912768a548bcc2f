"""Files of a run: only their owner can read them, no link is followed, errors have a fix."""

from __future__ import annotations

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaoslab.errors import ResultsUnwritable, SpecError
from chaoslab.history.checksums import changed_files, save_checksums
from chaoslab.history.events import Bound
from chaoslab.history.files import check_room, make_folder, open_file, write_file
from chaoslab.history.journal import Journal, read_history


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def files_of_at_most(count: int) -> Iterator[None]:
    """Limit the size of every file of this process, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def bound(at_s: float) -> Bound:
    return Bound(at_s=at_s, app="a", boot=1)


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """New folders above as well. Existing folders keep their permissions."""
    before = mode(tmp_path)
    make_folder(tmp_path / "results" / "run" / "scenario")
    write_file(tmp_path / "results" / "run" / "scenario" / "plan.json", b"{}")
    for part in ("results", "results/run", "results/run/scenario"):
        assert mode(tmp_path / part) == 0o700
    assert mode(tmp_path / "results/run/scenario/plan.json") == 0o600
    assert mode(tmp_path) == before
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "results" / "run")


def test_no_link_is_followed_wherever_it_stands(tmp_path: Path) -> None:
    """The file, its folder or a folder above was replaced by a link during a run."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "scenario").mkdir(parents=True)
    run = tmp_path / "run"
    (run / "scenario").mkdir(parents=True)
    (run / "scenario" / "plan.json").symlink_to(elsewhere / "file")
    (run / "other").symlink_to(elsewhere)
    (tmp_path / "linked").symlink_to(elsewhere)
    for path in ("run/scenario/plan.json", "run/other/plan.json", "linked/scenario/plan.json"):
        with pytest.raises(ResultsUnwritable, match=f"{path}: cannot be written: "):
            write_file(tmp_path / path, b"{}")
        with pytest.raises(ResultsUnwritable):
            open_file(tmp_path / path, append=True)
    assert [*elsewhere.rglob("*")] == [elsewhere / "scenario"]


@pytest.mark.parametrize("place", ["/proc/chaoslab", "/dev/null/results", "file/below"])
def test_a_folder_that_cannot_be_made_is_named_with_the_fix(tmp_path: Path, place: str) -> None:
    """The error is a SpecError, as for every other mistake of the user."""
    (tmp_path / "file").touch()
    with pytest.raises(SpecError) as caught:
        check_room(tmp_path / place)
    assert f"{tmp_path / place}: cannot be written: " in str(caught.value)
    assert "free some space, or choose another folder" in str(caught.value)


def test_a_full_disk_is_found_before_anything_runs(tmp_path: Path) -> None:
    """The check writes a file, and removes it."""
    check_room(tmp_path / "results")
    with files_of_at_most(100), pytest.raises(ResultsUnwritable, match="cannot be written"):
        check_room(tmp_path / "results")
    assert [*(tmp_path / "results").iterdir()] == []


def test_a_journal_on_a_full_disk_keeps_what_it_wrote(tmp_path: Path) -> None:
    """It reports the error and writes no more, even if there is space again. Tasks still wake."""
    path = tmp_path / "history.jsonl"
    journal = Journal(path)
    journal.append(bound(1.0))
    with files_of_at_most(path.stat().st_size + 10):
        journal.append(bound(2.0))
    journal.append(bound(3.0))
    journal.close()
    assert f"{path}: cannot be written: File too large" in journal.trouble
    assert journal.history.events == (bound(1.0), bound(2.0), bound(3.0))
    assert journal.kept.events == read_history(path).events == (bound(1.0),)
    save_checksums(tmp_path, {"history.jsonl": journal.checksum})
    assert changed_files(tmp_path) == ()


def test_a_write_by_somebody_else_is_found_by_the_checksum(tmp_path: Path) -> None:
    """The file was changed, made longer or removed. A run without checksums is not checked."""
    path = tmp_path / "history.jsonl"
    journal = Journal(path)
    journal.append(bound(1.0))
    assert changed_files(tmp_path) == ()
    write_file(tmp_path / "plan.json", b"{}")
    save_checksums(tmp_path, {"plan.json": "0" * 64, "history.jsonl": journal.checksum})
    assert changed_files(tmp_path) == ("plan.json",)
    path.write_bytes(path.read_bytes() + b" ")
    assert changed_files(tmp_path) == ("plan.json", "history.jsonl")
    path.unlink()
    assert changed_files(tmp_path) == ("plan.json", "history.jsonl")
    (tmp_path / "checksums.sha256").write_bytes(b"\xff nonsense")
    assert changed_files(tmp_path) == ("checksums.sha256",)
