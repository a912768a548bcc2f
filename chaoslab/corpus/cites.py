"""Which reasons the verdict on a defective build must have: their codes, and part of their data.

The text of a reason is never compared, so it may change at any time. Strings in data come from the
app: its answers, its log lines, the names in its topology. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, did_you_mean
from chaoslab.reason import Code, Reason, Value

NO_SUCH_DATA = ErrorCode(
    "record.no_such_data",
    "reasons with the code '{code}' have no '{name}'",
    "A record cites data that the reason does not have.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cite:
    """A code that a reason of the verdict must have, and values that its data must match.

    A number or boolean must be equal. A string must be part of the reason's string. Each item of a
    list must match an item of the reason's list.
    """

    code: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        data = ", ".join(f"{name} = {_toml(value)}" for name, value in self.data.items())
        return f"{self.code} {{ {data} }}" if data else self.code


def is_cited(cite: Cite, because: Iterable[Reason]) -> bool:
    """Whether at least one of the reasons has the code of the cite and matches all of its data."""
    return any(
        reason.code == cite.code
        and all(_agrees(value, reason.data.get(name)) for name, value in cite.data.items())
        for reason in because
    )


def mistakes_in(cite: Cite, codes: Mapping[str, Code], where: str) -> Iterator[Problem]:
    """The problems of a cite: an unknown code, or data that reasons with this code do not have."""
    code = codes.get(cite.code)
    if code is None:
        yield Problem(
            reason=UNKNOWN_NAME(kind="code", name=cite.code),
            where=where,
            expected="a code of docs/reasons.md",
            fix=did_you_mean(cite.code, list(codes)),
        )
        return
    for name in cite.data:
        if name not in code.data_names:
            yield Problem(
                reason=NO_SUCH_DATA(code=cite.code, name=name),
                where=where,
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
