"""The content of a deployment file: tables, lists and texts with lines, and a search in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaoslab.errors import did_you_mean
from chaoslab.model.deployment_path import Index, Key, Step, Where, written

_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A scalar as text, without quotes.

    `text` is None for null, or for a value that another tool fills in.
    """

    line: int
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; `entries` are in the order of the file."""

    line: int
    entries: Mapping[str, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of nodes, in the order of the file."""

    line: int
    items: tuple[Node, ...]


Node = Text | Table | Items


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The result for a path that does not lead to exactly one place.

    It has the last line that the path reached, why the path ends there, and a fix (or an empty
    text).
    """

    line: int
    why: str
    fix: str = ""


def found(start: Node, steps: Iterable[Step]) -> Node | Nothing:
    """Follow the steps of a path from `start`.

    Returns the node at their end. If a step does not lead to exactly one place, returns a Nothing
    that says why.
    """
    node, before = start, ""
    for step in steps:
        after = _follow(node, step, before)
        if isinstance(after, Nothing):
            return after
        node, before = after, written(step)
    return node


def _follow(node: Node, step: Step, before: str) -> Node | Nothing:
    here = f"'{before}'" if before else "the file"
    if isinstance(step, Key):
        return _entry(node, step.name, here)
    if not isinstance(node, Items):
        return Nothing(line=node.line, why=f"{here} is not a list and has no {written(step)}")
    if isinstance(step, Index):
        if step.number < len(node.items):
            return node.items[step.number]
        return Nothing(
            line=node.line, why=f"{here} has {len(node.items)} items and no {written(step)}"
        )
    return _only(node, step, here)


def _entry(node: Node, name: str, here: str) -> Node | Nothing:
    if isinstance(node, Items):
        return Nothing(
            line=node.line,
            why=f"{here} is a list, and '{name}' is a key",
            fix="choose an item, for example [0] or [name=backend]",
        )
    if isinstance(node, Text):
        return Nothing(line=node.line, why=f"{here} is not a table and has no key '{name}'")
    if name in node.entries:
        return node.entries[name]
    return Nothing(
        line=node.line,
        why=f"{here} has no key '{name}' (it has {listed(node.entries)})",
        fix=did_you_mean(name, node.entries),
    )


def _only(node: Items, step: Where, here: str) -> Node | Nothing:
    fits = [item for item in node.items if _has(item, step)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        lines = " and ".join(str(item.line) for item in fits)
        why = f"{here} has {len(fits)} items {written(step)}, at lines {lines}"
        return Nothing(
            line=fits[-1].line, why=why, fix="keep one of them, or choose by another key"
        )
    values = _values(node.items, step.conditions[0][0])
    others = f" (it has {listed(values)})" if values else ""
    fix = did_you_mean(step.conditions[0][1], values)
    return Nothing(line=node.line, why=f"{here} has no item {written(step)}{others}", fix=fix)


def _has(item: Node, step: Where) -> bool:
    return all(_text_at(item, keys) == value for keys, value in step.conditions)


def _values(items: Sequence[Node], keys: tuple[str, ...]) -> list[str]:
    return [text for item in items if (text := _text_at(item, keys)) is not None]


def _text_at(item: Node, keys: tuple[str, ...]) -> str | None:
    node = found(item, [Key(name=key) for key in keys])
    return node.text if isinstance(node, Text) else None


def listed(names: Iterable[str]) -> str:
    """The first 8 names, joined by commas, and the number of the others, for a message."""
    every = [*names]
    more = f", and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return (", ".join(every[:_LISTED]) or "nothing") + more
