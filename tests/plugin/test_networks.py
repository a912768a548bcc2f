"""The runtime of a session: which it is, why, and what a scenario gets of an app's own network."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
from runtimes.namespaces import needs_namespaces

from chaoslab.runtimes.table import TABLE

from .project import APP, Project

TRIES = """
import os, socket, sys
for _ in range(2):
    try:
        socket.create_connection(("203.0.113.7", 443), 5)
    except OSError:
        pass
try:
    socket.getaddrinfo("api.example", 443)
except OSError:
    pass
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def topology(mark: str = "", *, rest: str = "", host: str = "{redis.host}") -> str:
    """One Redis and a good app that tries the outside before it starts. `mark` is in its
    environment.
    """
    words = f'"{{python}}", "tries.py", "{APP}", "good", "{{port}}", "{{redis.port}}", "{{host}}"'
    return (
        'version = 1\nname = "tiny"\n[services.redis]\nkind = "redis"\n'
        f'[apps.good]\ncommand = [{words}, "{host}"]\nlinks = ["redis"]\n{rest}'
        f'env = {{ MARK = "{mark}" }}\n'
        "deadlines = { startup_s = 6.0, degraded_s = 4.0, recovery_s = 6.0, stable_s = 0.5 }\n"
        '[apps.missing]\ncommand = ["/no/such/program"]\n'
    )


def project(folder: Path, scenarios: str, text: str) -> Project:
    made = Project(folder, scenarios, topology_text=text)
    (folder / "tries.py").write_text(TRIES)
    return made


def events(made: Project, scenario: str) -> list[dict[str, Any]]:
    """The history of the scenario of that name."""
    (history,) = (made.folder / "results").glob(f"*/*{scenario}*/history.jsonl")
    return [json.loads(line) for line in history.read_text().splitlines()]


def running(mark: str) -> list[str]:
    """The processes of this machine that have that mark in their environment."""
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get("MARK") == mark:
                found.append(" ".join(each.cmdline()))
        except psutil.Error:
            continue
    return found


STARTS = """
async def test_starts(chaos):
    await chaos.run(
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="normal", rests_on=())],
    )
"""
OWN_CODE = """
import urllib.request
from pathlib import Path
import httpx
from chaoslab.plan import Probe, Step
from chaoslab.results import events

def in_a_thread(scene):
    url = scene.url("good")
    Path("url").write_text(url)
    with urllib.request.urlopen(url + "/health", timeout=5) as answer:
        assert answer.status == 200

async def in_the_loop(scene):
    async with httpx.AsyncClient() as client:
        return (await client.get(scene.url() + "/health", timeout=5)).status_code == 200

async def test_own_code(chaos):
    result = await chaos.run(
        boots=[Boot(app="good")],
        steps=[Step(at=when.healthy(), do=in_a_thread)],
        probes=[Probe(name="own", every_s=0.1, call=in_the_loop)],
        expect=[
            expect.Starts(app="good", mode="normal", rests_on=()),
            expect.Sampled(app="good", probe="own", share=1.0, samples=3, rests_on=()),
        ],
    )
    (step,) = result.history.of(events.StepDone)
    assert step.ok, step.error
"""
ENDS_BADLY = """
async def test_refused(chaos):
    await chaos.run(
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="degraded", rests_on=())],
    )

async def test_broken(chaos):
    await chaos.run(
        boots=[Boot(app="good"), Boot(app="missing", at=when.healthy())],
        expect=[expect.Starts(app="good", mode="normal", rests_on=())],
    )
"""
TRIED = "good tried 203.0.113.7:443 2 times, "
ASKED = "good asked DNS for api.example, "


def test_steps_and_probes_reach_an_app_in_a_network_of_its_own(tmp_path: Path) -> None:
    """A function in a thread and a coroutine; nothing of it is left after the session."""
    needs_namespaces()
    made = project(tmp_path, OWN_CODE, topology(str(tmp_path)))
    code, said = made.pytest("-q", "--chaos-runtime=netns")
    assert code == 0, said
    assert "\nruntime netns\n" in said
    port = int((tmp_path / "url").read_text().rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert running(str(tmp_path)) == []


def test_what_an_app_tried_outside_is_recorded_and_explains_a_failure(tmp_path: Path) -> None:
    """Also if the run ends early; a PASS does not mention it."""
    needs_namespaces()
    made = project(tmp_path, STARTS + ENDS_BADLY, topology())
    code, said = made.pytest("-q", "--chaos-runtime=netns", "--chaos-progress=off")
    assert (code, "2 failed, 1 passed" in said) == (1, True), said
    assert said.count(TRIED) == said.count(ASKED) == 1
    for scenario in ("starts", "refused", "broken"):
        tried = [each for each in events(made, scenario) if each["kind"] == "tried_outside"]
        hosts = {(each["protocol"], each["host"]) for each in tried}
        assert hosts == {("tcp", "203.0.113.7"), ("udp", "198.18.0.1")}, scenario
    assert events(made, "broken")[-1]["why"].startswith("interrupted: ")


def test_a_session_on_shared_loopback_says_why_and_what_it_does_not_observe(
    tmp_path: Path,
) -> None:
    """Here the app does not use the proxy's host; the end of the session and `run.json` say it."""
    needs_namespaces()
    made = project(tmp_path, STARTS, topology(host="127.0.0.1"))
    code, said = made.pytest("-q")
    assert code == 0, said
    note = (
        "not netns: good has the port of redis, but not its host (fix: use {redis.host} in"
        " apps.good, or --chaos-runtime=loopback); not observed there:"
        f" {TABLE['loopback'].cannot_show}"
    )
    assert f"\nruntime loopback; {note}\n" in said
    (info,) = (json.loads(path.read_text()) for path in tmp_path.glob("results/*/*/run.json"))
    assert (info["runtime"], info["runtime_note"]) == ("loopback", note)


def test_local_means_netns_where_it_can_run(tmp_path: Path) -> None:
    """Then there is nothing to explain."""
    needs_namespaces()
    made = project(tmp_path, STARTS, topology())
    code, said = made.pytest("-q")
    assert code == 0, said
    assert "\nruntime netns\n" in said
    (info,) = (json.loads(path.read_text()) for path in tmp_path.glob("results/*/*/run.json"))
    assert (info["runtime"], info["runtime_note"]) == ("netns", "")


def test_an_app_that_needs_the_machines_network_gets_it_from_local_only(tmp_path: Path) -> None:
    """`netns` by name is a usage error, with the fix, before anything runs."""
    made = project(tmp_path, STARTS, topology(rest='network = "host"\n'))
    code, said = made.pytest("-q", "--chaos-runtime=netns")
    assert code == pytest.ExitCode.USAGE_ERROR, said
    problem = "apps.good.network: good needs the machine's network, and here it has one of its own"
    assert said.count(problem) == 1
    assert "use --chaos-runtime=loopback, or declare apps.good.outside instead" in said
    assert "Traceback" not in said
    assert made.runs == []
    code, said = made.pytest("-q")
    assert code == 0, said
    assert "\nruntime loopback; not netns: good needs the machine's network, " in said


def test_the_gate_refuses_netns_for_such_an_app_before_its_first_stage(tmp_path: Path) -> None:
    """Exit 2: nothing ran, and no build was refused."""
    text = topology(rest='network = "host"\n') + (
        '[gate]\nscenarios = "."\n'
        '[[gate.stages]]\nname = "all"\nmarker = "steady"\npass_rate = 1.0\n'
    )
    made = project(tmp_path, STARTS, text)
    code, said = made.chaoslab("gate", "--runtime", "netns")
    assert code == 2, said
    assert "good needs the machine's network, and here it has one of its own" in said
    assert made.runs == []
