"""The numbers that rules compare: given, found at a path, or the value of a variable."""

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
    """A number and the line that it stands on; 0 where the topology gives it."""

    value: float
    line: int = 0

    def __str__(self) -> str:
        return f"{self.value:g}"


class Figures:
    """Reads a rule's figures; what cannot be read becomes a finding of that rule."""

    def __init__(self, document: Document, rules: Deployment, rule: str) -> None:
        self._document, self._env, self._rule = document, rules.env, rule
        self.findings: list[Finding] = []

    def number(self, figure: Figure, key: str, *, span: bool = False) -> Number | None:
        """The figure, or None and a finding; `span` takes durations too, as in 1m30s."""
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
        self._missing(
            text.line,
            f"{key} ({figure}) is not a readable number",
            expected="seconds, for example 10 or 1m30s" if span else "a number",
            got=masked(text.text) if text.text else "a value that another tool fills in later",
        )
        return None

    def sum(self, figures: Sequence[Figure], key: str) -> tuple[Number, ...] | None:
        """The figures that are added up, or None where one of them cannot be read."""
        numbers = [self.number(figure, key) for figure in figures]
        known = tuple(each for each in numbers if each is not None)
        return known if len(known) == len(numbers) else None

    def _text(self, path: str, key: str) -> Text | None:
        if path.startswith("$"):
            return self._of_variable(variable(self._document, self._env, path[1:]), key)
        node = self._document.at(path)
        if isinstance(node, Nothing):
            self._missing(node.line, f"{key}: no value at '{path}': {node.why}", fix=node.fix)
            return None
        if not isinstance(node, Text):
            self._missing(node.line, f"{key}: '{path}' is a table or a list", expected="a number")
            return None
        return node

    def _of_variable(self, seen: Variable, key: str) -> Text | None:
        if seen.state == "set":
            return Text(line=seen.line, text=seen.text)
        self._missing(
            seen.line,
            f"{key}: the variable {seen.name} {stands(seen)}",
            expected="a number written in the file",
            fix=seen.fix,
        )
        return None

    def _missing(
        self, line: int, what: str, *, expected: str = "", got: str = "", fix: str = ""
    ) -> None:
        self.findings.append(
            Finding(
                rule=self._rule,
                where=self._document.where(line),
                what=what,
                expected=expected,
                got=got,
                fix=fix,
            )
        )


def stands(seen: Variable) -> str:
    """How a variable stands, as the end of a sentence that begins with it; never its value."""
    return {
        "set": "is set",
        "blank": "is blank",
        "placeholder": f"still holds the placeholder {seen.why!r}",
        "elsewhere": "gets its value from elsewhere (a secret, or a tool's environment)",
        "absent": f"is not declared ({seen.why})",
        "twice": f"is declared twice, {seen.why}",
    }[seen.state]


def added(numbers: Sequence[Number]) -> str:
    """The sum as it is written: `8`, or `(8 + 1)`."""
    return f"({' + '.join(map(str, numbers))})" if len(numbers) > 1 else str(numbers[0])


def total(numbers: Sequence[Number]) -> float:
    """What a sum comes to."""
    return sum(each.value for each in numbers)


def _span_s(text: str) -> float | None:
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
