"""How long a lab takes to come up and to go, on a warm cache.

Each round brings up a whole lab (Postgres, Redis, the engine, both links tried by a canary),
the two services without proxies, and each service alone, in an order that alternates, so that a
slow moment meets all of them. The first, cold start (initdb) counts in no median.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from _measure import ROOT, figure, machine, percentile

from chaoslab import services
from chaoslab.clock import now_s
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.bring_up import brought_up
from chaoslab.model.loader import load_topology
from chaoslab.runtimes.local import LocalRuntime

TOPOLOGY = load_topology(ROOT / "chaoslab.toml", kinds=services.kinds())
Took = tuple[float, float]


async def whole_lab() -> Took:
    """Seconds until a lab of the reference topology is up, and until it is gone."""
    begun_s = now_s()
    with tempfile.TemporaryDirectory() as folder:
        async with LocalRuntime() as runtime:
            up = brought_up(
                TOPOLOGY, runtime, proxy="embedded", seed=1, folder=RunFolder(Path(folder))
            )
            async with up:
                up_s, leaving_s = now_s() - begun_s, now_s()
    return up_s, now_s() - leaving_s


def without_proxies(*names: str) -> Callable[[], Awaitable[Took]]:
    """The same for these services at once, and nothing else."""

    async def arm() -> Took:
        begun_s = now_s()
        async with LocalRuntime() as runtime:
            wanted = (TOPOLOGY.services[name] for name in names)
            await asyncio.gather(*(runtime.start_service(each) for each in wanted))
            up_s, leaving_s = now_s() - begun_s, now_s()
        return up_s, now_s() - leaving_s

    return arm


ARMS: dict[str, Callable[[], Awaitable[Took]]] = {
    "whole lab": whole_lab,
    "Postgres + Redis": without_proxies("postgres", "redis"),
    "Postgres": without_proxies("postgres"),
    "Redis": without_proxies("redis"),
}


async def measure(rounds: int) -> dict[str, list[Took]]:
    """Every arm once per round; odd rounds go through the arms backwards."""
    taken: dict[str, list[Took]] = {name: [] for name in ARMS}
    for number in range(rounds):
        names = list(ARMS) if number % 2 == 0 else list(reversed(ARMS))
        for name in names:
            taken[name].append(await ARMS[name]())
    return taken


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="alternations (20)")
    rounds = parser.parse_args().rounds
    cold_s, _ = asyncio.run(whole_lab())
    taken = asyncio.run(measure(rounds))
    for name, value in machine().items():
        print(f"{name:10} {value}")
    print(f"medians of {rounds} [95 %], milliseconds; the first lab took {cold_s * 1e3:.0f}")
    for name, labs in taken.items():
        up, down = (figure([[lab[i] * 1e3] for lab in labs], percentile(50)) for i in (0, 1))
        print(f"{name:18} up {up:.0f}   down {down:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
