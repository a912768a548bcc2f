"""How long a lab takes to start and to stop, with a warm cache.

Each round starts a complete lab (Postgres, Redis, the engine, both links checked by a canary), the
same with a network of its own for the app where this machine allows it (runtime netns), the two
services without proxies, and each service alone. The order changes from round to round, so
that a slow moment affects all of them. The first start, with initdb, is not counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from _measure import ROOT, figure, parser, percentile, print_machine

from chaoslab import services
from chaoslab.clock import now_s
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.bring_up import brought_up
from chaoslab.model.loader import load_topology
from chaoslab.runtimes.choice import choose
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns import NetnsRuntime

TOPOLOGY = load_topology(ROOT / "chaoslab.toml", kinds=services.kinds())
Took = tuple[float, float]
OWN = "whole lab, netns"


async def whole_lab(new_runtime: Callable[[], LocalRuntime] = LocalRuntime) -> Took:
    """Seconds until a lab of the reference topology is up, and then until it is removed."""
    begun_s = now_s()
    with tempfile.TemporaryDirectory() as folder:
        async with new_runtime() as runtime:
            up = brought_up(
                TOPOLOGY, runtime, proxy="embedded", seed=1, folder=RunFolder(Path(folder))
            )
            async with up:
                up_s, leaving_s = now_s() - begun_s, now_s()
    return up_s, now_s() - leaving_s


def without_proxies(*names: str) -> Callable[[], Awaitable[Took]]:
    """The same for only these services, started at the same time."""

    async def arm() -> Took:
        begun_s = now_s()
        async with LocalRuntime() as runtime:
            wanted = (TOPOLOGY.services[name] for name in names)
            await asyncio.gather(*(runtime.start_service(each) for each in wanted))
            up_s, leaving_s = now_s() - begun_s, now_s()
        return up_s, now_s() - leaving_s

    return arm


async def own_network() -> Took:
    """The same with a network of its own for the app."""
    return await whole_lab(lambda: NetnsRuntime(TOPOLOGY.apps.values()))


ARMS: dict[str, Callable[[], Awaitable[Took]]] = {
    "whole lab": whole_lab,
    **({OWN: own_network} if choose("local", TOPOLOGY, "embedded").runtime == "netns" else {}),
    "Postgres + Redis": without_proxies("postgres", "redis"),
    "Postgres": without_proxies("postgres"),
    "Redis": without_proxies("redis"),
}


async def measure(rounds: int) -> dict[str, list[Took]]:
    """Measure every arm once in each round; odd rounds have the reverse order."""
    taken: dict[str, list[Took]] = {name: [] for name in ARMS}
    for number in range(rounds):
        names = list(ARMS) if number % 2 == 0 else list(reversed(ARMS))
        for name in names:
            taken[name].append(await ARMS[name]())
    return taken


def main() -> int:
    """Measure and print."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=20, help="alternations (20)")
    rounds = line.parse_args().rounds
    print_machine()
    cold_s, _ = asyncio.run(whole_lab())
    taken = asyncio.run(measure(rounds))
    print(f"medians of {rounds} [95 %], milliseconds; the first lab took {cold_s * 1e3:.0f}")
    for name, labs in taken.items():
        up, down = (figure([[lab[i] * 1e3] for lab in labs], percentile(50)) for i in (0, 1))
        print(f"{name:18} up {up:.0f}   down {down:.0f}")
    if OWN in taken:
        pairs = zip(taken[OWN], taken["whole lab"], strict=True)
        more = figure([[(own[0] - shared[0]) * 1e3] for own, shared in pairs], percentile(50))
        print(f"{OWN}: up {more:.0f} ms later")
    return 0


if __name__ == "__main__":
    sys.exit(main())
