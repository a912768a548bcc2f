"""An app with a worker: the worker is started with it, restarted on its own, stopped with it."""

from __future__ import annotations

from pathlib import Path

from chaoslab import Boot, expect, when
from chaoslab.history.events import (
    AppSockets,
    FaultHealed,
    ProcessExited,
    ProcessSpawned,
    Spawned,
)
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthContract
from chaoslab.model.plan import Plan
from chaoslab.model.steps import Step
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Deadlines, Service, Topology
from chaoslab.model.verdict import Outcome
from chaoslab.model.when import AtMoment

WEB = """
import http.server, os, pathlib, time
while "AFTER" in os.environ and not pathlib.Path(os.environ["AFTER"]).exists():
    time.sleep(0.02)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
# Its first life ends at once. It prints the port of the web process, which it does not listen on.
ENDS_ONCE = """
import os, pathlib, sys, time
print("for the web process on", os.environ["PORT"], sys.argv[1])
seen = pathlib.Path(os.environ["SEEN"])
if not seen.exists():
    seen.touch()
    raise SystemExit(3)
time.sleep(60)
"""
# It works off a queue in a table, and ends without its database, as many workers do. The web
# process starts after it has connected.
WORKER = """
import os, pathlib, time, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=1) as connection:
    pathlib.Path(os.environ["AFTER"]).touch()
    while True:
        connection.execute("select 1")
        time.sleep(0.05)
"""


def app(worker: tuple[str, ...], **more: object) -> App:
    return App(
        name="shop",
        command=("{python}", "-c", WEB),
        processes={"worker": ("{python}", "-c", *worker)},
        health=HealthContract(status_field=""),
        **more,  # type: ignore[arg-type]
    )


async def test_a_worker_is_restarted_alone_and_stopped_with_its_app(tmp_path: Path) -> None:
    """It has the environment of the app, a log of its own, and knows the app's port."""
    shop = app(
        (ENDS_ONCE, "{port}"),
        env={"SEEN": str(tmp_path / "seen"), "PORT": "{port}"},
        deadlines=Deadlines(startup_s=20),
        supervisor=Supervisor(backoff_s=0.3),
    )
    topology = Topology(name="small", services={}, apps={"shop": shop})
    plan = Plan(
        name="worker",
        boots=(Boot(stop=when.started(1.5)),),
        steps=(Step(at=AtMoment(moment="startup_complete"), do=int),),
        expect=(expect.Stops(exit_codes=None),),
        limit_s=40.0,
    )
    folder = RunFolder(tmp_path / "run")
    verdicts = await carry_out(topology, plan, Setting(seed=1), folder)
    history = folder.history()
    (web,) = history.of(Spawned)
    assert [(s.start, s.restart) for s in history.of(ProcessSpawned)] == [(1, False), (2, True)]
    first, second = history.of(ProcessExited)
    assert (first.exit_code, first.asked, first.wait_s) == (3, False, 0.3)
    assert first.log_tail == (f"for the web process on {web.port} {web.port}",)
    assert (second.exit_code, second.asked, second.wait_s) == (-15, True, None)
    assert folder.log_path("app-shop.worker").read_text().count("for the web process") == 2
    assert [v.outcome for v in verdicts] == [Outcome.PASS]


async def test_a_worker_that_dies_with_its_database_is_seen_in_a_healthy_app(
    tmp_path: Path,
) -> None:
    """The web process needs no database. Nothing restarts the worker, so the app is not back; the
    worker's connections count as those of the app.
    """
    shop = app(
        (WORKER,),
        links=("postgres",),
        env={
            "DATABASE_URL": "{postgres.url}",
            "PORT": "{port}",
            "AFTER": str(tmp_path / "connected"),
        },
        supervisor=Supervisor(restart="never"),
    )
    services = {"postgres": Service(name="postgres", kind="postgres")}
    topology = Topology(name="small", services=services, apps={"shop": shop})
    cell = Cell(app="shop", target="postgres", fault="refused", moment="running")
    folder = RunFolder(tmp_path / "run")
    verdicts = await carry_out(topology, plan_of(cell, topology), Setting(seed=1), folder)
    history = folder.history()
    assert any(s.established for s in history.of(AppSockets))
    (ended,) = history.of(ProcessExited)
    assert (ended.exit_code, ended.asked) == (1, False)
    assert history.first(FaultHealed) is not None
    back = next(v for v in verdicts if v.name == "comes_back")
    assert back.outcome is Outcome.FAIL, back
    assert [reason.code for reason in back.because][:2] == ["back.process_down", "process.exited"]
