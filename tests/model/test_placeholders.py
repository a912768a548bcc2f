"""Placeholders are filled once, escapes become braces, and every unknown name is a problem."""

from __future__ import annotations

import pytest

from chaoslab.errors import SpecError
from chaoslab.model.placeholders import fill, names_in

VALUES = {"port": "7000", "postgres.url": "postgresql://u@127.0.0.1:5/db", "odd": "{port}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{port}", "7000"),
        ("--url={postgres.url}?x={port}", "--url=postgresql://u@127.0.0.1:5/db?x=7000"),
        ('{{"port": {port}}}', '{"port": 7000}'),
        ("{{port}}", "{port}"),
        ("{odd}", "{port}"),
    ],
)
def test_every_placeholder_is_replaced_exactly_once(text: str, filled: str) -> None:
    """Double braces become single ones. Braces inside a value stay."""
    assert fill(text, VALUES) == filled


def test_filling_reports_every_unknown_name() -> None:
    """Then no placeholder is filled."""
    with pytest.raises(SpecError) as caught:
        fill("{prot} {} }", VALUES)
    assert [problem.what for problem in caught.value.problems] == [
        "unknown placeholder '{prot}'",
        "unknown placeholder '{}'",
        "'}' at character 11 has no matching brace",
    ]
    assert caught.value.problems[0].fix == "did you mean 'port'?"


def test_names_are_listed_without_the_escapes() -> None:
    """A double brace begins no placeholder."""
    assert names_in("{a}{{b}}{c.d}") == ("a", "c.d")
