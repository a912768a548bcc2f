"""Writes the present names and the version into a topology file; comments and layout stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit

from chaoslab.errors import Problem, SpecError
from chaoslab.model.loader.renamed import VERSION, renamed, with_new_names, write_names
from chaoslab.model.loader.topology import table_place

_MARK = "\ufeff"  # a byte order mark, as some editors write it
BY_HAND = "write it by hand: docs/topology.md has every key"


def read_text(path: Path) -> str:
    """The file as it is, line ends included. Raises SpecError."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise SpecError(
            [Problem(where=str(path), what=f"cannot be read: {error.strerror}")]
        ) from None
    except UnicodeDecodeError:
        raise SpecError(
            [Problem(where=str(path), what="not UTF-8", fix="save it as UTF-8")]
        ) from None


def migrated(path: Path, text: str) -> str:
    """The text of the file with the present names; the same text where nothing is old.

    Raises SpecError where it is no topology, or cannot be rewritten without changing it otherwise.
    """
    text, mark = text.removeprefix(_MARK), _MARK if text.startswith(_MARK) else ""
    before = _read(path, text)
    place = table_place(path)
    old = _at(before, place)
    if not isinstance(old, dict):
        raise SpecError([Problem(where=str(path), what="has no topology")])
    changes = renamed(old)
    if not changes and "version" in old:
        return mark + text
    document = tomlkit.parse(text)
    table = _at(document, place)
    write_names(table, changes)
    if "version" not in old:
        table["version"] = VERSION
    after = tomlkit.dumps(document)
    wanted = {"version": VERSION, **with_new_names(old, changes)}
    if _read(path, after) != _with(before, place, wanted):
        raise SpecError([Problem(where=str(path), what="cannot be rewritten", fix=BY_HAND)])
    return mark + after


def _read(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([Problem(where=str(path), what=f"not valid TOML: {error}")]) from None


def _at(document: MutableMapping[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = document
    for name in place:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _with(document: Mapping[str, Any], place: tuple[str, ...], table: object) -> object:
    """The document with another table at the place."""
    if not place:
        return table
    first, *rest = place
    return {**document, first: _with(document[first], tuple(rest), table)}
