"""Makes docs/api.md, the page of public names, from their docstrings.

`python -m chaoslab.report.api_page` prints it. A test checks that the page is up to date.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass

from chaoslab.expectations import KINDS as EXPECTATIONS
from chaoslab.faults import KINDS as FAULTS
from chaoslab.model import when
from chaoslab.model.lengths import doubled
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot
from chaoslab.model.steps import HttpQuestion, Probe, Step
from chaoslab.model.supervisor import Supervisor

HEAD = """\
# The public names

The names that scenarios use. `_s` at the end of a name means seconds, `_per_s` per second, and
`_bytes` bytes. If a default is `None`, the text says which value is used.

This page is made by `python -m chaoslab.report.api_page`.
"""
HIDDEN = ("kind", "source")  # filled in by chaoslab
UNDOCUMENTED = ("bounded",)
SECTIONS: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "Faults": (
        "from chaoslab import Severed, ...; from chaoslab.faults import AtMessage",
        tuple(FAULTS),
    ),
    "Triggers": (
        "from chaoslab import when",
        tuple(
            each
            for name, each in vars(when).items()
            if inspect.isfunction(each)
            and each.__module__ == when.__name__
            and not name.startswith("_")
            and name not in UNDOCUMENTED
        ),
    ),
    "Expectations": ("from chaoslab import expect", tuple(EXPECTATIONS)),
    "Parts of a plan": (
        "from chaoslab import Boot, Load; from chaoslab.plan import Sampling, Step, ...",
        (Boot, Supervisor, Load, Sampling, Step, Probe, HttpQuestion, doubled),
    ),
}
PREFIX = {"Triggers": "when.", "Expectations": "expect."}


def page() -> str:
    """Make the text of docs/api.md from the docstrings, and return it."""
    parts = [HEAD]
    for title, (imported, names) in SECTIONS.items():
        parts.append(f"\n## {title}\n\n`{imported}`\n")
        parts += ["\n".join(_entry(each, PREFIX.get(title, ""))) for each in names]
    return "\n".join(parts)


def _entry(each: object, prefix: str) -> Iterator[str]:
    name = getattr(each, "__name__", "")
    yield f"### `{prefix}{name}`"
    yield ""
    yield inspect.getdoc(each) or ""
    yield ""
    rows = list(_fields(each) if is_dataclass(each) else _parameters(each))  # type: ignore[arg-type]
    if rows:
        yield "| parameter | type | default |"
        yield "|---|---|---|"
        yield from (f"| `{row[0]}` | `{_cell(row[1])}` | {row[2]} |" for row in rows)
        yield ""


def _fields(kind: type) -> Iterator[tuple[str, str, str]]:
    """Yield the name, type and default of each field of a dataclass. The class's own fields precede
    the inherited ones.
    """
    for each in sorted(fields(kind), key=lambda f: f.name not in kind.__annotations__):
        if each.name not in HIDDEN:
            yield each.name, str(each.type), _default(each)


def _default(each: Field[object]) -> str:
    if each.default is not MISSING:
        return _shown(each.default)
    return "required" if each.default_factory is MISSING else "empty"


def _parameters(call: Callable[..., object]) -> Iterator[tuple[str, str, str]]:
    for name, each in inspect.signature(call).parameters.items():
        plain = "required" if each.kind is not each.VAR_POSITIONAL else "any number"
        default = plain if each.default is each.empty else _shown(each.default)
        yield name, str(each.annotation), default


def _shown(default: object) -> str:
    """The default value as Markdown code, as a scenario writes it; a trigger as its function in
    `when`.
    """
    if isinstance(default, when.BeforeSpawn):
        return "`when.before_spawn`"
    if isinstance(default, when.AtMoment):
        return f"`when.{default.moment}()`"
    return f"`{_cell(repr(default))}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
