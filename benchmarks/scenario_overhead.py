"""The time that the lab adds to a scenario, without its own start-up, the app and the fault.

It is the wall time of the scenario, minus the lab's start-up, minus the time from the spawn to the
event with which its last expectation could be judged (the app's own time, and the time that its
faults are in force), minus the app's shutdown from SIGTERM to its exit. The rest has four parts:

  inject     the lab is up      -> the app is spawned (faults injected, read back, observed)
  notice     the last event     -> the run's end (polling, samples under way, the last reading)
  take down  the run's end      -> all parts are removed (verdicts included)
  prepare    before the runtime -> the start-up begins (plan resolved and saved)

The event is found by `verdicts.settled`, asked after each event of the saved history. The scenarios
alternate in each round; the first round is a warm-up and is not counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

from _measure import ROOT, Figure, figure, parser, percentile, print_machine

from chaoslab import Severed, Stopped, expect, services, when
from chaoslab.clock import now_s
from chaoslab.history.events import AnyEvent, LabUp, RunEnded, Spawned
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.loader import load_topology
from chaoslab.model.plan import Plan, resolve
from chaoslab.runtimes.local.app import LocalApp
from chaoslab.verdicts.settled import unsettled

TOPOLOGY = load_topology(ROOT / "chaoslab.toml", kinds=services.kinds())
TARGET_S = 0.25
HOLD_S = 0.3

STARTS_DEGRADED = (expect.Starts(mode="degraded"), expect.Recovers())
SCENARIOS: dict[str, Plan] = {
    "no fault": Plan(expect=(expect.Starts(mode="normal"),)),
    "dropped before start": Plan(
        faults=(Severed(target="vpc", stop=when.degraded(HOLD_S)),), expect=STARTS_DEGRADED
    ),
    "refused before start": Plan(
        faults=(Severed(target="vpc", mode="refused", stop=when.degraded(HOLD_S)),),
        expect=STARTS_DEGRADED,
    ),
    "redis stopped before start": Plan(
        faults=(Stopped(target="redis", stop=when.degraded(HOLD_S)),), expect=STARTS_DEGRADED
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Seconds of one run that the lab itself takes."""

    prepare: float
    inject: float
    notice: float
    take_down: float

    @property
    def total(self) -> float:
        """All seconds that the lab adds."""
        return self.prepare + self.inject + self.notice + self.take_down


class Clocked:
    """Records each event and the time at which it was written."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.written_s: list[float] = []

    def __call__(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.written_s.append(now_s())

    def origin_s(self) -> float:
        """When the journal's clock began. Events of the start-up arrive late, hence the minimum."""
        pairs = zip(self.events, self.written_s, strict=True)
        return min(written_s - event.at_s for event, written_s in pairs)


@dataclass(slots=True)
class Shutdown:
    """Seconds that the app's shutdown took, measured around `LocalApp.terminate`."""

    took_s: float = 0.0

    async def terminate(self, app: LocalApp, grace_s: float = 2.0) -> int:
        begun_s = now_s()
        try:
            return await TERMINATE(app, grace_s)
        finally:
            self.took_s += now_s() - begun_s


TERMINATE = LocalApp.terminate


def settled_s(plan: Plan, events: list[AnyEvent]) -> float:
    """The time of the first event with which every expectation could be judged."""
    for number, event in enumerate(events, start=1):
        if unsettled(plan, History(tuple(events[:number])), event.at_s, TOPOLOGY) is None:
            return event.at_s
    raise SystemExit(f"{plan.name}: never settled; see its history")


async def run_once(plan: Plan, folder: Path) -> tuple[Parts, float]:
    """The lab's own seconds in one run of a plan, and its wall time."""
    clocked, shutdown = Clocked(), Shutdown()

    async def terminate(app: LocalApp, grace_s: float = 2.0) -> int:
        return await shutdown.terminate(app, grace_s)

    LocalApp.terminate = terminate  # type: ignore[method-assign, assignment]
    begun_s = now_s()
    verdicts = await carry_out(
        TOPOLOGY, plan, Setting(seed=1, listeners=(clocked,)), RunFolder(folder)
    )
    over_s = now_s()
    if any(verdict.outcome.value != "PASS" for verdict in verdicts):
        raise SystemExit(f"{plan.name}: {[str(v) for v in verdicts]}")
    origin_s, history = clocked.origin_s(), History(tuple(clocked.events))
    up, ended, spawned = history.first(LabUp), history.last(RunEnded), history.first(Spawned)
    assert up is not None
    assert ended is not None
    assert spawned is not None
    parts = Parts(
        prepare=origin_s - begun_s,
        inject=spawned.at_s - up.at_s,
        notice=ended.at_s - settled_s(resolve(plan, TOPOLOGY), clocked.events) - shutdown.took_s,
        take_down=over_s - origin_s - ended.at_s,
    )
    return parts, over_s - begun_s


async def measure(rounds: int) -> dict[str, list[tuple[Parts, float]]]:
    """Run all scenarios in each round; the first round is not counted."""
    runs: dict[str, list[tuple[Parts, float]]] = {name: [] for name in SCENARIOS}
    for number in range(rounds + 1):
        order = list(SCENARIOS.items())
        for name, plan in order if number % 2 else reversed(order):
            with tempfile.TemporaryDirectory() as folder:
                measured = await run_once(plan, Path(folder))
            if number:
                runs[name].append(measured)
    return runs


def median_of(values: list[float]) -> Figure:
    """The median with its 95 % bootstrap interval over rounds."""
    return figure([[value] for value in values], percentile(50))


def report(runs: dict[str, list[tuple[Parts, float]]]) -> dict[str, object]:
    """Print the table. Returns the same as data for JSON."""
    names = [field.name for field in fields(Parts)]
    print(f"{'scenario':<28}{'wall':>8}" + "".join(f"{name:>11}" for name in names) + "   added")
    found: dict[str, object] = {}
    for scenario, measured in runs.items():
        parts = [median_of([getattr(p, name) for p, _ in measured]) for name in names]
        wall = median_of([wall for _, wall in measured])
        added = median_of([p.total for p, _ in measured])
        cells = "".join(f"{part.value:>11.3f}" for part in parts)
        verdict = "meets" if added.value <= TARGET_S else "misses"
        print(f"{scenario:<28}{wall.value:>8.3f}{cells}   {added:.3f} s, {verdict} {TARGET_S} s")
        found[scenario] = {"added_s": [added.value, added.low, added.high], "wall_s": wall.value}
    return found


def main() -> None:
    """Measure and print."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=20, help="rounds that count (20)")
    line.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = line.parse_args()
    about = print_machine()
    found = report(asyncio.run(measure(options.rounds)))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": about, "scenarios": found}, indent=2) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
