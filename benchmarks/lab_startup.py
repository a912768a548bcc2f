"""How long a lab takes to come up and to go: Postgres and Redis in parallel, on a warm cache.

Run: python benchmarks/lab_startup.py [--rounds N] [--json FILE]

Each round measures, in an order that alternates, the services in parallel and, for comparison,
each alone, so that a slow moment of the machine meets all of them. Printed are medians with a 95 %
bootstrap interval, beside the machine and the commit. The first, cold start (initdb) is reported
apart and counts in no median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.seeds import generator
from chaoslab.spec.topology import Service

POSTGRES = Service(name="postgres", kind="postgres")
REDIS = Service(name="redis", kind="redis")
ARMS: dict[str, tuple[Service, ...]] = {
    "Postgres + Redis": (POSTGRES, REDIS),
    "Postgres alone": (POSTGRES,),
    "Redis alone": (REDIS,),
}
SEED = 3
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """One lab, in seconds."""

    up_s: float
    down_s: float
    versions: tuple[str, ...]


async def once(services: Sequence[Service]) -> Once:
    """Bring the services up at once, and take them down again."""
    start_s = now_s()
    async with LocalRuntime() as runtime:
        running = await asyncio.gather(*(runtime.start_service(each) for each in services))
        up_s = now_s() - start_s
        leaving_s = now_s()
    versions = tuple(each.version for each in running)
    return Once(up_s=up_s, down_s=now_s() - leaving_s, versions=versions)


async def measure(rounds: int) -> dict[str, list[Once]]:
    """Every arm once per round; odd rounds go through the arms backwards."""
    taken: dict[str, list[Once]] = {name: [] for name in ARMS}
    for number in range(rounds):
        names = list(ARMS) if number % 2 == 0 else list(reversed(ARMS))
        for name in names:
            taken[name].append(await once(ARMS[name]))
    return taken


def interval(values: list[float], name: str) -> tuple[float, float, float]:
    """Median with the 95 % percentile interval of its bootstrap."""
    draw = generator(SEED, "bootstrap", name)
    medians = sorted(
        statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    low, high = medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]
    return statistics.median(values), low, high


def machine() -> dict[str, str]:
    """What the figures belong to."""
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return {
        "commit": said.stdout.strip() or "unknown",
        "processors": f"{len(os.sched_getaffinity(0))} x {models[0] if models else 'unknown'}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "user": "root" if os.geteuid() == 0 else "ordinary",
        "load": " ".join(f"{each:.2f}" for each in os.getloadavg()),
    }


def main() -> int:
    """Measure, print, and write JSON if asked; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=20, help="alternations (at least 20)")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    where = machine()
    cold = asyncio.run(once(ARMS["Postgres + Redis"]))
    taken = asyncio.run(measure(max(20, options.rounds)))
    print("; ".join(f"{name} {value}" for name, value in where.items()))
    print(f"servers: {', '.join(cold.versions)}; first lab of this run: {cold.up_s * 1e3:.0f} ms")
    figures: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name, labs in taken.items():
        up = interval([each.up_s for each in labs], f"{name} up")
        down = interval([each.down_s for each in labs], f"{name} down")
        figures[name] = {"up_s": up, "down_s": down}
        print(
            f"{name:18} n={len(labs)}"
            + "".join(
                f"  {verb} {mid * 1e3:6.1f} ms [{low * 1e3:.1f}, {high * 1e3:.1f}]"
                for verb, (mid, low, high) in (("up", up), ("down", down))
            )
        )
    if options.json:
        said = {"machine": where, "servers": cold.versions, "figures": figures}
        options.json.write_text(json.dumps(said, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
