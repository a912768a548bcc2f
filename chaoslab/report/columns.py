"""Columns that other distributions add to the report: one number for each boot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaoslab.extensions import COLUMNS, extended
from chaoslab.history.journal import History

TIMES = ("bind_s", "first_answer_s", "startup_complete_s", "ready_or_degraded_s", "recovered_s")
OWN = frozenset(
    {"scenario", "seed", "runtime", "proxy", "verdict", "app", "boot", "exit_code", "run", *TIMES}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One number for each boot: `name` in boots.csv and frames, `heading` in the table.

    `of(history, app, boot)` computes it from the history alone; None if the history does not show
    it. The table has the median over the boots of a scenario, with `decimals`.
    """

    name: str
    heading: str
    of: Callable[[History, str, int], float | None]
    decimals: int = 3


def columns() -> Mapping[str, Column]:
    """Maps names to the installed columns.

    Raises SpecError if an installed extension cannot be used.
    """
    return extended(COLUMNS, {}, _a_column)


def _a_column(name: str, loaded: object) -> Column:
    if not isinstance(loaded, Column):
        raise ValueError(
            f"is a {type(loaded).__name__}\nan instance of chaoslab.report.columns.Column"
        )
    if loaded.name != name:
        raise ValueError(f"its name is '{loaded.name}'\n'{name}', the name of its entry point")
    if name in OWN or name.startswith("phase_") or not name.isidentifier():
        raise ValueError(
            f"'{name}' is not a valid column name\nan identifier that no other column uses"
        )
    return loaded
