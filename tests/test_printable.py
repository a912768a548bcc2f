"""Text from outside, as it may be shown: on one line, without what steers a terminal or a CI."""

from __future__ import annotations

import pytest

from chaoslab.printable import cut, each_line, one_line


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain, ümläut, 漢字, 🙂, \\n", "plain, ümläut, 漢字, 🙂, \\n"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\nb\r\nc\td\x0b\x0c", "a\\nb\\r\\nc\\td\\x0b\\x0c"),
        ("\x00\x7f\x80\x9b31m", "\\x00\\x7f\\x80\\x9b31m"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        ("\u202egnp\u202c \u2066x\u2069", "\\u202egnp\\u202c \\u2066x\\u2069"),
        ("\u061c\u200e\u200f", "\\u061c\\u200e\\u200f"),
        ("\ufeffx\U000e0041\ud800", "\\ufeffx\\U000e0041\\ud800"),
        ("::error::no", "\\x3a:error::no"),
        ("x\n::error file=a::no", "x\\n\\x3a:error file=a::no"),
        ("::Set-Output name=x::y", "\\x3a:Set-Output name=x::y"),
        ("##[error]no", "\\x23#[error]no"),
        ("a ##vso[task.x] ##teamcity[y]", "a \\x23#vso[task.x] \\x23#teamcity[y]"),
        ("std::string at ::1, ## a heading", "std::string at ::1, ## a heading"),
    ],
)  # fmt: skip
def test_what_steers_a_terminal_or_a_ci_is_escaped(given: str, shown: str) -> None:
    """And what is only unusual stays as it is."""
    assert one_line(given) == shown
    assert len(one_line(given).splitlines()) == 1


def test_every_control_character_is_escaped() -> None:
    """C0, DEL and C1, none left out."""
    for code in (*range(32), *range(127, 160)):
        assert one_line(chr(code)).isprintable()


def test_a_long_text_is_cut_with_a_mark() -> None:
    """Five megabytes are not echoed."""
    assert cut("x" * 10, 10) == "x" * 10
    assert cut("x" * 11, 10) == "x" * 9 + "…"
    assert len(one_line("x" * 5_000_000)) == 2000


def test_the_labs_own_line_breaks_stay() -> None:
    """A text of several lines is shown line by line."""
    assert each_line("a\n  b\x1b\n") == "a\n  b\\x1b\n"
