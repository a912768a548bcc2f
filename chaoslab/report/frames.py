"""Data frames of runs: one row per boot of an app, or one row per event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from chaoslab.history.events import Event
from chaoslab.history.journal import History
from chaoslab.report.boots import boots, figures, names

_KINDS = (
    dict.fromkeys(("scenario", "runtime", "proxy", "app", "run", "verdict"), "str")
    | dict.fromkeys(("seed", "boot"), "int64")
    | {"exit_code": "Int64"}
)


def boots_frame(runs: Iterable[Path]) -> pd.DataFrame:
    """A data frame with one row per boot of every app in every scenario of these runs (folders
    inside results/).

    Columns, in this order: scenario (str), seed (int64), runtime, proxy (str); bind_s,
    first_answer_s, startup_complete_s, ready_or_degraded_s (float64, seconds since the spawn);
    recovered_s (float64, seconds from the heal to the first healthy sample of the lasting
    recovery); phase_<name>_s for each phase that an app published (float64, its duration in
    seconds); each installed column (float64, see `columns`); verdict (str, of the scenario: `PASS`,
    `UNKNOWN` or `FAIL`, empty if none was saved); app (str), boot (int64, from 1), exit_code
    (Int64, <NA> if the app did not exit by itself), run (str).

    What did not happen is NaN, never 0. Raises SpecError if a run cannot be read.
    """
    rows = boots(runs)
    kinds = _KINDS | dict.fromkeys(figures(rows), "float64")
    return pd.DataFrame(rows, columns=[*names(rows)]).astype(kinds)


def events_frame(history: History, kind: type[Event]) -> pd.DataFrame:
    """A data frame with one row per event of one type, in order, and one column per field."""
    columns = [each.name for each in fields(kind)]
    return pd.DataFrame([asdict(event) for event in history.of(kind)], columns=columns)
