"""Whatever stands wherever in a topology file, the answer is a topology or a list of mistakes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.loader import read_topology
from chaoslab.seeds import generator

REFERENCE = Path(__file__).parents[2] / "chaoslab.toml"
Value = str | int | float | bool | list["Value"] | dict[str, "Value"]
ODD: list[Value] = [
    *("", "x", "{", "{postgres.url", "{}", "a.b.c", ".", "\x7f", "é", "[bold]"),
    *(0, -1, 70_000, 10**30, 0.0, -0.5, float("inf"), float("nan"), True, False),
    *([], [[]], [1, "a", True], {}, {"": {}}, {"a b": 1}, {"links": ["vpc"]}),
]


def toml(value: Value) -> str:
    """The value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    return str(value).lower()


def places(value: Value, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place below a value, depth first."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            yield (*place, key)
            yield from places(below, (*place, key))


def changed(value: Value, place: tuple[str | int, ...], new: Value) -> Value:
    """A copy of `value` with `new` at one place."""
    if not place:
        return new
    copy = value.copy() if isinstance(value, dict | list) else value
    copy[place[0]] = changed(copy[place[0]], place[1:], new)  # type: ignore[index,call-overload]
    return copy


def document() -> dict[str, Value]:
    return tomllib.loads(REFERENCE.read_text(encoding="utf-8"))


def outcome(folder: Path, changed_document: Value) -> list[str]:
    path = folder / "chaoslab.toml"
    lines = [f"{json.dumps(k)} = {toml(v)}" for k, v in changed_document.items()]  # type: ignore[union-attr]
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        read_topology(path, kinds=services.kinds())
    except SpecError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_unchanged_document_is_right(tmp_path: Path) -> None:
    """Written another way, the reference topology stays one without mistakes."""
    assert outcome(tmp_path, document()) == []


@pytest.mark.parametrize("place", [*places(document())], ids=str)
def test_any_value_at_any_place_gives_problems_and_no_crash(
    tmp_path: Path, place: tuple[str | int, ...]
) -> None:
    """Most odd values are refused at any place; free texts take some of them."""
    refused = sum(bool(outcome(tmp_path, changed(document(), place, odd))) for odd in ODD)
    assert len(ODD) // 3 <= refused <= len(ODD)


def test_several_odd_values_at_once_never_crash_the_loader(tmp_path: Path) -> None:
    """300 documents with three odd values each: nearly all are refused, and none crashes."""
    random = generator(1, "documents")
    everywhere = [*places(document())]
    refused = 0
    for _ in range(300):
        mixed: Value = document()
        for place in random.sample(everywhere, 3):
            try:
                mixed = changed(mixed, place, random.choice(ODD))
            except (TypeError, KeyError, IndexError):
                continue  # an earlier change took that place away
        refused += bool(outcome(tmp_path, mixed))
    assert 270 <= refused <= 300
