"""An app with a worker in containers: the worker is a container of its own in the app's network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine_here import needs_engine

from chaoslab.history.events import AppSockets, ProcessExited, ProcessSpawned, Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthContract
from chaoslab.model.supervisor import Supervisor
from chaoslab.runtimes.containers.session import DockerSession
from runtimes.containers.test_boots import SERVES
from runtimes.stacks import SMALL

# It asks its server over one connection, and ends without it, as many workers do.
WORKER = """
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("with", os.environ["QUEUE"])
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as server:
    while True:
        server.sendall(b"PING\\r\\n")
        if not server.recv(9):
            sys.exit("the server is gone")
        time.sleep(0.05)
"""


async def test_a_worker_that_ends_without_its_server_is_started_again(tmp_path: Path) -> None:
    """The web process needs no server, so the sockets at Redis are the worker's. It is restarted on
    its own, and stopped with its app.
    """
    needs_engine()
    app = replace(
        SMALL.apps["app"],
        command=("python3", "-u", "-c", SERVES, "{port}", "well"),
        processes={"worker": ("python3", "-u", "-c", WORKER, "{redis.host}", "{redis.port}")},
        env={"QUEUE": "mail"},
        health=HealthContract(status_field=""),
        supervisor=Supervisor(backoff_s=0.5, backoff_factor=1.0),
    )
    topology = replace(SMALL, apps={"app": app})
    plan = plan_of(Cell(app="app", target="redis", fault="refused", moment="running"), topology)
    session, folder = DockerSession(topology, "embedded"), RunFolder(tmp_path / "run")
    try:
        setting = Setting(open_runtime=session.lab, seed=1)
        verdicts = await carry_out(topology, plan, setting, folder)
    finally:
        session.close()
    history = folder.history()
    assert len(list(history.of(Spawned))) == 1
    starts = list(history.of(ProcessSpawned))
    assert len(starts) > 1
    assert [s.restart for s in starts] == [n > 0 for n in range(len(starts))]
    first, *_, last = history.of(ProcessExited)
    assert (first.exit_code, first.asked, first.wait_s) == (1, False, 0.5)
    assert first.log_tail[0] == "with mail"
    assert (last.exit_code, last.asked) == (0, True)
    assert max(len(s.established) for s in history.of(AppSockets)) == 1
    back = next(v for v in verdicts if v.name == "comes_back")
    assert back.outcome.name == "PASS", back
