"""docs/reasons.md has every code of a reason."""

from __future__ import annotations

from pathlib import Path

from chaoslab.reason import Code
from chaoslab.report.reasons_page import page
from chaoslab.verdicts.vocabulary import codes

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_the_page_has_every_code_as_it_is_now() -> None:
    """After a change: `python -m chaoslab.report.reasons_page > docs/reasons.md`."""
    assert PAGE.read_text(encoding="utf-8") == page(codes())


def test_a_code_is_a_row_of_its_subject() -> None:
    """Its name, meaning, text without formats, and data; a text made by a function is marked."""
    known = (
        Code("app.exited", "ended with {exit_code} | {after_s:.3f} s", "It ended.", data=("boot",)),
        Code("app.left", lambda data: str(data["pid"]), "It was left.", data=("pid",)),
        Code("write.lost", "lost", "It was lost."),
    )
    assert page(known).splitlines()[-12:] == [
        "## app",
        "",
        "| code | meaning | text | data |",
        "|---|---|---|---|",
        "| `app.exited` | It ended. | `ended with {exit_code} \\| {after_s} s` "
        "| `exit_code`, `after_s`, `boot` |",
        "| `app.left` | It was left. | (depends on its data) | `pid` |",
        "",
        "## write",
        "",
        "| code | meaning | text | data |",
        "|---|---|---|---|",
        "| `write.lost` | It was lost. | `lost` | - |",
    ]
