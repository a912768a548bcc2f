"""Whether the runtimes give the same verdict for every scenario, and how long each takes.

Runs `pytest scenarios/ -m MARKER` as processes on shared loopback, as processes with a network of
their own, and in containers, alternating. Prints a table with
one row for each scenario: its outcome in each runtime, counted over the rounds, and a note if the
fault is not made in the same way. Then it prints the ratio of the wall times of all scenarios.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from _measure import figure, parser, percentile, print_machine, ratio
from rich.console import Console
from rich.table import Table
from vpc_outage_repeats import leftovers, one_run, outcomes

# How the runtimes make a fault differently; docs/verdicts.md has the details.
DIFFERS = {
    "dropped": "loopback: a full accept queue; others: a packet rule, nothing is acknowledged",
    "silent": "Toxiproxy drops bytes and closes at the heal; the engine holds and delivers them",
    "during": "Toxiproxy has no trigger of its own: skipped, or with --chaos-proxy=embedded",
    "idle": "as `dropped`",
    "without_the_bypass_refused": "loopback does not count refused connects: skipped",
    "refused": "Toxiproxy closes open connections; the engine resets them",
}
BASE = "loopback"
ARMS = {
    BASE: ("loopback", ""),
    "netns": ("netns", ""),
    "docker": ("docker", ""),
    "docker, our proxy": ("docker", "embedded"),
}
Outcomes = dict[str, dict[str, Counter[str]]]


def read(results: Path, arm: str, into: Outcomes) -> None:
    """Count the worst outcome of each scenario."""
    for folder, outcome in outcomes(results):
        into[folder.name][arm][outcome] += 1


def table(counted: Outcomes) -> tuple[Table, int]:
    """The table, and how many scenarios have different outcomes in different runtimes."""
    shown, differing = Table(title="Outcomes by runtime (rounds counted)"), 0
    for column in ("scenario", *ARMS, "same?", "how the fault differs"):
        shown.add_column(column)
    for scenario, by_arm in sorted(counted.items()):
        cells = [_cell(by_arm.get(arm)) for arm in ARMS]
        sets = {frozenset(by_arm[arm]) for arm in ARMS if arm in by_arm}
        differing += len(sets) > 1
        note = next((text for word, text in DIFFERS.items() if word in scenario), "")
        shown.add_row(scenario, *cells, "yes" if len(sets) == 1 else "NO", note)
    return shown, differing


def _cell(counts: Counter[str] | None) -> str:
    if not counts:
        return "skipped"
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def main() -> int:
    """Run, compare and print. Returns 1 if a verdict differs or something is left, else 0."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=3, help="number of rounds (3)")
    line.add_argument("--workers", type=int, default=0, help="pytest-xdist workers (0: none)")
    line.add_argument("--marker", default="vpc_outage", help="which scenarios (vpc_outage)")
    asked = line.parse_args()
    print_machine()
    counted: Outcomes = defaultdict(lambda: defaultdict(Counter))
    walls: dict[str, list[list[float]]] = {arm: [] for arm in ARMS}
    for number in range(asked.rounds):
        for arm, (runtime, proxy) in ARMS.items():
            results = Path(tempfile.mkdtemp(prefix="agree-"))
            wall_s, status = one_run(
                results, workers=asked.workers, proxy=proxy, runtime=runtime, marker=asked.marker
            )
            walls[arm].append([wall_s])
            read(results, arm, counted)
            print(f"round {number + 1}, {arm}: {wall_s:.1f} s, exit {status}", flush=True)
    shown, differing = table(counted)
    Console(width=170).print(shown)
    for arm in list(ARMS)[1:]:
        by = ratio(walls[arm], walls[BASE], percentile(50))
        print(f"{arm}: {figure(walls[arm], percentile(50)):.1f} s, {by:.2f} of {BASE}'s time")
    left = leftovers()
    print(f"{differing} scenarios differ; left over: {', '.join(left) or 'nothing'}")
    return int(bool(differing or left))


if __name__ == "__main__":
    sys.exit(main())
