"""How long the `vpc_outage` scenarios take, and how often the good build is refused, over N runs.

Each run is `pytest scenarios/ -m vpc_outage`, with `--workers` under pytest-xdist. The verdicts are
read from the saved runs. `--proxy toxiproxy` runs them behind a real Toxiproxy, `--runtime docker`
in containers; no container, network or volume may then be left after a run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from _measure import ROOT, figure, parser, percentile, print_machine

from chaoslab.runtimes.table import DEFAULT, NAMES

CONTAINERS = ("docker", "compose")


def leftovers() -> list[str]:
    """Containers, networks and volumes with the lab's label that the Docker engine lists."""
    found = []
    for kind in ("container", "network", "volume"):
        every = ["--all"] if kind == "container" else []
        command = [
            "docker",
            kind,
            "ls",
            *every,
            "--quiet",
            "--filter",
            "label=org.chaoslab.session",
        ]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        found += [f"{kind} {name}" for name in listed.stdout.split()]
    return found


def one_run(
    results: Path, *, workers: int, proxy: str, runtime: str, marker: str
) -> tuple[float, int]:
    """Run the scenarios once. Returns the wall seconds and the exit status."""
    command = [sys.executable, "-m", "pytest", "scenarios/", "-m", marker, "-q"]
    command += [f"--chaos-results={results}", f"--chaos-runtime={runtime}"]
    command += [f"--chaos-proxy={proxy}"] if proxy else []
    command += ["-n", str(workers)] if workers else []
    begun_s = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-60:]))
    return time.perf_counter() - begun_s, done.returncode


def outcomes(results: Path) -> Iterator[tuple[Path, str]]:
    """The folder of each run and the worst outcome of its verdicts."""
    for path in sorted(results.glob("*/*/verdicts.json")):
        found = {verdict["outcome"] for verdict in json.loads(path.read_text())}
        yield path.parent, next(each for each in ("FAIL", "UNKNOWN", "PASS") if each in found)


def main() -> int:
    """Run, count and print. Returns 1 if a scenario was not PASS or something is left, else 0."""
    line = parser(__doc__)
    line.add_argument("-n", "--runs", type=int, default=20, help="number of runs (20)")
    line.add_argument("--workers", type=int, default=0, help="pytest-xdist workers (0: none)")
    line.add_argument("--proxy", choices=("embedded", "toxiproxy"))
    line.add_argument("--runtime", choices=NAMES, default=DEFAULT)
    line.add_argument("--marker", default="vpc_outage", help="which scenarios (vpc_outage)")
    asked = line.parse_args()
    print_machine()
    results = Path(tempfile.mkdtemp(prefix="vpc-outage-"))
    walls: list[float] = []
    left: list[str] = []
    for number in range(asked.runs):
        wall_s, status = one_run(
            results,
            workers=asked.workers,
            proxy=asked.proxy,
            runtime=asked.runtime,
            marker=asked.marker,
        )
        left += leftovers() if asked.runtime in CONTAINERS else []
        walls.append(wall_s)
        print(f"run {number + 1:2}: {wall_s:6.1f} s, exit {status}", flush=True)
    ended = list(outcomes(results))
    counts = Counter(outcome for _, outcome in ended)
    bad = [f"{outcome} {folder}" for folder, outcome in ended if outcome != "PASS"]
    wall = figure([[wall] for wall in walls], percentile(50))
    print(f"wall, median [95 %]: {wall:.1f} s, worst {max(walls):.1f} s")
    print("scenarios: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    print("\n".join(bad) or f"all PASS; runs in {results}")
    if asked.runtime in CONTAINERS:
        print(f"left over: {', '.join(left) or 'nothing'}")
    return 1 if bad or left else 0


if __name__ == "__main__":
    sys.exit(main())
