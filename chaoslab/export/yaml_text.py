"""Exported objects as YAML. Comments say how each differs from the fault in the lab."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import fields

import yaml

from chaoslab.export.chaos_mesh import Exported
from chaoslab.model.faults import Declared

_WIDTH = 98
_OF_EVERY_FAULT = {entry.name for entry in fields(Declared)}


def settings(kind: type[Declared]) -> tuple[str, ...]:
    """The names of the fields that only this kind of fault has: all except target, name, kind,
    start and stop.
    """
    return tuple(entry.name for entry in fields(kind) if entry.name not in _OF_EVERY_FAULT)


def described(fault: Declared) -> str:
    """The fault as text, in the syntax of a scenario: its class with its target and settings."""
    written = [f"{name}={getattr(fault, name)!r}" for name in settings(type(fault))]
    return f"{type(fault).__name__}({', '.join([repr(fault.target), *written])})"


def as_yaml(fault: Declared, exported: Sequence[Exported]) -> str:
    """One YAML document for each object, with its differences from the lab's fault in comments."""
    return "---\n".join(_one(fault, each) for each in exported)


def _one(fault: Declared, exported: Exported) -> str:
    lines = _comment(f"The lab's {described(fault)}. Differences from the lab:", "# ")
    for note in exported.notes:
        lines += _comment(note, "# - ")
    text = yaml.safe_dump(
        exported.resource.document(), sort_keys=False, default_flow_style=False, width=_WIDTH
    )
    return "\n".join(lines) + "\n" + text


def _comment(text: str, start: str) -> list[str]:
    later = "#" + " " * (len(start) - 1)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=later, break_on_hyphens=False
    )
