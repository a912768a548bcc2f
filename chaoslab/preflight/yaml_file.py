"""Reads YAML as nodes with lines. Ambiguous or too large files are refused before any expansion.

It uses PyYAML's composer, which keeps the lines. No object is constructed, so no tag of the file
has any effect.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from chaoslab.errors import NOT_VALID, ErrorCode, Problem, SpecError
from chaoslab.preflight.node import Items, Node, Table, Text

# A manifest has some hundreds of nodes. Ten lines of nested aliases can expand to billions.
MOST_NODES = 50_000
_CORE = "tag:yaml.org,2002:"
_NULL = f"{_CORE}null"
_MERGE = f"{_CORE}merge"

TOO_MANY_NODES = ErrorCode(
    "yaml.too_many_nodes",
    "too many nodes, with every alias expanded",
    "The aliases of the file expand to more nodes than chaoslab reads.",
)
ALIAS_LOOP = ErrorCode(
    "yaml.alias_loop",
    "an alias refers to a node that contains it",
    "An alias refers to a node that contains this alias.",
)
KEY_NOT_TEXT = ErrorCode(
    "yaml.key_not_text",
    "a list or table as a key",
    "A key of a table is a list or a table, not a text.",
)
DUPLICATE_KEY = ErrorCode(
    "yaml.duplicate_key",
    "key '{key}' is here and on line {line}",
    "A table has the same key twice.",
)
MERGE_NOT_TABLE = ErrorCode(
    "yaml.merge_not_table",
    "'<<' merges a value that is not a table",
    "The value of a merge key (`<<`) is not a table.",
)


def yaml_documents(text: str, file: str) -> tuple[Node, ...]:
    """The documents of a YAML text, without the empty ones. Raises SpecError if the file cannot be
    used.
    """
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
        reason = NOT_VALID(format="YAML", cause="nested too deeply")
        raise SpecError(Problem(reason=reason, where=file)) from None
    if reader.problems:
        raise SpecError(reader.problems)
    return documents


class _Reader:
    """Converts PyYAML's nodes to those of `preflight.node`; `problems` has what is wrong in the
    file.

    The node of an anchor is converted once and shared.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._done: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node) -> Node:
        """Return a node and all nodes below it, converted. Raises SpecError if there are too
        many.
        """
        size = self._size(node, set())
        if size > MOST_NODES:
            expected = f"{MOST_NODES:,} or fewer"
            raise SpecError(
                Problem(reason=TOO_MANY_NODES(), where=self._where(node), expected=expected)
            )
        return self._converted(node)

    def _where(self, node: yaml.Node) -> str:
        return f"{self._file}:{_line(node)}"

    def _size(self, node: yaml.Node, above: set[int]) -> int:
        """The number of nodes from `node` down, counted as if every alias were expanded; nothing is
        expanded.

        `above` has the ids of the nodes around `node`. Raises SpecError if an alias refers to one
        of them.
        """
        if id(node) in above:
            raise SpecError(Problem(reason=ALIAS_LOOP(), where=self._where(node)))
        if id(node) not in self._sizes:
            above.add(id(node))
            self._sizes[id(node)] = 1 + sum(self._size(each, above) for each in _below(node))
            above.discard(id(node))
        return self._sizes[id(node)]

    def _converted(self, node: yaml.Node) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = self._convert(node)
        return self._done[id(node)]

    def _convert(self, node: yaml.Node) -> Node:
        line = _line(node)
        if isinstance(node, yaml.MappingNode):
            return Table(line=line, entries=self._entries(node))
        if isinstance(node, yaml.SequenceNode):
            return Items(line=line, items=tuple(self._converted(each) for each in node.value))
        known = node.tag.startswith(_CORE) and node.tag != _NULL
        return Text(line=line, text=str(node.value) if known else None)

    def _entries(self, node: yaml.MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            where = self._where(key)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(Problem(reason=KEY_NOT_TEXT(), where=where, expected="a text"))
            elif name in lines:
                reason, fix = DUPLICATE_KEY(key=name, line=lines[name]), "remove one of the two"
                self.problems.append(
                    Problem(reason=reason, where=where, expected="each key once", fix=fix)
                )
            elif key.tag == _MERGE:
                lines[name] = _line(key)
                for each in reversed(value.value if _is_list(value) else [value]):
                    merged |= self._merged(each, where)
            else:
                lines[name] = _line(key)
                own[name] = self._converted(value)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, where: str) -> dict[str, Node]:
        converted = self._converted(node)
        if isinstance(converted, Table):
            return dict(converted.entries)
        reason = MERGE_NOT_TABLE()
        self.problems.append(Problem(reason=reason, where=where, expected="an alias of a table"))
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
    """The Problem for a syntax error of a YAML text, with PyYAML's cause and place.

    The line itself is not quoted, because it may hold a secret.
    """
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        bad = error.character if isinstance(error.character, int) else ord(error.character)
        cause = f"a character that YAML does not allow: 0x{bad:02x}"
        return Problem(reason=NOT_VALID(format="YAML", cause=cause), where=f"{file}:{line}")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    cause = getattr(error, "problem", None) or getattr(error, "context", None) or "no reason given"
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    fix = "indent with spaces: YAML does not allow tabs" if "'\\t'" in cause else ""
    return Problem(reason=NOT_VALID(format="YAML", cause=cause), where=where, fix=fix)
