"""Makes docs/reasons.md, the page of all codes of reasons.

`python -m chaoslab.report.reasons_page` prints it. A test checks that the page is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from string import Formatter

from chaoslab.reason import Code
from chaoslab.verdicts.vocabulary import codes

HEAD = """\
# Reasons and their codes

A reason of a verdict has a code, data, and a text made from both. Programs read codes and data.
Codes and names of data are stable; a text may change at any time.

Reasons are in `verdicts.json` of a run, in `verdict.json` and `junit.xml` of the gate, and in the
properties that pytest's own `--junitxml` writes. The records of a corpus cite their codes.

- Times are seconds since the lab's start (`at_s`, `until_s`), or lengths (`took_s`, `lasted_s`).
- `null` means unknown, or none.
- A reason that is the evidence of a fault also has `fault` and `link`.
- Runs that were saved before reasons had codes have the code `text`.
- A package that extends chaoslab has its own codes.

This page is made by `python -m chaoslab.report.reasons_page`.
"""
VARIES = "(depends on its data)"


def page(known: Sequence[Code], head: str = HEAD) -> str:
    """The text of the page: `head`, then one section for each subject of the codes."""
    parts = [head]
    for subject, group in groupby(known, key=subject_of):
        parts.append("\n".join(_section(subject, group)))
    return "\n".join(parts)


def subject_of(code: Code) -> str:
    """The part of a code before its dot: `start` for `start.exited`."""
    return code.name.partition(".")[0]


def _section(subject: str, group: Iterator[Code]) -> Iterator[str]:
    yield f"## {subject}"
    yield ""
    yield "| code | meaning | text | data |"
    yield "|---|---|---|---|"
    for code in group:
        data = ", ".join(f"`{name}`" for name in code.data_names) or "-"
        yield f"| `{code.name}` | {_cell(code.meaning)} | {_text(code)} | {data} |"
    yield ""


def _text(code: Code) -> str:
    """The template of the code's text, without the formats of its data; `VARIES` for a function."""
    if not isinstance(code.template, str):
        return VARIES
    parts = Formatter().parse(code.template)
    text = "".join(plain + (f"{{{name}}}" if name else "") for plain, name, _, _ in parts)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(codes()), end="")
