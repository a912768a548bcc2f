"""docs/reasons.md: every code that a reason can have. `python -m chaoslab.report.reasons_page`
prints it; a test compares the page with what this prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from string import Formatter

from chaoslab.reason import Code
from chaoslab.verdicts.vocabulary import codes

HEAD = """\
# Reasons: the codes of what was observed

A verdict's reason has a code, data and a text made from both. Programs read codes and data, people
read texts: the codes and the names of the data are stable, and a text may be improved at any time.

They are in `verdicts.json` of a run, in `verdict.json` and `junit.xml` of the gate, and in the
properties that pytest's own `--junitxml` writes. The records of a corpus cite them.

- Times are seconds since the lab's start (`at_s`, `until_s`), or lengths (`took_s`, `lasted_s`).
- `null` means: not known, or none.
- A reason that is the evidence of a fault also has `fault` and `link`.
- The code `text` is that of runs that were saved before reasons had codes.
- A package that extends chaoslab has codes of its own.

This page is made by `python -m chaoslab.report.reasons_page`.
"""
VARIES = "(depends on its data)"


def page(known: Sequence[Code], head: str = HEAD) -> str:
    """The page, one section for each subject: the part of the code before its dot."""
    parts = [head]
    for subject, group in groupby(known, key=subject_of):
        parts.append("\n".join(_section(subject, group)))
    return "\n".join(parts)


def subject_of(code: Code) -> str:
    """`start` of `start.exited`."""
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
    """The template with the names of its data, without their formats."""
    if not isinstance(code.template, str):
        return VARIES
    parts = Formatter().parse(code.template)
    text = "".join(plain + (f"{{{name}}}" if name else "") for plain, name, _, _ in parts)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(codes()), end="")
