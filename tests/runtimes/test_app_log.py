"""An app's log: masked however it comes in, capped, and never a file of the app's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chaoslab.model.mask import Mask
from chaoslab.runtimes import app_log
from chaoslab.runtimes.app_log import AppLog

SECRET = "hunter22-éß"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a thousand bytes."""
    for name in ("HEAD_BYTES", "TAIL_BYTES"):
        monkeypatch.setattr(app_log, name, 1000)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_secret_is_masked_in_whatever_pieces_it_comes(tmp_path: Path, size: int) -> None:
    """Split between two reads, within a character too."""
    log = AppLog(tmp_path / "log", Mask([SECRET]))
    output = f"one {SECRET} two\nredis://:{SECRET}@h/0\nrest {SECRET}".encode()
    for at in range(0, len(output), size):
        log.write(output[at : at + size])
    assert log.tail() == ("one *** two", "redis://:***@h/0", "rest ***")
    log.close()
    expected = "one *** two\nredis://:***@h/0\nrest ***"
    assert (tmp_path / "log").read_text() == expected
    assert log.tail(1) == ("rest ***",)


def test_lines_and_bytes_are_counted_in_whatever_pieces_they_come(tmp_path: Path) -> None:
    """A line counts at its end, and no cap of the file changes the counts."""
    log = AppLog(tmp_path / "log", Mask([]))
    for piece in (b"one\ntw", b"o\n", b"three"):
        log.write(piece)
    assert (log.lines, log.taken) == (2, 13)
    log.close()


def test_a_line_without_end_is_written_in_parts_and_masked(tmp_path: Path) -> None:
    """A secret across the place where it is parted is found."""
    log = AppLog(tmp_path / "log", Mask([SECRET]))
    for _ in range(40):
        log.write(b"x" * 1999)
        log.write(SECRET.encode())
    log.write(b"x" * 80_000)
    log.close()
    text = (tmp_path / "log").read_text()
    assert text.count("***") == 40
    assert len(text) == 40 * (1999 + 3) + 80_000


@pytest.mark.usefixtures("small")
def test_the_first_and_the_last_part_are_kept(tmp_path: Path) -> None:
    """Between them a note says how much is missing; the file never grows much larger."""
    log = AppLog(tmp_path / "log", Mask())
    lines = [b"line %06d of the output\n" % number for number in range(2000)]
    largest = 0
    for line in lines:
        log.write(line)
        largest = max(largest, (tmp_path / "log").stat().st_size)
    log.close()
    data, whole = (tmp_path / "log").read_bytes(), b"".join(lines)
    note = f"\n[chaoslab left out {len(whole) - 2000} bytes here]\n".encode()
    assert data == whole[:1000] + note + whole[-1000:]
    assert largest < 4000
    assert log.tail(2) == ("line 001998 of the output", "line 001999 of the output")


@pytest.mark.usefixtures("small")
def test_a_later_boot_has_its_own_part_of_the_same_file(tmp_path: Path) -> None:
    """What an earlier boot printed stays."""
    for word in (b"a", b"b"):
        log = AppLog(tmp_path / "log", Mask())
        for _ in range(100):
            log.write(word * 99 + b"\n")
        assert set(log.tail()) == {(word * 99).decode()}
        log.close()
        log.close()
    data = (tmp_path / "log").read_bytes()
    assert data.count(b"[chaoslab left out 8000 bytes here]") == 2
    assert data.startswith(b"a" * 99)
    assert data.endswith(b"b" * 99 + b"\n")


def test_a_log_is_for_its_owner_alone_and_never_behind_a_link(tmp_path: Path) -> None:
    """If a symbolic link is in its place, the last lines are still known."""
    AppLog(tmp_path / "log", Mask()).close()
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    log = AppLog(tmp_path / "link", Mask())
    log.write(b"hello\n")
    log.close()
    assert log.tail() == ("hello",)
    assert not target.exists()


def test_a_full_disk_leaves_the_last_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The app is not troubled by it."""

    def full(file: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(app_log, "write_all", full)
    log = AppLog(tmp_path / "log", Mask())
    log.write(b"hello\nworld\n")
    log.close()
    assert log.tail() == ("hello", "world")


@pytest.mark.usefixtures("small")
def test_an_earlier_boots_end_leaves_a_later_ones_part(tmp_path: Path) -> None:
    """Whatever the earlier one still prints, and however long it is."""
    first, later = AppLog(tmp_path / "log", Mask()), None
    for number in range(100):
        first.write(b"a" * 99 + b"\n")
        if number == 24:
            later = AppLog(tmp_path / "log", Mask())
            later.write(b"the later boot\n")
    assert later is not None
    first.close()
    later.close()
    assert b"the later boot\n" in (tmp_path / "log").read_bytes()
    assert (tmp_path / "log").stat().st_size < 6000
    assert first.tail(1) == ("a" * 99,)
