"""A reason is cited by its code and its data, never by its text."""

from __future__ import annotations

import pytest

from chaoslab.corpus.cites import Cite, is_cited
from chaoslab.reason import Reason, Value

DATA: dict[str, Value] = {
    "exit_code": 3,
    "took_s": 2.0,
    "grow": False,
    "log_line": "CRITICAL phase database: no route",
    "services": ("postgres", "redis"),
    "word": None,
}
REASON = Reason(code="start.exited", text="exited with 3", data=DATA)


def cited(code: str = "start.exited", **data: Value) -> bool:
    return is_cited(Cite(code=code, data=data), (Reason(code="other", text=""), REASON))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"exit_code": 3},
        {"took_s": 2},
        {"grow": False},
        {"log_line": "phase database"},
        {"services": ("redis",)},
        {"services": ("redis", "postgres")},
        {"exit_code": 3, "grow": False},
    ],
)
def test_a_reason_with_the_code_and_the_data_is_cited(data: dict[str, Value]) -> None:
    """Numbers and truth values are equal, strings contained, lists item by item."""
    assert cited(**data)


@pytest.mark.parametrize(
    "data",
    [
        {"exit_code": 4},
        {"exit_code": "3"},
        {"exit_code": True},
        {"grow": 0},
        {"log_line": "phase cache"},
        {"services": ("redis", "mysql")},
        {"services": "redis"},
        {"log_line": ("phase database",)},
        {"word": ""},
        {"absent": 1},
        {"exit_code": 3, "grow": True},
    ],
)
def test_a_reason_with_other_data_is_not_cited(data: dict[str, Value]) -> None:
    """Nothing is taken for something of another kind."""
    assert not cited(**data)


def test_a_reason_with_another_code_is_not_cited() -> None:
    """The text is not compared."""
    assert not cited("start.silent")


def test_data_of_two_reasons_do_not_add_up_to_one() -> None:
    """One reason has the code and all of the data."""
    halves = (
        Reason(code="start.exited", text="", data={"exit_code": 3}),
        Reason(code="start.exited", text="", data={"grow": True}),
    )
    assert not is_cited(Cite(code="start.exited", data={"exit_code": 3, "grow": True}), halves)
