"""Whatever a topology file holds, the loader returns a topology or a list of problems."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab import services
from chaoslab.errors import Problem, SpecError
from chaoslab.model.loader import read_topology

REFERENCE = Path(__file__).parents[2] / "chaoslab.toml"
Value = str | int | float | bool | list["Value"] | dict[str, "Value"]
Place = tuple[str | int, ...]
ODD: list[Value] = [
    *("", "x", "{", "{postgres.url", "{}", "a.b.c", ".", "\x7f", "é", "[bold]"),
    *(0, -1, 70_000, 10**30, 0.0, -0.5, float("inf"), float("nan"), True, False),
    *([], [[]], [1, "a", True], {}, {"": {}}, {"a b": 1}, {"links": ["vpc"]}),
]


def toml(value: Value) -> str:
    """The value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower()


def places(value: Value, place: Place = ()) -> Iterator[Place]:
    """Every place below a value, depth first."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            yield (*place, key)
            yield from places(below, (*place, key))


def changed(value: Value, place: Place, new: Value) -> Value:
    """A copy of `value` with `new` at one place."""
    if not place:
        return new
    copy = value.copy() if isinstance(value, dict | list) else value
    copy[place[0]] = changed(copy[place[0]], place[1:], new)  # type: ignore[index,call-overload]
    return copy


def document() -> dict[str, Value]:
    return tomllib.loads(REFERENCE.read_text(encoding="utf-8"))


def outcome(folder: Path, changed_document: Value) -> tuple[Problem, ...]:
    """The problems of a document; each has its place in the file and says what is wrong."""
    path = folder / "chaoslab.toml"
    lines = [f"{toml(k)} = {toml(v)}" for k, v in changed_document.items()]  # type: ignore[union-attr]
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        read_topology(path, kinds=services.kinds())
    except SpecError as error:
        problems = error.problems
    else:
        return ()
    assert problems
    assert all(p.where.startswith(str(path)) and p.what and str(p) for p in problems)
    return problems


PLACES = [*places(document())]
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    st.sampled_from(ODD) | st.booleans() | st.floats() | st.integers(-(2**63), 2**63 - 1) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def odd_documents(draw: st.DrawFn) -> Value:
    """The reference topology with another value at one to four places, or without them."""
    mixed: Value = document()
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4, unique=True)):
        try:
            mixed = changed(mixed, place, draw(VALUES))
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change removed that place
    return mixed


def test_the_unchanged_document_is_right(tmp_path: Path) -> None:
    """Written another way, the reference topology stays one without mistakes."""
    assert outcome(tmp_path, document()) == ()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_any_value_at_any_place_gives_problems_and_no_crash(tmp_path: Path, place: Place) -> None:
    """Most odd values are refused at any place; free texts take some of them, and the body of a
    request any JSON without an unknown placeholder.
    """
    refused = sum(bool(outcome(tmp_path, changed(document(), place, odd))) for odd in ODD)
    least = 1 if "body" in place else len(ODD) // 3
    assert least <= refused <= len(ODD)


def test_several_odd_values_at_once_never_crash_the_loader(tmp_path: Path) -> None:
    """Nearly all of these documents are refused, and each problem has a place."""
    came: Counter[bool] = Counter()

    @examples(200)
    @given(odd_documents())
    @example(changed(document(), ("apps", "backend", "command", 0), "a\xa0b"))  # a no-break space
    def holds(mixed: Value) -> None:
        came[bool(outcome(tmp_path, mixed))] += 1

    holds()
    assert came[True] >= 5 * came[False]
