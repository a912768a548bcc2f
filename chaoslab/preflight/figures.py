"""The numbers that rules compare: from the topology, a path in the file, or a variable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chaoslab.model.deployment import Deployment, Figure
from chaoslab.preflight.document import Document
from chaoslab.preflight.finding import Finding, masked
from chaoslab.preflight.node import Nothing, Text
from chaoslab.preflight.variables import Variable, variable

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"([\d.]+)(ms|s|m|h)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number and its line in the deployment file; line 0 if the topology gives it."""

    value: float
    line: int = 0

    def __str__(self) -> str:
        return f"{self.value:g}"


class Figures:
    """Reads the numbers of one rule. A number that cannot be read becomes a finding."""

    def __init__(self, document: Document, rules: Deployment, rule: str) -> None:
        self._document, self._env, self._rule = document, rules.env, rule
        self.findings: list[Finding] = []

    def number(self, figure: Figure, key: str, *, span: bool = False) -> Number | None:
        """The number of a figure. If it cannot be read, returns None and adds a finding.

        With `span` a duration such as 1m30s is allowed, and the number is in seconds.
        """
        if isinstance(figure, float | int):
            return Number(value=float(figure))
        text = self._text(figure, key)
        if text is None:
            return None
        raw = (text.text or "").strip()
        value = _span_s(raw) if span else None
        if value is None and _NUMBER.fullmatch(raw):
            value = float(raw)
        if value is not None:
            return Number(value=value, line=text.line)
        self._add(
            text.line,
            f"{key} ({figure}) is not a readable number",
            expected="seconds, for example 10 or 1m30s" if span else "a number",
            got=masked(text.text) if text.text else "a value that another tool fills in later",
        )
        return None

    def sum(self, figures: Sequence[Figure], key: str) -> tuple[Number, ...] | None:
        """The numbers that a rule adds up; None, with a finding, if one of them cannot be read."""
        numbers = [self.number(figure, key) for figure in figures]
        known = tuple(each for each in numbers if each is not None)
        return known if len(known) == len(numbers) else None

    def _text(self, path: str, key: str) -> Text | None:
        if path.startswith("$"):
            return self._of_variable(variable(self._document, self._env, path[1:]), key)
        node = self._document.at(path)
        if isinstance(node, Nothing):
            self._add(node.line, f"{key}: no value at '{path}': {node.why}", fix=node.fix)
            return None
        if not isinstance(node, Text):
            self._add(node.line, f"{key}: '{path}' is a table or a list", expected="a number")
            return None
        return node

    def _of_variable(self, found: Variable, key: str) -> Text | None:
        if found.state == "set":
            return Text(line=found.line, text=found.text)
        self._add(
            found.line,
            f"{key}: the variable {found.name} {found.state_text}",
            expected="a number written in the file",
            fix=found.fix,
        )
        return None

    def _add(self, line: int, what: str, **more: str) -> None:
        self.findings.append(self._document.finding(self._rule, line, what, **more))


def added(numbers: Sequence[Number]) -> str:
    """The numbers of a sum as text: `8` for one number, `(8 + 1)` for several."""
    return f"({' + '.join(map(str, numbers))})" if len(numbers) > 1 else str(numbers[0])


def total(numbers: Sequence[Number]) -> float:
    """The sum of the numbers."""
    return sum(each.value for each in numbers)


def _span_s(text: str) -> float | None:
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
