"""The processor time that a load costs the lab: five requests of an app, 20 a second together.

The app is a small server in a process of its own that answers each request with 400 bytes of JSON.
The lab sends a write, a read of it, a job, a page and a form, four of each per second, checks each
answer and records it. What is measured is the processor time of this process alone, in alternation
with the same time without a load.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from _measure import figure, parser, percentile, print_machine

from chaoslab.history.events import Request
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.load import Load
from chaoslab.model.plan import Plan
from chaoslab.model.requests import Found, GoodAnswer, RequestContract
from chaoslab.model.topology import App
from chaoslab.model.when import AtMoment
from chaoslab.probes.base import Watched
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import RunningApp

EACH_PER_S = 4.0
GOAL = 0.15  # of one core
OWN = GoodAnswer(equals={"id": "{id}"}, has=("rest",))
REQUESTS = {
    each.name: each
    for each in (
        RequestContract(
            name="order", kind="write", method="POST", path="/{id}", body={"id": "{id}"}, good=OWN
        ),
        RequestContract(name="seen", kind="read", path="/{id}", of="order", good=OWN),
        RequestContract(
            name="mail",
            kind="job",
            method="POST",
            path="/{id}",
            body={"id": "{id}", "to": ["a", "b"]},
            found=Found(service="redis", key="mailed"),
            good=OWN,
        ),
        RequestContract(name="home", kind="page", path="/home", good=GoodAnswer(text="rest")),
        RequestContract(
            name="form", kind="page", method="POST", path="/{id}", form={"id": "{id}"}, good=OWN
        ),
    )
}
SERVER = """
import asyncio, json
HEAD = "HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: "
async def talk(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode()
            for line in head.lower().splitlines():
                if line.startswith("content-length:"):
                    await reader.readexactly(int(line.partition(":")[2]))
            body = json.dumps({"id": head.split()[1][1:], "rest": "x" * 350})
            writer.write(f"{HEAD}{len(body)}\\r\\n\\r\\n{body}".encode())
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def cost(port: int, seconds: float, *, loads: bool) -> tuple[float, int]:
    """The share of one core that this process uses in that time, and the number of good answers."""
    app = App(name="app", command=("true",), requests=REQUESTS)
    running = SimpleNamespace(endpoint=Endpoint(host="127.0.0.1", port=port))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "history.jsonl")
        watched = Watched(app=app, boot=1, running=cast("RunningApp", running), journal=journal)
        start = AtMoment(moment="acknowledged", within_s=seconds)
        plan = Plan(
            load=tuple(
                Load(start=start, rate_per_s=EACH_PER_S, app="app").of(each)
                for each in REQUESTS.values()
            )
        )
        sender, over = Sender(watched, 1), asyncio.Event()
        await sender.send(REQUESTS["order"], timeout_s=2.0)  # the moment at which the loads start
        begun_s, used_s = time.monotonic(), time.process_time()
        tasks = [
            asyncio.create_task(sender.load(plan, number, over))
            for number in (range(len(plan.load)) if loads else ())
        ]
        await asyncio.sleep(seconds)
        share = (time.process_time() - used_s) / (time.monotonic() - begun_s)
        over.set()
        await asyncio.gather(*tasks)
        answers = [r for r in journal.history.of(Request) if r.outcome == "ok"]
        journal.close()
    return share, len(answers)


def main() -> None:
    """Print the cost with its interval; exit with 1 if it is above the goal."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=6, help="alternations (6)")
    line.add_argument("--seconds", type=float, default=5.0, help="of each arm (5)")
    asked = line.parse_args()
    print_machine()
    shares: dict[bool, list[list[float]]] = {True: [], False: []}
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            for _ in range(asked.rounds + 1):
                for loads in (True, False):
                    share, count = asyncio.run(cost(port, asked.seconds, loads=loads))
                    shares[loads].append([share])
                    enough = 0.9 * len(REQUESTS) * EACH_PER_S * asked.seconds
                    assert not loads or count >= enough, f"only {count} good answers"
        finally:
            server.kill()
    with_load, without = (figure(shares[loads][1:], percentile(50)) for loads in (True, False))
    added = with_load.value - without.value
    print(f"five requests, 20 a second together: {with_load:.3f} of one core")
    print(f"without a load: {without:.3f} of one core")
    sys.exit(added > GOAL)


if __name__ == "__main__":
    main()
