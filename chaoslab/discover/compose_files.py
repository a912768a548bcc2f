"""Reads a Compose file with what belongs to it: its override, the files that it includes, and the
services that its own extend. The result is one table for each service, as if it were one file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from chaoslab.discover.files import SmallFiles
from chaoslab.errors import ChaoslabError
from chaoslab.preflight.node import Items, Node, Table, Text
from chaoslab.preflight.yaml_file import yaml_documents

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_OVERRIDES = tuple(
    f"{stem}.override.{ending}"
    for stem in ("compose", "docker-compose")
    for ending in ("yml", "yaml")
)
MOST_CHARACTERS, MOST_DEPTH, MOST_FILES = 250_000, 200, 20
_REPLACED = (
    "command",
    "entrypoint",
    "test",
)  # lists that replace the list before; others add to it
_NAMED = ("environment", "depends_on")  # lists that may be tables as well


def compose_tables(files: SmallFiles, name: str) -> Mapping[str, Table]:
    """Maps each service of the Compose file `name` to its table. Paths in it are relative to the
    folder of `files`. Adds a note for each thing that is not read. Raises no error.
    """
    reader = _Reader(files=files)
    found = reader.services(name)
    if name in COMPOSE_FILES:
        present = (each for each in _OVERRIDES if files.exists(each))
        for other in [*present][:1]:
            over = reader.services(other)
            found = {
                **found,
                **{
                    key: merged(found[key], new) if key in found else new
                    for key, new in over.items()
                },
            }
    return found


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads each file once. `own` has the services that a file itself has, before `extends`."""

    files: SmallFiles
    own: dict[str, Mapping[str, Table]] = field(default_factory=dict)

    def services(self, name: str) -> Mapping[str, Table]:
        """The services of a file and of those that it includes. None for a file that was read
        before: it may include itself.
        """
        if name in self.own:
            return {}
        self.own[name] = {}
        document = self._document(name)
        if document is None:
            return {}
        self.own[name] = _services(document, posixpath.dirname(name))
        if not self.own[name] and "include" not in document:
            self._note(f"{name}: it has no services")
        found: dict[str, Table] = {}
        for other in _included(document):
            found |= self.services(_beside(name, other))
        own = {key: self._extended(name, key, table, ()) for key, table in self.own[name].items()}
        return found | own

    def _document(self, name: str) -> Mapping[str, Node] | None:
        """The top of a file; None if it cannot be used, and a note says why."""
        if len(self.own) > MOST_FILES:
            self._note(f"{name}: more than {MOST_FILES} files, not read")
            return None
        text = self.files.text(name, required=True)
        if text is None:
            return None
        if len(text) > MOST_CHARACTERS or _depth(text) > MOST_DEPTH:
            self._note(f"{name}: too large or nested too deeply, not read")
            return None
        try:
            documents = yaml_documents(text, name)
        except (ChaoslabError, RecursionError, ValueError) as error:
            self._note(" ".join(str(error).split()))
            return None
        return table_of(documents[0] if documents else None)

    def _extended(self, file: str, name: str, table: Table, above: tuple[str, ...]) -> Table:
        """The service with what it takes from the service that it extends."""
        extends = table.entries.get("extends")
        wanted = text_of(extends) or text_of(table_of(extends).get("service"))
        if not wanted:
            return table
        place = text_of(table_of(extends).get("file"))
        other = _beside(file, place) if place else file
        if other not in self.own:
            self.services(other)
        base = self.own[other].get(wanted)
        if base is None or f"{other}: {wanted}" in above or len(above) > MOST_FILES:
            why = "which is not there" if base is None else "and so itself"
            self._note(f"{file}: {name} extends {wanted} of {other}, {why}")
            return table
        above = (*above, f"{file}: {name}", f"{other}: {wanted}")
        return merged(self._extended(other, wanted, base, above), table)

    def _note(self, text: str) -> None:
        self.files.note(text)


def merged(base: Table, over: Table) -> Table:
    """Two tables as one: a value of `over` replaces that of `base`, tables and lists are joined."""
    entries = dict(base.entries)
    for key, new in over.entries.items():
        old = entries.get(key)
        entries[key] = new if old is None else _joined(key, old, new)
    return Table(line=over.line, entries=entries)


def _joined(key: str, old: Node, new: Node) -> Node:
    if key in _NAMED:
        old, new = by_name(old), by_name(new)
    if isinstance(old, Table) and isinstance(new, Table):
        return merged(old, new)
    if isinstance(old, Items) and isinstance(new, Items) and key not in _REPLACED:
        return Items(line=new.line, items=(*old.items, *new.items))
    return new


def by_name(node: Node) -> Node:
    """A list such as `[A=1, B]` as a table, whose entries may be null; any other node as it is."""
    if not isinstance(node, Items):
        return node
    pairs = [
        (item.line, (item.text or "").partition("="))
        for item in node.items
        if isinstance(item, Text)
    ]
    return Table(
        line=node.line,
        entries={
            key: Text(line=line, text=text if equals else None)
            for line, (key, equals, text) in pairs
        },
    )


def _services(document: Mapping[str, Node], folder: str) -> dict[str, Table]:
    """The services of a file. One of version 1 has them at its top."""
    known = document.get("services")
    entries = table_of(known)
    if known is None:
        entries = {
            key: node
            for key, node in document.items()
            if not key.startswith("x-") and {"image", "build", "extends"} & {*table_of(node)}
        }
    return {key: _placed(node, folder) for key, node in entries.items() if isinstance(node, Table)}


def _placed(table: Table, folder: str) -> Table:
    """The table with the paths of `build` and `env_file` relative to the folder that is looked at,
    not to that of their file.
    """
    found = dict(table.entries)
    build = found.get("build")
    if isinstance(build, Text):
        found["build"] = _moved(build, folder)
    elif isinstance(build, Table):
        context = build.entries.get("context", Text(line=build.line, text="."))
        found["build"] = Table(
            line=build.line, entries={**build.entries, "context": _moved(context, folder)}
        )
    env_file = found.get("env_file")
    if isinstance(env_file, Text):
        found["env_file"] = _moved(env_file, folder)
    elif isinstance(env_file, Items):
        items = (table_of(each).get("path", each) for each in env_file.items)
        found["env_file"] = Items(
            line=env_file.line, items=tuple(_moved(each, folder) for each in items)
        )
    return Table(line=table.line, entries=found)


def _moved(node: Node, folder: str) -> Node:
    if not isinstance(node, Text) or not node.text or "://" in node.text:
        return node
    return Text(line=node.line, text=posixpath.normpath(posixpath.join(folder, node.text)))


def _beside(file: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), other))


def _included(document: Mapping[str, Node]) -> Iterator[str]:
    node = document.get("include")
    for item in node.items if isinstance(node, Items) else ():
        path = table_of(item).get("path", item)
        for each in path.items if isinstance(path, Items) else (path,):
            if text := text_of(each):
                yield text


def _depth(text: str) -> int:
    """The depth of brackets, roughly: brackets in texts count as well. The parser's time grows with
    its square.
    """
    steps = (1 if letter in "[{" else -1 for letter in text if letter in "[]{}")
    return max(accumulate(steps), default=0)


def text_of(node: Node | None) -> str:
    """The text of a scalar; empty for null and for all others."""
    return (node.text or "") if isinstance(node, Text) else ""


def table_of(node: Node | None) -> Mapping[str, Node]:
    """The entries of a table; none for all others."""
    return node.entries if isinstance(node, Table) else {}
