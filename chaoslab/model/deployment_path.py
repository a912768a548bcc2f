"""Paths into a deployment file, as in `spec.containers[name=backend].ports[0].containerPort`.

A path must find exactly one place. If it does not, the error must name the line and the step that
found nothing. JSONPath libraries return sets of values, without lines and without that step.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BARE = r"[^\s.,=\[\]\"'$]+"
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_KEY = re.compile(rf"(?P<bare>{_BARE})|(?P<quoted>{_QUOTED})")
_SELECTOR = re.compile(r"\[(?P<inside>(?:\"[^\"]*\"|'[^']*'|[^\]\"'])*)\]")
_CONDITION = re.compile(
    rf"\s*(?P<keys>{_BARE}(?:\.{_BARE})*)\s*=\s*"
    rf"(?P<value>{_QUOTED}|[^,\[\]\"']+?)\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A step of a path: the entry of a table that has this name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A step of a path: the n-th item of a list, from 0."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A step of a path: the one item of a list for which every condition holds. A condition is a
    path of keys, and the value at that path.
    """

    conditions: tuple[tuple[tuple[str, ...], str], ...]


Step = Key | Index | Where


def parsed(path: str) -> tuple[Step, ...]:
    """The steps of a path. Raises ValueError with the problem and the position of its character."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        if path[at] == "[":
            step, at = _selected(path, at)
        else:
            at += bool(steps) and path[at] == "."
            match = _KEY.match(path, at)
            if match is None or (steps and path[match.start() - 1] != "."):
                raise ValueError(f"no key at character {at + 1}")
            step, at = Key(name=match["bare"] or match["quoted"][1:-1]), match.end()
        steps.append(step)
    if not steps:
        raise ValueError("empty")
    return tuple(steps)


def written(step: Step) -> str:
    """The text of one step, as in a path: `name`, `[2]` or `[name=backend]`."""
    if isinstance(step, Index):
        return f"[{step.number}]"
    if isinstance(step, Where):
        conditions = (f"{'.'.join(keys)}={value}" for keys, value in step.conditions)
        return f"[{', '.join(conditions)}]"
    return step.name if re.fullmatch(_BARE, step.name) else f'"{step.name}"'


def is_deployment_path(text: str) -> bool:
    """Whether the text is a path into a deployment file."""
    try:
        return bool(parsed(text))
    except ValueError:
        return False


def is_figure(text: str) -> bool:
    """Whether the text is a path into a deployment file, or `$NAME` for the value of a variable."""
    if text.startswith("$"):
        return re.fullmatch(r"\$\w+", text) is not None
    return is_deployment_path(text)


def _selected(path: str, at: int) -> tuple[Step, int]:
    match = _SELECTOR.match(path, at)
    if match is None:
        raise ValueError(f"the '[' at character {at + 1} is not closed")
    inside = match["inside"].strip()
    if re.fullmatch(r"\d{1,6}", inside, re.ASCII):
        return Index(number=int(inside)), match.end()
    conditions = []
    here = 0
    while here < len(inside):
        each = _CONDITION.match(inside, here)
        if each is None:
            break
        conditions.append((tuple(each["keys"].split(".")), _unquoted(each["value"])))
        here = each.end()
    if not conditions or here < len(inside) or inside.endswith(","):
        raise ValueError(f"the '[' at character {at + 1} has no index and no key=value")
    return Where(conditions=tuple(conditions)), match.end()


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] in "\"'" else text
