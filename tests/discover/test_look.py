"""`chaoslab init` with a start: what it observes of a small app, and that nothing keeps running."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rigs.projects import CHAOSLAB, Project

from chaoslab import services
from chaoslab.discover.output import SCENARIO, TOPOLOGY
from chaoslab.model.loader.topology import read_topology
from chaoslab.model.topology import Topology

WITHIN_S = 60.0
# It makes a table, and serves: /healthz asks the database, /livez does not, /items needs it.
APP = """
import os, pathlib, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg

pathlib.Path("pids").open("a").write(f"{os.getpid()}\\n")
URL = os.environ["DATABASE_URL"]

def ask(text):
    with psycopg.connect(URL, connect_timeout=2) as connection:
        connection.execute(text)

ask("CREATE TABLE IF NOT EXISTS things (id text)")

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = 200, b'{"status": "ok"}'
        try:
            if self.path in ("/healthz", "/items"):
                ask("SELECT 1")
            elif self.path != "/livez":
                status, body = 404, b"{}"
        except psycopg.Error:
            status, body = 503, b'{"status": "down"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

port = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ["PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
VARIABLE = "DATABASE_URL=postgresql://u:p@db:5432/d"
COMMAND = ("--", VARIABLE, "python", "app.py")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, {"app.py": APP})


def topology(project: Project) -> Topology:
    return read_topology(project.folder / TOPOLOGY, kinds=services.kinds())


def still_running(project: Project) -> list[str]:
    """The processes that run in the project's folder: the app's, whose own numbers are those of its
    namespace, and chaoslab's.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == project.folder:
                found.append(process.name)
    return found


def test_an_app_with_a_database(project: Project) -> None:
    """The path that notices becomes health, the other one liveness; three boots are measured, the
    new table is noted, and the file is one that `chaoslab check` accepts.
    """
    code, printed = project.chaoslab("init", "--yes", "--request", "/items", *COMMAND)
    assert code == 0, printed
    app = next(iter(topology(project).apps.values()))
    assert (app.health.path, app.health.live_path) == ("/healthz", "/livez")
    assert app.requests["works"].path == "/items"
    assert app.port == 0
    text = (project.folder / TOPOLOGY).read_text()
    assert "tables in postgres: things" in text
    assert "no connection" not in text + printed
    assert text.count(" s to the first good answer") == 1
    assert '503 {"status": "down"} while postgres was' in " ".join(text.replace("\n#", "").split())
    assert (project.folder / SCENARIO).exists()
    assert project.chaoslab("check")[0] == 0
    assert len((project.folder / "pids").read_text().split()) == 3
    assert still_running(project) == []


def test_an_app_with_a_port_of_its_own(project: Project) -> None:
    """An app that ignores {port} is found where it listens, and its port is written."""
    code, printed = project.chaoslab("init", "--yes", *COMMAND, "9471")
    assert code == 0, printed
    assert next(iter(topology(project).apps.values())).port == 9471


def test_an_app_that_ends_without_a_word(project: Project) -> None:
    """That it printed nothing is said, and not shown as what it printed."""
    (project.folder / "app.py").write_text("raise SystemExit(3)")
    code, printed = project.run(CHAOSLAB, "init", "--yes", *COMMAND)
    assert code == 1
    assert "got no output" in printed
    assert "(nothing)" not in printed
    assert "--prepare COMMAND" in printed
    assert "--service NAME=KIND" not in printed


def test_an_app_without_a_good_answer(project: Project) -> None:
    """The time of a boot is that of its first answer, without the wait for a good one."""
    answers_404 = APP.replace("status, body = 200", "status, body = 404")
    (project.folder / "app.py").write_text(answers_404)
    code, printed = project.chaoslab("init", "--yes", *COMMAND)
    assert code == 0, printed
    assert " s to its first answer" in printed
    text = (project.folder / TOPOLOGY).read_text()
    assert " to the first answer, not a good one" in text
    assert '# path = "/"' in text
    assert project.chaoslab("check")[0] == 0


def test_an_app_that_ends(project: Project) -> None:
    """The exit, its code and the app's last words are shown; nothing is written."""
    code, printed = project.run(CHAOSLAB, "init", "--yes", "--", "python", "app.py")
    assert code == 1
    assert "codes: init.app_ended" in printed
    assert "KeyError: 'DATABASE_URL'" in printed
    assert "--service NAME=KIND" in printed
    assert "--prepare" not in printed
    assert not (project.folder / TOPOLOGY).exists()
    assert still_running(project) == []


def test_an_app_that_reads_its_file_itself(project: Project) -> None:
    """No connection through the proxy is seen: the file and "next:" say so, and name the request
    that fails without a fault.
    """
    (project.folder / ".env").write_text("DATABASE_URL=postgresql://u:p@127.0.0.1:1/d\n")
    reads = """pathlib.Path(".env").read_text().strip().partition("=")[2]"""
    app = APP.replace('os.environ["DATABASE_URL"]', reads).replace('\nask("CREATE', "\n#")
    (project.folder / "app.py").write_text(app)
    code, printed = project.chaoslab(
        "init", "--yes", "--request", "/items", "--", "python", "app.py"
    )
    assert code == 0, printed
    steps = printed[printed.index("next: ") :].splitlines()
    why = "the app may read .env itself and not the environment"
    assert steps[0].startswith(f"next: no connection to postgres was seen in any boot: {why}")
    assert steps[1].startswith("then: the request /items answered 503, without a fault")
    text = (project.folder / TOPOLOGY).read_text().replace("\n#", "")
    assert f"no connection to postgres was seen in any boot: {why}" in " ".join(text.split())


ADMIN = """
import threading

class Main(Handler):
    def do_GET(self):
        if self.path != "/items":
            self.path = "/none"
        super().do_GET()

admin = ThreadingHTTPServer(("127.0.0.1", int(os.environ["ADMIN"])), Handler)
threading.Thread(target=admin.serve_forever, daemon=True).start()
Handler = Main
"""


@pytest.mark.parametrize("port", ["{port:admin}", "9473"])
def test_health_on_another_port(project: Project, port: str) -> None:
    """It is written if the app gets the port from the topology; else it is said."""
    app = APP.replace("\nport =", f"\n{ADMIN}\nport =").replace(
        "super().do_GET()", "Plain.do_GET(self)"
    )
    (project.folder / "app.py").write_text(app.replace("class Main", "Plain = Handler\nclass Main"))
    words = ("--request", "/items", "--", VARIABLE, f"ADMIN={port}", "python", "app.py")
    code, printed = project.chaoslab("init", "--yes", *words)
    assert code == 0, printed
    found = next(iter(topology(project).apps.values()))
    assert found.requests["works"].path == "/items"
    if port == "9473":
        assert "also listens on 9473, where /healthz answers 200" in printed
        assert found.health.port == ""
        return
    assert (found.health.port, found.health.path) == ("admin", "/healthz")
    assert found.health.live_path == "/livez"
    text = " ".join((project.folder / TOPOLOGY).read_text().replace("\n#", "").split())
    assert '/healthz at {port:admin}: 200 {"status": "ok"}; 503 {"status": "down"} while' in text


def test_ctrl_c(project: Project) -> None:
    """Ctrl-C while the app runs stops everything, and writes nothing."""
    with project.start(CHAOSLAB, "init", "--yes", *COMMAND) as process:
        end_s = time.monotonic() + WITHIN_S
        while not (project.folder / "pids").exists() and time.monotonic() < end_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1, printed
    assert "nothing was written" in printed
    assert "Traceback" not in printed
    assert still_running(project) == []
    assert not (project.folder / TOPOLOGY).exists()


def test_an_app_that_ends_under_the_fault(project: Project) -> None:
    """The end of the process is noted, and not taken for an answer of its paths. Where the app does
    not boot again, what was observed before is written.
    """
    ends = """
import threading, time
def watch():
    while True:
        time.sleep(0.2)
        try:
            ask("SELECT 1")
        except psycopg.Error:
            os._exit(4)
if len(pathlib.Path("pids").read_text().split()) > 1:
    sys.exit("once only")
threading.Thread(target=watch, daemon=True).start()
"""
    (project.folder / "app.py").write_text(APP.replace("class Handler", f"{ends}\nclass Handler"))
    code, printed = project.chaoslab("init", "--yes", *COMMAND)
    assert code == 0, printed
    assert "the app ended by exit status 4 while postgres was refused" in printed
    assert "a later boot failed" in printed
    app = next(iter(topology(project).apps.values()))
    assert (app.health.path, app.health.live_path) == ("/healthz", "/livez")
    assert still_running(project) == []
