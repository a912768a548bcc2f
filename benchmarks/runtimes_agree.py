"""Whether the runtimes give the same verdict for every scenario, and how long each takes.

Runs `pytest scenarios/ -m MARKER` as processes and in containers, alternating, and prints a table:
a row a scenario, its outcome in each runtime (counted over the rounds), and the ratio of the wall
times of the whole set. Where a fault is not the same thing in both, the row says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from _measure import figure, machine, percentile, ratio
from rich.console import Console
from rich.table import Table
from vpc_outage_repeats import leftovers, one_run

# What differs by the means, not by the outcome: docs/verdicts.md has each in full.
DIFFERS = {
    "dropped": "containers: a packet rule, nothing is acknowledged; processes: a full accept queue",
    "silent": "Toxiproxy drops the bytes, closes at the heal; the engine holds and delivers",
    "during": "Toxiproxy has no trigger of its own: skipped, or with --chaos-proxy=embedded",
    "idle": "as `dropped`",
    "refused": "Toxiproxy closes what is open; the engine resets it",
}
ARMS = {
    "local": ("local", ""),
    "docker": ("docker", ""),
    "docker, our proxy": ("docker", "embedded"),
}
Outcomes = dict[str, dict[str, Counter[str]]]


def read(results: Path, arm: str, into: Outcomes) -> None:
    """Count each scenario's worst outcome."""
    for path in sorted(results.glob("*/*/verdicts.json")):
        said = {verdict["outcome"] for verdict in json.loads(path.read_text())}
        worst = next(each for each in ("FAIL", "UNKNOWN", "PASS") if each in said)
        into[path.parent.name][arm][worst] += 1


def table(outcomes: Outcomes) -> tuple[Table, int]:
    """The table, and how many scenarios differ where both were run."""
    shown, differing = Table(title="Outcomes by runtime (rounds counted)"), 0
    for column in ("scenario", *ARMS, "same?", "how the fault differs"):
        shown.add_column(column)
    for scenario, by_arm in sorted(outcomes.items()):
        words = [_words(by_arm.get(arm)) for arm in ARMS]
        sets = {frozenset(by_arm[arm]) for arm in ARMS if arm in by_arm}
        differing += len(sets) > 1
        note = next((text for word, text in DIFFERS.items() if word in scenario), "")
        shown.add_row(scenario, *words, "yes" if len(sets) == 1 else "NO", note)
    return shown, differing


def _words(counts: Counter[str] | None) -> str:
    if not counts:
        return "skipped"
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def main() -> int:
    """Run, compare, print; exit status 1 where a verdict differs or something is left behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="pytest-xdist workers, 0 for none")
    parser.add_argument("--marker", default="vpc_outage")
    asked = parser.parse_args()
    for name, value in machine().items():
        print(f"{name:10} {value}")
    outcomes: Outcomes = defaultdict(lambda: defaultdict(Counter))
    walls: dict[str, list[list[float]]] = {arm: [] for arm in ARMS}
    for number in range(asked.rounds):
        for arm, (runtime, proxy) in ARMS.items():
            results = Path(tempfile.mkdtemp(prefix="agree-"))
            wall_s, status = one_run(
                results, workers=asked.workers, proxy=proxy, runtime=runtime, marker=asked.marker
            )
            walls[arm].append([wall_s])
            read(results, arm, outcomes)
            print(f"round {number + 1}, {arm}: {wall_s:.1f} s, exit {status}", flush=True)
    shown, differing = table(outcomes)
    Console(width=170).print(shown)
    for arm in list(ARMS)[1:]:
        by = ratio(walls[arm], walls["local"], percentile(50))
        print(f"{arm}: {figure(walls[arm], percentile(50)):.1f} s, {by:.2f} of local's time")
    left = leftovers()
    print(f"{differing} scenarios differ; left behind: {', '.join(left) or 'nothing'}")
    return int(bool(differing or left))


if __name__ == "__main__":
    sys.exit(main())
