"""The app's variables in a deployment file, and the state of each.

Three forms are read: a list of tables with `name` and `value` (Kubernetes, Cloud Run, ECS), a
list of `NAME=value` (Compose), and a table (Compose, fly.toml, values of Helm).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import did_you_mean
from chaoslab.preflight.document import Document
from chaoslab.preflight.node import Items, Node, Nothing, Table, Text, listed

# `external`: the value is in a secret, or in the environment of the tool that reads the file.
State = Literal["set", "blank", "placeholder", "external", "missing", "duplicate"]

_UNFILLED = (
    re.compile(r"\$\{[A-Za-z_]\w*\}"),
    re.compile(r"\{\{.*?\}\}"),
    re.compile(r"<[A-Z][A-Z0-9_ -]*>|<(?:your|change|replace|insert)[^<>]*>", re.IGNORECASE),
    re.compile(r"\b(?:CHANGE|REPLACE|FILL)[_-]?(?:ME|THIS)(?:[_-]IN)?\b", re.IGNORECASE),
)
_ONLY_A_PLACEHOLDER = re.compile(
    r"(?:TODO|TBD|FIXME|XXX+|\$[A-Za-z_]\w*|\?+|\.\.\.|<.*>)", re.IGNORECASE
)
_DEFAULTED = re.compile(r"\$\{[A-Za-z_]\w*:?[-=?+].*?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable: its state, its line, and its text if the file shows it.

    For the state `missing`, `why` says what was found instead; for `placeholder`, which
    placeholder; for `duplicate`, at which lines.
    """

    name: str
    state: State
    line: int
    text: str = ""
    why: str = ""
    fix: str = ""

    @property
    def has_value(self) -> bool:
        """Whether the variable has a value, in the file or from elsewhere."""
        return self.state in ("set", "external")

    @property
    def state_text(self) -> str:
        """The state as the predicate of a sentence, as in `is blank`. It never shows the value."""
        return {
            "set": "is set",
            "blank": "is blank",
            "placeholder": f"still holds the placeholder {self.why!r}",
            "external": "gets its value from elsewhere (a secret, or a tool's environment)",
            "missing": f"is not declared ({self.why})",
            "duplicate": f"is declared twice, {self.why}",
        }[self.state]


def variable(document: Document, env: str, name: str) -> Variable:
    """The variable `name` in the table or list at the path `env` of the document, with its state.

    The state is `missing` if the path or the name is not found.
    """
    place = document.at(env)
    if isinstance(place, Nothing):
        why = f"no value at '{env}': {place.why}"
        return Variable(name=name, state="missing", line=place.line, why=why, fix=place.fix)
    if isinstance(place, Text):
        why = f"'{env}' is not a list or a table"
        return Variable(name=name, state="missing", line=place.line, why=why)
    declared = [*_declared(place)]
    mine = [(line, node) for known, line, node in declared if known == name]
    if len(mine) > 1:
        lines = " and ".join(str(line) for line, _ in mine)
        return Variable(name=name, state="duplicate", line=mine[-1][0], why=f"at lines {lines}")
    if mine:
        return _read(name, *mine[0])
    names = [known for known, _, _ in declared]
    return Variable(
        name=name,
        state="missing",
        line=place.line,
        why=f"'{env}' has {listed(names)}",
        fix=did_you_mean(name, names),
    )


def texts(document: Document, env: str) -> dict[str, str]:
    """Maps the name of each variable at the path `env` to its text.

    Variables whose value the file does not show, or whose text has a placeholder, are left out.
    """
    place = document.at(env)
    if not isinstance(place, Table | Items):
        return {}
    return {
        name: node.text
        for name, _, node in _declared(place)
        if isinstance(node, Text) and node.text is not None and not placeholder_in(node.text)
    }


def placeholder_in(text: str) -> str:
    """The first placeholder in a text, such as `<your-url>` or `CHANGEME`; empty if there is
    none.
    """
    text = _DEFAULTED.sub("", text)
    if _ONLY_A_PLACEHOLDER.fullmatch(text.strip()):
        return text.strip()
    matches = (match for pattern in _UNFILLED if (match := pattern.search(text)))
    return next((match[0] for match in matches), "")


def _declared(place: Table | Items) -> Iterator[tuple[str, int, Node]]:
    """Yield the name, the line and the value of every variable in the table or list `place`."""
    if isinstance(place, Table):
        for name, node in place.entries.items():
            yield name, node.line, node
        return
    for item in place.items:
        if isinstance(item, Table) and isinstance(name_node := item.entries.get("name"), Text):
            yield name_node.text or "", item.line, _value(item)
        elif isinstance(item, Text) and item.text is not None:
            name, is_given, text = item.text.partition("=")
            yield name, item.line, Text(line=item.line, text=text if is_given else None)


def _value(item: Table) -> Node:
    """The node of the value of a variable, from a table with its name: the entry `value`, else the
    first other entry, such as a reference to a secret.

    If the table has no other entry, a blank text.
    """
    if "value" in item.entries:
        value = item.entries["value"]
        return (
            Text(line=value.line, text="") if value == Text(line=value.line, text=None) else value
        )
    others = [node for key, node in item.entries.items() if key != "name"]
    return others[0] if others else Text(line=item.line, text="")


def _read(name: str, line: int, node: Node) -> Variable:
    if not isinstance(node, Text) or node.text is None or _DEFAULTED.fullmatch(node.text.strip()):
        return Variable(name=name, state="external", line=node.line)
    if not node.text.strip():
        return Variable(name=name, state="blank", line=line)
    if unfilled := placeholder_in(node.text):
        return Variable(name=name, state="placeholder", line=node.line, why=unfilled)
    if _DEFAULTED.search(node.text):
        return Variable(name=name, state="external", line=node.line)
    return Variable(name=name, state="set", line=node.line, text=node.text)
