"""Planted secrets: nothing that a run writes or prints has them, and nobody else may read it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from chaoslab.cli import main

from .project import Project

pytestmark = pytest.mark.slow  # whole labs

AWKWARD = 'qu"o\\te-ß-value'
PLANTED = {
    "env": "env-secret-4711",
    "awkward": AWKWARD,
    "short": "k7Qz",
    "url": "url pass/wörd",
    "argument": "argument-secret",
    "equals": "equals-secret",
    "listed": "listed-value-17",
    "variable": "listed-variable",
    "boot": "secret-of-a-boot",
    "machine": "inherited-secret",
    "header": "header-secret-99",
    "cookie": "cookie-secret-7",
    "service": "p@ss/w:rd% of redis",
}
# It prints its environment, its arguments and the decoded password in every way, and gives up or
# goes on and answers with them.
APP = r"""
import http.server, json, os, sys, time
from urllib.parse import unquote, urlsplit
env = {k: v for k, v in os.environ.items() if "CHAOS" not in k}
password = unquote(urlsplit(env["OTHER_URL"]).password)
values = [*map(env.get, ("API_KEY", "ODD_TOKEN", "TINY_SECRET", "SEED", "BOOT_SECRET", "CI_TOKEN"))]
values += [password, env["PLAIN"], *sys.argv[1:]]
values += [env["CACHE_WORD"], unquote(urlsplit(env["CACHE_URL"]).password)]
print(env, sys.argv)
print(json.dumps(env), json.dumps(values, ensure_ascii=False), repr(password.encode()))
print(json.dumps(json.dumps(values)), file=sys.stderr, flush=True)
for value in values:
    for letter in f"now {value}!":
        sys.stdout.write(letter)
        sys.stdout.flush()
    print(flush=True)
if env["MODE"] == "dies":
    raise RuntimeError(f"cannot log in as {values}")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        token, cookie = self.headers["authorization"].split()[1], self.headers["cookie"]
        print(dict(self.headers), token, cookie.split("=")[1], flush=True)
        named = {f"redis {values[0]}": f"up {values}", "host": self.headers["host"], token: cookie}
        body = {"status": "healthy", "dependencies": named}
        self.answer(200, body)
    def do_POST(self):
        self.answer(500, {"error": f"cannot write with {values}"})
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(env["PORT"])), Handler).serve_forever()
"""
SCENARIOS = f"""
BOOT = {{"BOOT_SECRET": {PLANTED["boot"]!r}}}

async def test_dies(chaos):
    await chaos.run(
        boots=[Boot(env={{**BOOT, "MODE": "dies"}})],
        expect=[expect.Starts(rests_on=(), within_s=5.0)],
    )

async def test_lives(chaos):
    await chaos.run(
        Severed(target="redis", start=when.started(), stop=when.in_force("severed:redis", 0.1)),
        boots=[Boot(env=BOOT)],
        expect=[expect.Starts(rests_on=()), expect.Degrades(naming=("redis",), within_s=0.5)],
        limit_s=6.0,
    )

async def test_never_spawned(chaos):
    await chaos.run(boots=[Boot(app="absent")], expect=[expect.Starts(app="absent", rests_on=())])
"""


def topology(folder: Path) -> str:
    (folder / "app.py").write_text(APP)
    env = {
        "PORT": "{port}",
        "MODE": "lives",
        "API_KEY": PLANTED["env"],
        "ODD_TOKEN": PLANTED["awkward"],
        "TINY_SECRET": PLANTED["short"],
        "SEED": PLANTED["variable"],
        "PLAIN": f"x {PLANTED['listed']} y",
        "CACHE_URL": "{redis.url:rediss}",
        "CACHE_WORD": "{redis.password}",
        "OTHER_URL": f"postgresql://me:{quote(PLANTED['url'], safe='')}@db.test/x",
    }
    words = ["{python}", str(folder / "app.py"), "--password", PLANTED["argument"]]
    words.append(f"--api-key={PLANTED['equals']}")
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in env.items())
    headers = (
        f'Host = "shop.test", Cookie = "session={PLANTED["cookie"]}", '
        f'Authorization = "Bearer {PLANTED["header"]}"'
    )
    listed = f'variables = ["SEED"]\nvalues = [{json.dumps(PLANTED["listed"])}]\n'
    absent = json.dumps(["/no/such/program", "--token", PLANTED["argument"]])
    return (
        'version = 1\n[services.redis]\nkind = "redis"\n'
        f"password = {json.dumps(PLANTED['service'])}\n"
        f"[apps.web]\ncommand = {json.dumps(words)}\n"
        f'links = ["redis"]\nenv = {{ {pairs} }}\n'
        f"[apps.web.health]\nheaders = {{ {headers} }}\n"
        f'[apps.absent]\ncommand = {absent}\nlinks = ["redis"]\n'
        # With an image, `check` warns of the command and prints the topology.
        f'[apps.absent.container]\nimage = "absent:1"\n[secrets]\n{listed}'
    )


def leaks(where: str, text: str) -> list[str]:
    """The planted secrets that a text has, in any of the forms in which the app prints them."""
    found = []
    for name, secret in PLANTED.items():
        escaped = json.dumps(secret)[1:-1]
        forms = {secret, escaped, json.dumps(escaped)[1:-1], quote(secret, safe="")}
        forms |= {json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret.encode())[2:-1]}
        found += [f"{name} in {where}" for form in forms if form in text]
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project whose scenarios were run once, and what pytest printed."""
    folder = tmp_path_factory.mktemp("planted")
    project = Project(folder, SCENARIOS, topology(folder))
    _, said = project.pytest("-v", CI_TOKEN=PLANTED["machine"])
    return project, said


def test_nothing_that_a_run_writes_or_prints_has_a_planted_secret(ran: tuple[Project, str]) -> None:
    """History, plan, topology, logs, verdicts, and the failures on the terminal."""
    project, said = ran
    assert "3 failed" in said, said
    assert "***" in said
    files = [path for path in (project.folder / "results").rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"topology.json", "plan.json", "history.jsonl", "app-web.log", "verdicts.json"} <= names
    found = leaks("the terminal", said)
    for path in files:
        found += leaks(path.name, path.read_text(encoding="utf-8", errors="surrogateescape"))
    assert found == []
    logs = [path.read_text() for path in files if path.name == "app-web.log"]
    assert all(log.count("***!") == 11 for log in logs), logs
    assert any("'Host': 'shop.test'" in log for log in logs), logs


def test_only_the_owner_may_read_a_run(ran: tuple[Project, str]) -> None:
    """Files 0600, folders 0700, the folder of all results included."""
    project, _ = ran
    results = project.folder / "results"
    for path in (results, *results.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_commands_about_a_run_print_no_planted_secret(ran: tuple[Project, str]) -> None:
    """`check` shows the topology and a warning; `analyze` judges the masked run, as before."""
    project, _ = ran
    shown = CliRunner().invoke(main, ["check", str(project.folder)]).output
    assert "API_KEY" in shown
    assert "cannot execute '/no/such/program'" in shown
    (run,) = project.runs
    before = {path: path.read_bytes() for path in run.glob("*/verdicts.json")}
    assert len(before) == 2
    judged = CliRunner().invoke(main, ["analyze", str(run)])
    assert judged.exit_code == 1
    assert leaks("check", shown) + leaks("analyze", judged.output) == []
    assert {path: path.read_bytes() for path in before} == before
