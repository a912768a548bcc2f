"""Data frames of runs: one row per boot of an app, or one row per event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

import pandas as pd

from chaoslab.evidence.timeline import samples
from chaoslab.history.events import (
    Bound,
    Event,
    Exited,
    FaultHealed,
    FirstAnswer,
    HealthTurned,
    Ready,
    Spawned,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.files import write_file
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunInfo, scenario_folders
from chaoslab.model.health import HealthState
from chaoslab.model.topology import Topology
from chaoslab.report.columns import TIMES, columns
from chaoslab.report.runs import labels, saved_verdict

Row = Mapping[str, str | int | float]
OfBoot = Bound | FirstAnswer | StartupComplete | StartupSnapshot | Ready | Exited | HealthTurned
B = TypeVar("B", bound=OfBoot)

_NAMES = ("scenario", "seed", "runtime", "proxy")
_KINDS = (
    dict.fromkeys(("scenario", "runtime", "proxy", "app", "run", "verdict"), "str")
    | dict.fromkeys(("seed", "boot"), "int64")
    | {"exit_code": "Int64"}
)


def boots_frame(runs: Iterable[Path]) -> pd.DataFrame:
    """One row per boot of every app in every scenario of these runs (folders inside results/).

    Columns, in this order: scenario (str), seed (int64), runtime, proxy (str); bind_s,
    first_answer_s, startup_complete_s, ready_or_degraded_s (float64, seconds since the spawn);
    recovered_s (float64, seconds from the heal to the first healthy sample of the lasting
    recovery); phase_<name>_s for each phase that an app published (float64, its duration in
    seconds); each installed column (float64, see `columns`); verdict (str, of the scenario: `PASS`,
    `UNKNOWN` or `FAIL`, empty if none was saved); app (str), boot (int64, from 1), exit_code
    (Int64, <NA> if the app did not exit by itself), run (str).
    What did not happen is NaN, never 0. Raises SpecError if a run cannot be read.
    """
    rows: list[Row] = []
    runs = tuple(runs)
    for run, label in zip(runs, labels(runs), strict=True):
        for folder in scenario_folders(run):
            verdict = saved_verdict(folder)
            boots = boot_rows(folder.topology(), folder.info(), folder.history())
            rows += [{**boot, "verdict": verdict, "run": label} for boot in boots]
    return _framed(rows)


def save_boots(boots: pd.DataFrame, runs: Iterable[Path]) -> Iterator[Path]:
    """Write each run's rows of `boots_frame(runs)` to its boots.csv, and give the paths.

    Seconds have six decimals, and a missing value is an empty cell. Raises SpecError if a folder
    cannot be written to.
    """
    runs = tuple(runs)
    for run, label in zip(runs, labels(runs), strict=True):
        path = run / "boots.csv"
        text = boots[boots["run"] == label].to_csv(index=False, float_format="%.6f")
        write_file(path.resolve(), text.encode())
        yield path


def events_frame(history: History, kind: type[Event]) -> pd.DataFrame:
    """One row per event of one type, in order, and one column per field."""
    columns = [each.name for each in fields(kind)]
    return pd.DataFrame([asdict(event) for event in history.of(kind)], columns=columns)


def boot_rows(topology: Topology, info: RunInfo, history: History) -> Iterator[Row]:
    """The boots of one run, in order. A time that was not reached is left out of its row.

    An attached app has no boot.
    """
    for spawned in history.of(Spawned):
        if spawned.standing:
            continue
        boot = _Boot(spawned, history)
        exited = boot.first(Exited, lambda event: not event.asked)
        yield {
            "scenario": info.scenario,
            "seed": info.seed,
            "runtime": info.runtime,
            "proxy": info.proxy,
            **boot.times(topology.apps[spawned.app].health.ready_path is not None),
            **boot.phases(),
            **_installed(spawned, history),
            "app": spawned.app,
            "boot": spawned.boot,
            **({} if exited is None else {"exit_code": exited.exit_code}),
        }


def _installed(spawned: Spawned, history: History) -> dict[str, float]:
    """The numbers of the installed columns; those that are None are left out."""
    figures = {
        name: column.of(history, spawned.app, spawned.boot) for name, column in columns().items()
    }
    return {name: float(figure) for name, figure in figures.items() if figure is not None}


class _Boot:
    """One boot's events, and the times between them."""

    def __init__(self, spawned: Spawned, history: History) -> None:
        self._spawned = spawned
        self._history = history

    def of(self, kind: type[B]) -> Iterator[B]:
        for event in self._history.of(kind):
            if (event.app, event.boot) == (self._spawned.app, self._spawned.boot):
                yield event

    def first(self, kind: type[B], where: Callable[[B], bool] = lambda _: True) -> B | None:
        return next((event for event in self.of(kind) if where(event)), None)

    def times(self, has_ready_path: bool) -> dict[str, float]:
        """Seconds since the spawn, and `recovered_s` since the heal; missing ones are left out."""
        serving = {HealthState.DEGRADED} if has_ready_path else _SERVING
        ready = (self.first(Ready), self.first(HealthTurned, lambda e: e.state in serving))
        since_spawn: dict[str, Event | None] = {
            "bind_s": self.first(Bound),
            "first_answer_s": self.first(FirstAnswer),
            "startup_complete_s": self.first(StartupComplete),
            "ready_or_degraded_s": min(filter(None, ready), key=_at_s, default=None),
        }
        times = {
            name: event.at_s - self._spawned.at_s
            for name, event in since_spawn.items()
            if event is not None
        }
        recovered_s = self._recovered_s()
        return times if recovered_s is None else times | {"recovered_s": recovered_s}

    def phases(self) -> dict[str, float]:
        """The duration of each phase, as the app published last."""
        snapshots = tuple(self.of(StartupSnapshot))
        timings = snapshots[-1].phase_timings_s if snapshots else {}
        return {f"phase_{name}_s": took_s for name, took_s in timings.items()}

    def _recovered_s(self) -> float | None:
        """Seconds from the last heal to the lasting recovery.

        None if health did not stay healthy, or was never lost. Unreachable samples at the end are
        ignored: the app was stopped.
        """
        health = samples(self._history, self._spawned.app, self._spawned.boot)
        while health and health[-1].state is HealthState.UNREACHABLE:
            health.pop()
        lost = [at for at, sample in enumerate(health) if sample.state is not HealthState.HEALTHY]
        if not lost or lost[-1] == len(health) - 1:
            return None
        recovered_s = health[lost[-1] + 1].at_s
        heals = [
            heal.at_s
            for heal in self._history.of(FaultHealed)
            if self._spawned.at_s <= heal.at_s <= recovered_s
        ]
        return recovered_s - heals[-1] if heals else None


_SERVING = {HealthState.DEGRADED, HealthState.HEALTHY}


def _at_s(event: Event) -> float:
    return event.at_s


def _framed(rows: list[Row]) -> pd.DataFrame:
    phases = dict.fromkeys(name for row in rows for name in row if name.startswith("phase_"))
    figures = (*TIMES, *phases, *columns())
    names = [*_NAMES, *figures, "verdict", "app", "boot", "exit_code", "run"]
    return pd.DataFrame(rows, columns=names).astype(_KINDS | dict.fromkeys(figures, "float64"))
