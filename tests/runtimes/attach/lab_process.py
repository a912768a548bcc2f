"""A lab to be killed: attaches, puts a fault in force, prints a line, and waits.

Run as `python lab_process.py API PROXY MODE`; imports nothing but chaoslab.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chaoslab import Severed
from chaoslab.model.topology import App, Attach, Service, Topology
from chaoslab.runtimes.attach.runtime import AttachedRuntime


def topology(api: str, proxy: str) -> Topology:
    """One link, to a Redis that is never asked."""
    return Topology(
        name="attached",
        services={"redis": Service(name="redis", kind="redis")},
        apps={"shop": App(name="shop", command=("shop",), links=("redis",))},
        attach=Attach(
            toxiproxy=api, apps={"shop": "http://127.0.0.1:1"}, links={"shop.redis": proxy}
        ),
    )


async def main(api: str, proxy: str, mode: str) -> None:
    system = topology(api, proxy)
    async with AttachedRuntime(system) as runtime:
        control = await runtime.start_proxy("toxiproxy", seed=1, log=Path("/dev/null"))
        fault = Severed(target="shop.redis", mode=mode)  # type: ignore[arg-type]
        can = control.capabilities
        for action in (a for link in system.links for a in fault.actions(link.name, can)):
            await control.apply(action)
        print("in force", flush=True)
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
