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
    """One thing that was observed, or why nothing can be concluded.

    `code` is the name of a `Code`, `data` has the values (times in seconds since the lab's start
    unless a name says otherwise), and `text` is one line for people.
    """

    code: str
    text: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of reason: its `name`, such as `start.exited`, the template of its text, its
    meaning.

    The template is filled from the data as by `str.format`; a sequence is joined by commas. If the
    words depend on the data, the template is a function of the data. `data` has the names of data
    that a template cannot show: those of a function, and those that the text leaves out.
    """

    name: str
    template: str | Callable[[Mapping[str, Any]], str]
    meaning: str
    data: tuple[str, ...] = ()

    @property
    def data_names(self) -> tuple[str, ...]:
        """The names of all data of a reason with this code, those of the template first."""
        if not isinstance(self.template, str):
            return self.data
        fields = (name for _, name, _, _ in _Text().parse(self.template) if name)
        return tuple(dict.fromkeys((*fields, *self.data)))

    def __call__(self, **given: Scalar | Sequence[Scalar]) -> Reason:
        """A Reason with this code and the given data; a sequence is kept as a tuple."""
        data = {name: _value(value) for name, value in given.items()}
        return Reason(code=self.name, text=self._text(data), data=data)

    def because_of(self, cause: Reason, **given: Scalar | Sequence[Scalar]) -> Reason:
        """A Reason with this code and another reason as its cause; `{cause}` in the template is the
        text of the cause.

        The new reason's data are the given data, the data of the cause, and the code of the cause
        under `cause`.
        """
        data = {**cause.data, **{name: _value(value) for name, value in given.items()}}
        text = self._text({**data, "cause": cause.text})
        return Reason(code=self.name, text=text, data={**data, "cause": cause.code})

    def _text(self, data: Mapping[str, Value]) -> str:
        if isinstance(self.template, str):
            return _Text().vformat(self.template, (), data)
        return self.template(data)


def _value(given: Scalar | Sequence[Scalar]) -> Value:
    if given is None or isinstance(given, str | int | float):
        return given
    return tuple(given)


class _Text(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(self.format_field(each, format_spec) for each in value)
        return str(super().format_field(value, format_spec))
