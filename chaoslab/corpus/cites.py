"""What a refusal must cite: codes of reasons, and the data that tell this defect from others. Pure.

Wording is never compared, so that a text may be improved at any time. Strings in data are those of
the app: its answers, its log lines, the names in its topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from chaoslab.errors import Problem, did_you_mean
from chaoslab.reason import Code, Reason, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Cite:
    """A code that one of a verdict's reasons must have, with the data that it must hold.

    A number or a truth value is equal to the reason's, a string is a part of it, and each item of a
    list is so of one of the reason's items.
    """

    code: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        data = ", ".join(f"{name} = {_toml(value)}" for name, value in self.data.items())
        return f"{self.code} {{ {data} }}" if data else self.code


def is_cited(cite: Cite, because: Iterable[Reason]) -> bool:
    """Whether one reason has the code and all of the data."""
    return any(
        reason.code == cite.code
        and all(_agrees(value, reason.data.get(name)) for name, value in cite.data.items())
        for reason in because
    )


def mistakes_in(cite: Cite, codes: Mapping[str, Code], where: str) -> Iterator[Problem]:
    """A code that no reason can have, or data that it does not have."""
    code = codes.get(cite.code)
    if code is None:
        yield Problem(
            where=where,
            what=f"no reason has the code '{cite.code}'",
            expected="a code of docs/reasons.md",
            fix=did_you_mean(cite.code, list(codes)),
        )
        return
    for name in cite.data:
        if name not in code.data_names:
            yield Problem(
                where=where,
                what=f"reasons with the code '{cite.code}' have no '{name}'",
                expected=", ".join(code.data_names) or "no data",
                fix=did_you_mean(name, list(code.data_names)),
            )


def _agrees(wanted: Value, found: Value) -> bool:
    if isinstance(wanted, tuple):
        items = found if isinstance(found, tuple) else ()
        return all(any(_agrees(each, item) for item in items) for each in wanted)
    if isinstance(wanted, str):
        return isinstance(found, str) and wanted in found
    same_kind = isinstance(wanted, bool) == isinstance(found, bool)  # 1 is not true
    return same_kind and wanted == found


def _toml(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
