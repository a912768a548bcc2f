"""docs/api.md has every public name, and is what the docstrings say now."""

from __future__ import annotations

from pathlib import Path

import chaoslab
from chaoslab import expectations, plan
from chaoslab.report.api_page import page

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ELSEWHERE = {"Chaos", "expect", "when", "Plan", "Scene"}  # modules, and what nobody makes


def test_the_page_is_up_to_date() -> None:
    """After a change: `python -m chaoslab.report.api_page > docs/api.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_public_name_is_on_the_page() -> None:
    """A name that is added to a module's `__all__` must be listed."""
    text = page()
    for name in {*chaoslab.__all__, *plan.__all__} - ELSEWHERE:
        assert f"### `{name}`" in text, name
    for kind in expectations.KINDS:
        assert f"### `expect.{kind.__name__}`" in text


def test_a_parameter_has_its_type_and_default() -> None:
    """Units are in the names."""
    text = page()
    assert "| `prober_cadence_s` | `float` | `0.25` |" in text
    assert "| `within_s` | `float \\| None` | `None` |" in text
    assert "| `target` | `str` | required |" in text
