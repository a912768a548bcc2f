"""Reasons as data: a code that programs read, its data, and a text for people made from both.

A `Code` is declared once, beside what uses it, and called with its data to make a `Reason`. The
code and the names of its data are stable; the text may be improved at any time. docs/reasons.md
lists all of them.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that was observed, or why nothing can be said.

    `code` is a word of the vocabulary, `data` its values (times in seconds since the lab's start
    unless a name says otherwise), `text` one line for people.
    """

    code: str
    text: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Code:
    """A word of the vocabulary: `name` as in `start.exited`, the text's template, what it means.

    The template is filled from the data as by `str.format`; a sequence is joined by commas. If the
    words depend on the data, it is a function of the data. `data` names the data that a
    template cannot show: those of a function, and those that the text leaves out.
    """

    name: str
    template: str | Callable[[Mapping[str, Any]], str]
    meaning: str
    data: tuple[str, ...] = ()

    @property
    def data_names(self) -> tuple[str, ...]:
        """The names of all of its data, those of the template first."""
        if not isinstance(self.template, str):
            return self.data
        fields = (name for _, name, _, _ in _Text().parse(self.template) if name)
        return tuple(dict.fromkeys((*fields, *self.data)))

    def __call__(self, **given: Scalar | Sequence[Scalar]) -> Reason:
        """The reason with this data; a sequence is kept as a tuple."""
        data = {name: _value(value) for name, value in given.items()}
        return Reason(code=self.name, text=self._text(data), data=data)

    def because_of(self, cause: Reason, **given: Scalar | Sequence[Scalar]) -> Reason:
        """The reason with its cause, whose text the text shows as `{cause}`.

        In the data `cause` is the code of the cause, beside the data of the cause.
        """
        data = {**cause.data, **{name: _value(value) for name, value in given.items()}}
        text = self._text({**data, "cause": cause.text})
        return Reason(code=self.name, text=text, data={**data, "cause": cause.code})

    def _text(self, data: Mapping[str, Value]) -> str:
        if isinstance(self.template, str):
            return _Text().vformat(self.template, (), data)
        return self.template(data)


def _value(given: Scalar | Sequence[Scalar]) -> Value:
    scalar = given is None or isinstance(given, str | int | float)
    return given if scalar else tuple(given)  # type: ignore[arg-type, return-value]


class _Text(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(self.format_field(each, format_spec) for each in value)
        return str(super().format_field(value, format_spec))
