"""How long the `vpc_outage` set takes, and how often the good build is refused, over N runs.

Each run is `pytest scenarios/ -m vpc_outage` as a user types it, or with `--workers` for
pytest-xdist. Verdicts are read from what the runs saved; `--proxy toxiproxy` repeats them behind a
real Toxiproxy, `--runtime docker` in containers, where after each run nothing may be left of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from _measure import ROOT, figure, machine, percentile


def leftovers() -> list[str]:
    """Containers, networks and volumes that carry the lab's label, by the engine's own word."""
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
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        found += [f"{kind} {name}" for name in told.stdout.split()]
    return found


def one_run(
    results: Path, *, workers: int, proxy: str, runtime: str, marker: str
) -> tuple[float, int]:
    """Wall seconds and exit status of one run."""
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


def outcomes(results: Path) -> tuple[Counter[str], list[str]]:
    """How often each outcome was reached, scenario by scenario, and which were not PASS."""
    counts: Counter[str] = Counter()
    bad = []
    for path in sorted(results.glob("*/*/verdicts.json")):
        said = {verdict["outcome"] for verdict in json.loads(path.read_text())}
        outcome = next(each for each in ("FAIL", "UNKNOWN", "PASS") if each in said)
        counts[outcome] += 1
        if outcome != "PASS":
            bad.append(f"{outcome} {path.parent}")
    return counts, bad


def main() -> int:
    """Run, count, print; exit status 1 if any scenario was not PASS."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", "--runs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0, help="pytest-xdist workers, 0 for none")
    parser.add_argument("--proxy", choices=("embedded", "toxiproxy"))
    parser.add_argument("--runtime", choices=("local", "docker", "compose"), default="local")
    parser.add_argument("--marker", default="vpc_outage")
    asked = parser.parse_args()
    for name, value in machine().items():
        print(f"{name:10} {value}")
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
        left += leftovers() if asked.runtime != "local" else []
        walls.append(wall_s)
        print(f"run {number + 1:2}: {wall_s:6.1f} s, exit {status}", flush=True)
    counts, bad = outcomes(results)
    wall = figure([[wall] for wall in walls], percentile(50))
    print(f"wall, median [95 %]: {wall:.1f} s, worst {max(walls):.1f} s")
    print("scenarios: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    print("\n".join(bad) or f"all green; runs in {results}")
    if asked.runtime != "local":
        print(f"left behind: {', '.join(left) or 'nothing'}")
    return 1 if bad or left else 0


if __name__ == "__main__":
    sys.exit(main())
