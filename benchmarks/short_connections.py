"""The share of connections past the proxy that the lab observes, by the time each is open.

    python benchmarks/short_connections.py [--count N]

A process opens connections to a server on this machine, one after the other. Each is open for a
fixed time, with a random pause before the next. Meanwhile the lab's two probes look for them, as
often as in a run. Prints the share that each probe has observed, and its processor time.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measure import parser

from chaoslab.history.events import PathBypassed
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import sockets_of
from chaoslab.model.topology import Link
from chaoslab.probes.past_proxy import LOOK_EVERY_S, PastProxyProbe
from chaoslab.probes.sockets import SAMPLE_S
from chaoslab.runtimes.local.lookout import Lookout

LINK = Link(app="app", service="server")
OPEN_MS = (1, 2, 5, 10, 15, 25, 50, 75)
OPENS = """
import random, socket, sys, time
port, open_s, count = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
chance = random.Random(1)
time.sleep(0.2)
for _ in range(count):
    client = socket.create_connection(("127.0.0.1", port))
    end = time.perf_counter() + open_s
    print(client.getsockname()[1], flush=True)
    time.sleep(max(0.0, end - time.perf_counter()))
    client.close()
    time.sleep(0.03 + 0.06 * chance.random())
"""


async def measure(there: Endpoint, open_s: float, count: int, journal: Journal) -> str:
    """For one length: the shares that each probe and both observe, and processor s per second."""
    lookout = Lookout(lambda: (os.getpid(),), lambda _: 0)
    probe = PastProxyProbe({LINK: there}, lookout, journal)
    command = [sys.executable, "-S", "-c", OPENS, str(there.port), str(open_s), str(count)]
    before = len(journal.history.events)
    app = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    begun_s, used_s = time.monotonic(), time.process_time()
    looks = asyncio.create_task(probe.run())
    while app.returncode is None:
        # a new boot for each look: the probe only records the first connection of a boot
        probe.note_sockets("app", len(journal.history.events), sockets_of(app.pid))
        probe._written.clear()
        await asyncio.sleep(SAMPLE_S)
    looks.cancel()
    cost = (time.process_time() - used_s) / (time.monotonic() - begun_s)
    assert app.stdout is not None
    opened = [int(line) for line in (await app.stdout.read()).split()]
    seen = [e for e in journal.history.events[before:] if isinstance(e, PathBypassed)]
    own = {e.local_port for e in seen if e.seen == "app sockets"}
    any_ = {e.local_port for e in seen if e.seen == "server connections"}
    shares = [len(found & set(opened)) / len(opened) for found in (own, any_, own | any_)]
    return "  ".join(f"{share:8.0%}" for share in shares) + f"  {cost:8.1%}"


async def table(count: int) -> None:
    """Print one line for each length."""
    print(f"looks every {SAMPLE_S:g} s (app's sockets) and {LOOK_EVERY_S:g} s (server's)")
    print("   open       app    server      both      cost")
    with (
        socket.create_server(("127.0.0.1", 0), backlog=4096) as listener,
        tempfile.TemporaryDirectory() as folder,
    ):
        there = Endpoint(host="127.0.0.1", port=listener.getsockname()[1])
        journal = Journal(Path(folder, "history.jsonl"))
        for open_ms in OPEN_MS:
            line = await measure(there, open_ms / 1e3, count, journal)
            print(f"{open_ms:4d} ms  {line}", flush=True)
        journal.close()


def main() -> None:
    """Measure and print."""
    line = parser(__doc__)
    line.add_argument("--count", type=int, default=100, help="connections of each length (100)")
    asyncio.run(table(line.parse_args().count))


if __name__ == "__main__":
    main()
