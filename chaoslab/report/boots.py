"""Makes rows of the boots in saved runs: one row per boot of an app. It does not need pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TypeVar

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


def boots(runs: Iterable[Path]) -> tuple[Row, ...]:
    """One row (a mapping) per boot of every app in every scenario of these runs (folders inside
    results/).

    The keys of a row are the column names of `boots_frame`; what did not happen is left out. Raises
    SpecError if a run cannot be read.
    """
    rows: list[Row] = []
    runs = tuple(runs)
    for run, label in zip(runs, labels(runs), strict=True):
        for folder in scenario_folders(run):
            verdict = saved_verdict(folder)
            found = boot_rows(folder.topology(), folder.info(), folder.history())
            rows += [{**boot, "verdict": verdict, "run": label} for boot in found]
    return tuple(rows)


def figures(rows: Iterable[Row]) -> tuple[str, ...]:
    """The names of the columns with numbers, in order: times, phases, and installed columns."""
    phases = dict.fromkeys(name for row in rows for name in row if name.startswith("phase_"))
    return (*TIMES, *phases, *columns())


def names(rows: Sequence[Row]) -> tuple[str, ...]:
    """The names of all columns of these rows, in order."""
    return (*_NAMES, *figures(rows), "verdict", "app", "boot", "exit_code", "run")


def save_boots(rows: Sequence[Row], runs: Iterable[Path]) -> Iterator[Path]:
    """Write the rows of each run to its file boots.csv, and yield the path of each file.

    `rows` are those of `boots(runs)`. Figures have six decimals, and a missing value is an empty
    cell. Raises SpecError if a folder cannot be written to.
    """
    runs = tuple(runs)
    header, measured = names(rows), frozenset(figures(rows))
    for run, label in zip(runs, labels(runs), strict=True):
        path = run / "boots.csv"
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(header)
        table.writerows(_cells(row, header, measured) for row in rows if row["run"] == label)
        write_file(path.resolve(), text.getvalue().encode())
        yield path


def _cells(row: Row, header: Sequence[str], measured: Collection[str]) -> Iterator[str]:
    for name in header:
        value = row.get(name, "")
        if name not in measured or value == "":
            yield str(value)
        else:
            yield "" if isnan(float(value)) else f"{float(value):.6f}"


def boot_rows(topology: Topology, info: RunInfo, history: History) -> Iterator[Row]:
    """Yield one row (a mapping) for each boot of one run, in order; a time that was not reached is
    left out.

    An attached app has no boot, and no row.
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
    """Maps each installed column to its number for this boot; a number that is None is left out."""
    figures = {
        name: column.of(history, spawned.app, spawned.boot) for name, column in columns().items()
    }
    return {name: float(figure) for name, figure in figures.items() if figure is not None}


class _Boot:
    """The events of one boot, and the times between them."""

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
        """Maps the name of each time of the boot to its seconds: since the spawn, but `recovered_s`
        since the last heal.

        A time that was not reached is left out.
        """
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
        """Maps `phase_NAME_s` to the seconds of the start-up phase NAME, as the app published it
        last.
        """
        snapshots = tuple(self.of(StartupSnapshot))
        timings = snapshots[-1].phase_timings_s if snapshots else {}
        return {f"phase_{name}_s": took_s for name, took_s in timings.items()}

    def _recovered_s(self) -> float | None:
        """The seconds from the last heal before the lasting recovery to the first healthy sample of
        that recovery.

        None if health did not stay healthy, was never lost, or if nothing was healed before.
        Unreachable samples at the end are ignored: the app was stopped.
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
