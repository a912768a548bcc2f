"""The time that the container runtime adds to a scenario, compared with new containers per test.

Both run the same scenarios on the same engine and images, alternating. The added time is:

  ours   the wall time of the scenario, minus the time from the app's spawn to the event with which
         its last expectation could be judged, minus the app's stop; plus the scenario's share of
         the session's start and end, which are shared by the sixteen scenarios of `vpc_outage`
  theirs see `naive_testcontainers.py`. There the creation of the app's container counts as the
         app's time, here as the lab's
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from _measure import figure, parser, percentile, print_machine, ratio
from scenario_overhead import SCENARIOS, TOPOLOGY, Clocked, settled_s

from chaoslab.clock import now_s
from chaoslab.history.events import Exited, RunEnded, Spawned
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.plan import Plan, resolve
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.session import DockerSession

SHARED_BY = 16
TARGET = 0.25


async def ours(plan: Plan, session: DockerSession) -> float:
    """Seconds that the lab adds to one scenario; the session is already up."""
    clocked = Clocked()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(open_runtime=session.lab, proxy="toxiproxy", seed=1, listeners=(clocked,))
        begun_s = now_s()
        verdicts = await carry_out(TOPOLOGY, plan, setting, RunFolder(Path(folder)))
        wall_s = now_s() - begun_s
    if any(verdict.outcome.value != "PASS" for verdict in verdicts):
        raise SystemExit(f"{plan.name}: {[str(v) for v in verdicts]}")
    history = History(tuple(clocked.events))
    spawned, ended = history.first(Spawned), history.last(RunEnded)
    stopped = history.last(Exited)
    assert spawned is not None
    assert ended is not None
    assert stopped is not None
    settled = settled_s(resolve(plan, TOPOLOGY), clocked.events)
    # The time from the app's exit to the run's end is the app's stop. It includes some milliseconds
    # of the lab's last readings.
    return wall_s - (settled - spawned.at_s) - max(0.0, ended.at_s - stopped.at_s)


def main() -> None:
    """Measure and print; exit with 1 if the target is missed."""
    line = parser(__doc__)
    line.add_argument("--rounds", type=int, default=20, help="alternations that count (20)")
    line.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    asked = line.parse_args()
    about = print_machine()
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # neither arm starts a reaper
    os.environ["TESTCONTAINERS_CONNECTION_MODE"] = "docker_host"
    os.environ["TESTCONTAINERS_HOST_OVERRIDE"] = "127.0.0.1"
    import naive_testcontainers as naive  # noqa: PLC0415  it reads the environment at its import

    chosen = images.chosen(TOPOLOGY)
    container = TOPOLOGY.apps["backend"].container
    assert container is not None
    theirs_made_of = naive.Images(
        postgres=chosen.services["postgres"],
        redis=chosen.services["redis"],
        toxiproxy=chosen.toxiproxy,
        app=container.image,
    )
    session = DockerSession(TOPOLOGY, "toxiproxy")
    begun_s = now_s()
    asyncio.run(_up(session))
    shared_s = now_s() - begun_s
    added: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in naive.SCENARIOS}
    try:
        for number in range(asked.rounds + 1):  # the first round warms up
            for name, (mine, usual) in added.items():
                one = asyncio.run(ours(SCENARIOS[name], session))
                other = naive.one_test(name, theirs_made_of).added_s
                if number:
                    mine.append(one)
                    usual.append(other)
    finally:
        begun_s = now_s()
        session.close()
        shared_s += now_s() - begun_s
    sys.exit(report(added, shared_s / SHARED_BY, about, asked.json))


async def _up(session: DockerSession) -> None:
    async with session.lab():
        pass


def report(
    added: dict[str, tuple[list[float], list[float]]],
    share_s: float,
    about: dict[str, str],
    file: Path | None,
) -> int:
    """Print the table. Returns 1 if a ratio misses the target, else 0."""
    found: dict[str, object] = {}
    missed = False
    print(
        f"the session's own start and end: {share_s * SHARED_BY:.2f} s, {share_s:.2f} s a scenario"
    )
    for name, (mine, usual) in added.items():
        with_share = [[each + share_s] for each in mine]
        theirs = [[each] for each in usual]
        by = ratio(with_share, theirs, percentile(50))
        print(
            f"{name:<24} ours {figure(with_share, percentile(50)):.2f} s, "
            f"usual {figure(theirs, percentile(50)):.2f} s, ratio {by:.3f}, "
            f"{'meets' if by.value <= TARGET else 'misses'} {TARGET}"
        )
        missed |= by.value > TARGET
        found[name] = {"ratio": [by.value, by.low, by.high]}
    if file is not None:
        file.write_text(json.dumps({"machine": about, "scenarios": found}, indent=2) + "\n")
    return int(missed)


if __name__ == "__main__":
    main()
