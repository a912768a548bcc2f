"""The lab restarts an app as its supervisor does, and writes each decision down."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import Boot, expect, when
from chaoslab.history.events import (
    Exited,
    RestartDecided,
    RunEnded,
    Spawned,
    SupervisorStops,
    TriggerMissed,
)
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.health import HealthContract
from chaoslab.model.plan import Plan
from chaoslab.model.steps import Step
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Deadlines, Topology
from chaoslab.model.when import AtMoment

HEALTH = HealthContract(live_path="/live", status_field="")
# Its liveness fails in the first boot, a second after the spawn. The file says that there was one.
STUCK_ONCE = """
import http.server, os, pathlib, time
seen = pathlib.Path(os.environ["SEEN"])
first, begun_s = not seen.exists(), time.monotonic()
seen.touch()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        stuck = first and self.path == "/live" and time.monotonic() > begun_s + 1
        self.send_response(503 if stuck else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


async def history_of(
    tmp_path: Path,
    code: str,
    supervisor: Supervisor,
    claim: expect.Expectation,
    *steps: Step,
    stop: AtMoment | None = None,
) -> History:
    app = App(
        name="shop",
        command=("{python}", "-c", code),
        env={"SEEN": str(tmp_path / "seen"), "PORT": "{port}"},
        health=HEALTH,
        deadlines=Deadlines(startup_s=10),
        supervisor=supervisor,
    )
    topology = Topology(name="small", services={}, apps={"shop": app})
    plan = Plan(
        name="supervised", boots=(Boot(stop=stop),), steps=steps, expect=(claim,), limit_s=20.0
    )
    folder = RunFolder(tmp_path / "run")
    await carry_out(topology, plan, Setting(seed=1), folder)
    return folder.history()


async def test_each_restart_waits_longer_until_the_limit(tmp_path: Path) -> None:
    """The wait counts from the exit; the last exit is followed by a decision too."""
    by = Supervisor(at_most=3, backoff_s=0.2, backoff_factor=3, backoff_max_s=1)
    history = await history_of(tmp_path, "raise SystemExit(4)", by, expect.NoRestarts())
    decided = [(d.boot, d.exit_code, d.wait_s) for d in history.of(RestartDecided)]
    waits = [0.2, 0.6, 1.0]
    assert decided == [(n, 4, pytest.approx(wait_s)) for n, wait_s in enumerate(waits, start=1)] + [
        (4, 4, None)
    ]
    ends, (_, *again) = history.of(Exited), history.of(Spawned)
    for ended, spawned, wait_s in zip(ends, again, waits, strict=False):
        assert wait_s <= spawned.at_s - ended.at_s < wait_s + 6.0  # the old boot's probes end first


async def test_a_clean_exit_is_no_failure(tmp_path: Path) -> None:
    """A supervisor on failure does not start the app again, and the run ends at once."""
    by = Supervisor(restart="on_failure")
    history = await history_of(tmp_path, "raise SystemExit(0)", by, expect.Starts())
    assert [(d.why, d.wait_s) for d in history.of(RestartDecided)] == [("exited", None)]
    assert len([*history.of(Spawned)]) == 1


async def test_the_plan_may_stop_an_app_that_waits_for_its_restart(tmp_path: Path) -> None:
    """It is not started again, and the run does not wait for it."""
    by = Supervisor(backoff_s=15, backoff_max_s=15)
    code, claim = "raise SystemExit(4)", expect.Starts()
    history = await history_of(tmp_path, code, by, claim, stop=when.exited(0.2))
    decided = [(d.why, d.wait_s) for d in history.of(RestartDecided)]
    assert decided == [("exited", 15.0), ("stopped", None)]
    assert [m.place for m in history.of(TriggerMissed)] == ["boots[0].stop"]
    ended = history.last(RunEnded)
    assert ended is not None
    assert ended.settled
    assert len([*history.of(Spawned)]) == 1


async def test_failed_liveness_stops_the_app_and_starts_it_again(tmp_path: Path) -> None:
    """After misses in a row, a period apart. The second boot stays."""
    by = Supervisor(liveness=True, liveness_period_s=0.3)
    again = Step(at=AtMoment(moment="startup_complete", nth=2), do=int)
    history = await history_of(tmp_path, STUCK_ONCE, by, expect.Starts(), again)
    (stop,) = history.of(SupervisorStops)
    assert (stop.boot, stop.why) == (1, "not_live")
    first, second = history.of(Exited)
    assert (first.asked, first.supervisor) == (False, "not_live")
    assert (second.asked, second.supervisor) == (True, None)
    assert [s.restart for s in history.of(Spawned)] == [False, True]
    (decided,) = history.of(RestartDecided)
    assert (decided.why, decided.wait_s) == ("not_live", pytest.approx(0.1))
