"""`chaoslab run` on a real service: what it prints, what it accepts, and what it then refuses."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from rigs.projects import CHAOSLAB, Project

APP = """\
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg


def look():
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=1) as connection:
        connection.execute("select 1")


while True:
    try:
        look()
        break
    except psycopg.Error as error:
        if os.environ["BUILD"] == "exits":
            sys.exit(f"ERROR no database: {type(error).__name__}")
        time.sleep(0.2)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path != "/live":
                look()
            code, word = 200, "healthy"
        except psycopg.Error:
            code, word = 503, "unhealthy"
        body = json.dumps({"status": word}).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
TOML = """\
# what the shop needs
version = 1

[services.postgres]
kind = "postgres"

[apps.web]
command = ["{python}", "app.py"]
links = ["postgres"]
env = { DATABASE_URL = "{postgres.url}", PORT = "{port}", BUILD = "exits" }

[apps.web.health]
live_path = "/live"

[apps.web.deadlines]
fail_fast_s = 10.0  # these are for a machine that other tests use as well
recovery_s = 20.0

[apps.web.requests.list]
kind = "page"
path = "/list"
"""
CELL = ("--only", "postgres-refused-boot")


def project(folder: Path) -> Project:
    return Project(folder, {"app.py": APP, "chaoslab.toml": TOML})


def ran(shop: Project, *words: str) -> tuple[int, str]:
    """A lab that stalls with its machine judges all the same."""
    return shop.chaoslab("run", "--max-lag-s", "5", *words)


def test_what_was_accepted_is_a_gate_that_another_build_fails(tmp_path: Path) -> None:
    """An app that exits is green; one that waits at boot is not, until that is accepted."""
    shop = project(tmp_path)
    code, printed = ran(shop, *CELL, "--accept")
    assert code == 0, printed
    text = (tmp_path / "chaoslab.toml").read_text()
    assert text.startswith("# what the shop needs\n")
    assert 'boot = {refused = "exit"}' in text

    code, printed = ran(shop, *CELL)
    assert code == 0, printed
    assert "not as accepted: none of 2 known cells" in printed

    (tmp_path / "chaoslab.toml").write_text(text.replace('"exits"', '"waits"'))
    code, printed = ran(shop, *CELL)
    assert code == 1, printed
    assert "FAIL    postgres-refused-boot: exits: " in printed
    assert "not as accepted: 1 of 2 known cells" in printed

    code, printed = ran(shop, *CELL, "--accept")
    assert code == 0, printed
    assert "wrong under any policy: none of 2 known cells" in printed
    assert "accepted: web: postgres, boot: refused wait" in printed
    assert "no deadlines of web: not every cell was run" in printed
    assert 'boot = {refused = "wait"}' in (tmp_path / "chaoslab.toml").read_text()


def test_a_run_is_saved_as_any_run_and_its_json_has_the_facts(tmp_path: Path) -> None:
    """`analyze` judges it again, and `--format json` has nothing else on stdout."""
    shop = project(tmp_path)
    process = shop.start(CHAOSLAB, "run", *CELL, "--format", "json")
    with process:
        printed, _ = process.communicate(timeout=300)
    found = json.loads(printed[printed.index("\n{\n") :])
    assert [cell["name"] for cell in found["cells"]] == [
        "steady",
        "postgres-refused-boot",
    ]
    (run,) = shop.runs
    assert json.loads((run / "matrix.json").read_text())["folder"] == str(run)
    assert "stops" in shop.chaoslab("analyze", run.name)[1]


def test_an_app_that_does_not_start_stops_the_run_with_its_last_words(tmp_path: Path) -> None:
    """No fault is injected, and no traceback is the lab's."""
    shop = project(tmp_path)
    shop.folder.joinpath("chaoslab.toml").write_text(TOML.replace('PORT = "{port}", ', ""))
    code, printed = shop.run(CHAOSLAB, "run")
    assert code == 1
    assert "'web' is not healthy without a fault, so no fault was injected:" in printed
    assert "exited with 1 after" in printed
    assert "not run: the steady state of web is not healthy" in printed


def test_ctrl_c_prints_what_is_known_and_leaves_nothing(tmp_path: Path) -> None:
    """The steady state is over; the other cells are not run."""
    shop = project(tmp_path)
    process = shop.start(CHAOSLAB, "run", "--workers", "1")
    lines: list[str] = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("1/12 steady"):
                process.send_signal(signal.SIGINT)
                begun_s = time.monotonic()
    text = "".join(lines)
    assert process.returncode == 1, text
    assert time.monotonic() - begun_s < 20.0
    assert "interrupted: 11 of 12 cells were not run" in text


def test_a_held_lab_is_looked_into_and_its_cell_is_judged_like_any_other(tmp_path: Path) -> None:
    """What a person sends is no evidence about the app; a signal heals it."""
    shop = project(tmp_path)
    shop.folder.joinpath("chaoslab.toml").write_text(TOML.partition("[apps.web.requests")[0])
    words = ("--hold", "postgres-refused-running", "--hold-s", "60", "--max-lag-s", "5")
    process = shop.start(CHAOSLAB, "run", *words)
    lines: list[str] = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("open until"):
                _look(lines)
                process.send_signal(signal.SIGINT)
    text = "".join(lines)
    assert process.returncode == 0, text
    assert "a signal; next: the fault is healed" in text
    (run,) = shop.runs
    history = (run / "postgres-refused-running" / "history.jsonl").read_text()
    assert '"step":"look inside"' in history
    again = shop.chaoslab("analyze", f"{run.name}/postgres-refused-running")[1]
    for name in ("comes_back", "backs_off"):
        assert f"PASS    {name}: " in text, text
        assert f"PASS    {name}: " in again


def _look(lines: list[str]) -> None:
    """Use the addresses as they are printed: the app, the server, and the server by a proxy."""
    address = dict(line.rstrip().rsplit(": ", 1) for line in lines if ": " in line)
    with pytest.raises(HTTPError, match="503"):
        urlopen(f"{address['web']}/health")
    with psycopg.connect(address["postgres, without the fault"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address["postgres, under the fault"], connect_timeout=5)
