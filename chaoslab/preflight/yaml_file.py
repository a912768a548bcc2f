"""YAML as nodes with lines: what is ambiguous or explodes is refused before it is expanded.

PyYAML's composer keeps the marks that its constructor loses; nothing is constructed here, so no
tag of the file is ever acted upon.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from chaoslab.errors import Problem, SpecError
from chaoslab.preflight.node import Items, Node, Table, Text

# A manifest has some hundreds of nodes; a bomb of ten lines has billions.
MOST_NODES = 50_000
_CORE = "tag:yaml.org,2002:"
_NULL = f"{_CORE}null"
_MERGE = f"{_CORE}merge"


def yaml_documents(text: str, file: str) -> tuple[Node, ...]:
    """The documents that are not empty. Raises SpecError for what is no YAML, or not to be used."""
    try:
        composed = [
            node
            for node in yaml.compose_all(text, Loader=yaml.SafeLoader)
            if node is not None and node.tag != _NULL
        ]
        reader = _Reader(file)
        documents = tuple(reader.read(node) for node in composed)
    except yaml.YAMLError as error:
        raise SpecError([_syntax(error, text, file)]) from None
    except RecursionError:
        raise SpecError([Problem(where=file, what="not readable: nested too deeply")]) from None
    if reader.problems:
        raise SpecError(reader.problems)
    return documents


class _Reader:
    """Turns composed nodes into ours; an anchor's node is turned once and shared."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._done: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node) -> Node:
        """The node with all below it, once it is known how much that is."""
        size = self._size(node, set())
        if size > MOST_NODES:
            raise SpecError(
                [
                    Problem(
                        where=f"{self._file}:{_line(node)}",
                        what="too many nodes, with every alias expanded",
                        expected=f"{MOST_NODES:,} or fewer",
                    )
                ]
            )
        return self._turned(node)

    def _size(self, node: yaml.Node, above: set[int]) -> int:
        """How many nodes there are with every alias written out; counted, not written out."""
        if id(node) in above:
            what = "an alias refers to a node that contains it"
            raise SpecError([Problem(where=f"{self._file}:{_line(node)}", what=what)])
        if id(node) not in self._sizes:
            above.add(id(node))
            self._sizes[id(node)] = 1 + sum(self._size(each, above) for each in _below(node))
            above.discard(id(node))
        return self._sizes[id(node)]

    def _turned(self, node: yaml.Node) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = self._made(node)
        return self._done[id(node)]

    def _made(self, node: yaml.Node) -> Node:
        line = _line(node)
        if isinstance(node, yaml.MappingNode):
            return Table(line=line, entries=self._entries(node))
        if isinstance(node, yaml.SequenceNode):
            return Items(line=line, items=tuple(self._turned(each) for each in node.value))
        known = node.tag.startswith(_CORE) and node.tag != _NULL
        return Text(line=line, text=str(node.value) if known else None)

    def _entries(self, node: yaml.MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            where = f"{self._file}:{_line(key)}"
            if not isinstance(key, yaml.ScalarNode):
                what = "a list or table as a key"
                self.problems.append(Problem(where=where, what=what, expected="a text"))
            elif name in lines:
                what = f"key '{name}' is here and on line {lines[name]}"
                fix = "remove one of the two"
                self.problems.append(
                    Problem(where=where, what=what, expected="each key once", fix=fix)
                )
            elif key.tag == _MERGE:
                lines[name] = _line(key)
                for each in reversed(value.value if _is_list(value) else [value]):
                    merged |= self._merged(each, where)
            else:
                lines[name] = _line(key)
                own[name] = self._turned(value)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, where: str) -> dict[str, Node]:
        turned = self._turned(node)
        if isinstance(turned, Table):
            return dict(turned.entries)
        what = "'<<' merges a value that is not a table"
        self.problems.append(Problem(where=where, what=what, expected="an alias of a table"))
        return {}


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """PyYAML's reason with its place, without the line itself: that may hold a secret."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        bad = error.character if isinstance(error.character, int) else ord(error.character)
        what = f"a character that YAML does not allow: 0x{bad:02x}"
        return Problem(where=f"{file}:{line}", what=f"not valid YAML: {what}")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "context", None) or "no reason given"
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    fix = "indent with spaces: YAML does not allow tabs" if "'\\t'" in reason else ""
    return Problem(where=where, what=f"not valid YAML: {reason}", fix=fix)
