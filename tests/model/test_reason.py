"""A reason carries a code and data for programs, and a text for people."""

from __future__ import annotations

import pytest

from chaoslab.reason import Code

EXITED = Code(
    "start.exited", "exited with {exit_code} after {after_s:.3f} s", "It ended by itself."
)


def test_a_code_makes_a_reason_with_its_data_and_its_text() -> None:
    """All three come from one call."""
    reason = EXITED(exit_code=3, after_s=3.5)
    assert (reason.code, reason.data) == ("start.exited", {"exit_code": 3, "after_s": 3.5})
    assert str(reason) == "exited with 3 after 3.500 s"


def test_a_sequence_is_joined_by_commas() -> None:
    """Names as well as numbers."""
    assert (
        Code("x", "lost: {names}", "")(names=("postgres", "redis")).text == "lost: postgres, redis"
    )
    assert Code("x", "{waits:.1f} s", "")(waits=(1.0, 2.25)).text == "1.0, 2.2 s"


def test_a_code_without_its_data_is_a_bug() -> None:
    """A text never has an unfilled field."""
    with pytest.raises(KeyError):
        EXITED(exit_code=3)


def test_a_code_names_its_data() -> None:
    """First those of its template, in order and once each, then those that it declares."""
    assert EXITED.data_names == ("exit_code", "after_s")
    assert Code("x", "{a}, {b:.3f}, {a}", "", data=("c",)).data_names == ("a", "b", "c")
    assert Code("x", lambda data: str(data["a"]), "", data=("a",)).data_names == ("a",)


def test_a_reason_has_the_code_and_the_data_of_its_cause() -> None:
    """The text has the cause's words; programs read its code, and its data beside their own."""
    cause = EXITED(exit_code=3, after_s=0.5)
    reason = Code("x", "{app} is gone: {cause}", "").because_of(cause, app="web")
    assert reason.text == f"web is gone: {cause.text}"
    assert reason.data == {"app": "web", "cause": cause.code, **cause.data}
