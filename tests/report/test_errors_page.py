"""docs/errors.md has every error code, and no code has two meanings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from chaoslab.report.errors_page import HEAD, error_codes
from chaoslab.report.reasons_page import page
from chaoslab.verdicts.vocabulary import codes

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_has_every_code_of_an_error_as_it_is_now() -> None:
    """After a change: `python -m chaoslab.report.errors_page > docs/errors.md`."""
    assert PAGE.read_text(encoding="utf-8") == page(error_codes(), HEAD)


def test_no_name_is_given_to_two_codes() -> None:
    """Neither among the errors nor between an error and a verdict's reason."""
    names = Counter(code.name for code in (*error_codes(), *codes()))
    assert [name for name, count in names.items() if count > 1] == []
