"""Writes the present names and the version into the text of a topology file. Comments and layout
stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit

from chaoslab.errors import NOT_UTF8, ErrorCode, Problem, SpecError
from chaoslab.model.loader.document import parsed, read_bytes, table_place
from chaoslab.model.loader.renamed import (
    FOUND_KEYS,
    VERSION,
    WRITE,
    WRITE_KEYS,
    Moved,
    changes_in,
    with_new_names,
)

_KEY = re.compile(r"(?P<indent>[ \t]*)(?P<name>[a-z_]+)(?P<rest>[ \t]*[=.])")
_MARK = "\ufeff"  # a byte order mark, as some editors write it
BY_HAND = "write it by hand: docs/topology.md has every key"
NOTHING = ErrorCode(
    "topology.nothing_to_migrate", "has no topology", "The file to migrate has no topology."
)
NOT_REWRITTEN = ErrorCode(
    "topology.not_rewritten",
    "cannot be rewritten",
    "Writing the new names into the file would change something else in it.",
)


def read_text(path: Path) -> str:
    """The text of the file, with its line ends. Raises SpecError if it cannot be read."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise SpecError(
            [Problem(reason=NOT_UTF8(), where=str(path), fix="save the file as UTF-8")]
        ) from None


def migrated(path: Path, text: str) -> str:
    """The text of the file with the present names and the version. It is the same text if it has no
    old name and has a version.

    Raises SpecError if the file has no topology, or if rewriting would change anything else.
    """
    text, mark = text.removeprefix(_MARK), _MARK if text.startswith(_MARK) else ""
    before = parsed(text.encode(), str(path))
    place = table_place(path)
    old = _at(before, place)
    if not isinstance(old, dict):
        raise SpecError([Problem(reason=NOTHING(), where=str(path))])
    changes = changes_in(old)
    if not changes and "version" in old:
        return mark + text
    for change in changes:
        if isinstance(change, Moved):
            text = _with_moved_writes(text, place, change.app)
    document = tomlkit.parse(text)
    table = _at(document, place)
    for change in changes_in(_at(parsed(text.encode(), str(path)), place)):
        change.write(table)
    if "version" not in old:
        table["version"] = VERSION
    after = tomlkit.dumps(document)
    wanted = {"version": VERSION, **with_new_names(old, changes)}
    if parsed(after.encode(), str(path)) != _with(before, place, wanted):
        raise SpecError([Problem(reason=NOT_REWRITTEN(), where=str(path), fix=BY_HAND)])
    return mark + after


def _with_moved_writes(text: str, place: tuple[str, ...], app: str) -> str:
    """The text, in which the table `writes` of an app has the name and the keys of a request. Its
    lines stay where they are. It is the same text if the table has no header of its own.
    """
    own, within = (*place, "apps", app), r"(?P<below>\s*\.[^\]]*)?"
    dots = r"\s*\.\s*".join(f"[\"']?{re.escape(part)}[\"']?" for part in own)
    header = re.compile(rf"(?P<head>\s*\[\s*{dots}\s*\.\s*)writes{within}(?P<tail>\s*\].*)", re.S)
    lines, inside = [], False
    for line in text.splitlines(keepends=True):
        if (found := header.fullmatch(line)) is not None:
            below = found["below"] or ""
            for old, new in WRITE_KEYS.items():
                below = re.sub(rf"^(\s*\.\s*){old}\b", rf"\g<1>{new}", below)
            lines.append(f"{found['head']}requests.{WRITE}{below}{found['tail']}")
            inside = not below
            if inside:
                lines.append('kind = "write"' + _line_end(line))
        elif line.lstrip().startswith("["):
            inside = False
            lines.append(line)
        else:
            lines.append(_KEY.sub(_new_key, line, count=1) if inside else line)
    return "".join(lines)


def _new_key(key: re.Match[str]) -> str:
    name = key["name"]
    new = f"found.{FOUND_KEYS[name]}" if name in FOUND_KEYS else WRITE_KEYS.get(name, name)
    return f"{key['indent']}{new}{key['rest']}"


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :] or "\n"


def _at(document: MutableMapping[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = document
    for name in place:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _with(document: Mapping[str, Any], place: tuple[str, ...], table: object) -> object:
    """A copy of the document that has `table` at `place`."""
    if not place:
        return table
    first, *rest = place
    return {**document, first: _with(document[first], tuple(rest), table)}
