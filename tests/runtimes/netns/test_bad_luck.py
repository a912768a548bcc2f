"""Labs that the machine refuses, and apps that harm their own pod: a clear error or an honest
verdict, and nothing left.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rigs.projects import Project

from chaoslab import expect
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import AnyEvent, Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.machine.sockets import tree
from chaoslab.model.health import HealthContract
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Deadlines, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.runtimes.netns import NetnsRuntime, child, namespaces, needs
from runtimes.clients import run_python, until_said
from runtimes.namespaces import Inside, needs_namespaces
from runtimes.stacks import SMALL

TOOLS = ("sh", "unshare", "mount", "ip", "iptables")
GONE_WITHIN_S = 5.0
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only programs of root have capabilities")
REFUSED = """
import asyncio, sys
from pathlib import Path
from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.netns import NetnsRuntime
async def main():
    app = App(name="app", command=())
    start = AppStart(app=app, command=("true",), env={}, port=8080, log=Path("/dev/null"))
    lab = NetnsRuntime([app])
    try:
        async with lab:
            await lab.spawn_app(start)
    except RuntimeUnavailable as error:
        print(error)
    assert not lab.folder.exists()
asyncio.run(main())
"""
# Healthy whatever happens to its server. HOST is where it listens; FIRST and THEN are what it does
# before, and once it answers.
APP = """
import ctypes, http.server as h, os, signal, subprocess, sys, threading
class A(h.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('content-length', '15')
        self.end_headers(); self.wfile.write(b'{"status":"ok"}')
        THEN
    def log_message(self, *_): pass
FIRST
h.ThreadingHTTPServer(('HOST', int(sys.argv[1])), A).serve_forever()
"""
UNSHARES = "assert ctypes.CDLL(None).unshare(0x50000000) == 0"  # a user and a network namespace


def limited(number: int) -> tuple[str, ...]:
    """The command that runs Python as root of a new user namespace, in which so many network
    namespaces can be made; the machine's own limit is unchanged.
    """
    lowers = 'echo "$1" >/proc/sys/user/max_net_namespaces; shift; exec "$@"'
    user = ("unshare", "--user", "--map-root-user")
    if subprocess.run((*user, "true"), capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here")
    return (*user, "sh", "-c", lowers, "sh", str(number), sys.executable)


@pytest.mark.parametrize("number", [0, 1], ids=["at once", "at the first pod"])
def test_a_limit_of_namespaces_is_named_with_the_command_that_raises_it(number: int) -> None:
    """The error is one sentence, the lab's folder is gone, and every process was waited for."""
    needs_namespaces()
    command = (*limited(number), "-X", "dev", "-c", REFUSED)
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    cause, fix, *_ = run.stdout.splitlines()
    assert cause.startswith("the lab's network namespaces could not be made: ")
    assert cause.endswith(
        "No space left on device: a limit of namespaces is reached"
        f" (the lowest: user.max_net_namespaces = {number})"
    )
    assert fix.strip().startswith("sudo sysctl -w user.max_net_namespaces=15000")
    assert run.stderr == ""


PROJECT = {
    "chaoslab.toml": 'version = 1\nname = "limited"\n'
    + "".join(f'[apps.a{n}]\ncommand = ["true", "{{port}}"]\n' for n in range(6)),
    "test_it.py": "from chaoslab import Boot, expect\n"
    "async def test_it(chaos):\n"
    "    await chaos.run(boots=[Boot(app='a0')], expect=[expect.Starts(app='a0', rests_on=())])\n",
    "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
}


@pytest.mark.parametrize(
    ("number", "runtime", "line"),
    [
        (0, "local", "runtime loopback; not netns: network namespaces: unshare: "),
        (0, "netns", "ERROR: network namespaces: unshare: "),
        (4, "local", "the lab's network namespaces could not be made: a network namespace: "),
    ],
)
def test_pytest_names_the_limit_without_a_traceback(
    tmp_path: Path, number: int, runtime: str, line: str
) -> None:
    """`local` is loopback if the first try is refused; else the scenario fails, and says why."""
    needs_namespaces()
    project = Project(tmp_path, PROJECT)
    words = ("-m", "pytest", "-q", "-pno:cacheprovider", f"--chaos-runtime={runtime}")
    run = subprocess.run(
        (*limited(number), *words), cwd=project.folder, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    (found,) = [each for each in run.stdout.splitlines() + run.stderr.splitlines()
                if each.startswith(line)]  # fmt: skip
    assert f"(the lowest: user.max_net_namespaces = {number})" in found
    assert "Traceback" not in run.stdout + run.stderr
    assert run.returncode in (1, 4)


@pytest.fixture
def without(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a program that this machine seems not to have."""
    needs_namespaces()
    tools, missing = tmp_path / "tools", str(request.param)
    tools.mkdir()
    path = namespaces.with_tools(os.environ)["PATH"]
    for each in {*TOOLS} - {missing}:
        found = shutil.which(each, path=path)
        assert found is not None
        (tools / each).symlink_to(found)
    for module in (needs, namespaces):
        monkeypatch.setattr(module, "with_tools", lambda env: {**env, "PATH": str(tools)})
    return missing


@pytest.mark.parametrize("without", TOOLS[1:], indirect=True)
def test_a_missing_program_is_named_with_its_package(without: str) -> None:
    """The doctor's looks, and the check before any scenario runs."""
    with pytest.raises(RuntimeUnavailable, match=f": {without} is not installed") as caught:
        needs.check()
    assert caught.value.problems[0].fix.startswith("sudo apt-get install -y ")


@pytest.mark.parametrize("without", TOOLS[1:-1], indirect=True)
async def test_a_lab_without_a_program_names_it(without: str, tmp_path: Path) -> None:
    """A program that was removed after the check; nothing of the lab is left."""
    lab = NetnsRuntime(SMALL.apps.values())
    with pytest.raises(RuntimeUnavailable, match=f"No such file or directory: '{without}'"):
        async with lab:
            await run_python(lab, "pass", tmp_path / "log")
    assert not lab.folder.exists()


@dataclass
class Ran:
    """A run on netns, and the namespaces of its lab."""

    lab: NetnsRuntime | None = None
    inside: Inside | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[NetnsRuntime]:
        async with NetnsRuntime(SMALL.apps.values()) as self.lab:
            yield self.lab

    def heard(self, event: AnyEvent) -> None:
        if isinstance(event, Spawned) and self.lab is not None:
            self.inside = Inside(tree(self.lab._namespaces.pid))

    async def verdict(self, folder: Path, host: str, first: str = "pass", then: str = "pass",
                      ) -> Verdict:  # fmt: skip
        """What is judged of the start of that app; nothing of the lab may be left then."""
        needs_namespaces()
        code = APP.replace("HOST", host).replace("FIRST", first).replace("THEN", then)
        app = App(
            name="app",
            command=("{python}", "-u", "-c", code.replace("{", "{{").replace("}", "}}"), "{port}"),
            links=("redis",),
            health=HealthContract(),
            deadlines=Deadlines(startup_s=3, degraded_s=1, recovery_s=2),
        )
        topology = Topology(name="unlucky", services=SMALL.services, apps={"app": app})
        starts = expect.Starts(mode="normal", rests_on=())
        plan = Plan(
            name="unlucky",
            expect=(starts, expect.StaysAvailable(rests_on=())),
            limit_s=60,
            max_lag_s=30,
        )
        setting = Setting(open_runtime=self.opened, seed=1, listeners=(self.heard,))
        try:
            verdict, _ = await carry_out(topology, plan, setting, RunFolder(folder))
        finally:
            assert self.lab is not None
            assert self.inside is not None
            await nothing_left(self.lab, self.inside)
        return verdict


async def nothing_left(lab: NetnsRuntime, inside: Inside) -> None:
    """No folder, and no process in a namespace of the lab; the kernel then removes these."""
    assert not lab.folder.exists()
    end_s = now_s() + GONE_WITHIN_S
    while left := inside.members():
        assert now_s() < end_s, f"{left} run in the lab's namespaces"
        await asyncio.sleep(0.02)
    inside.close()


async def test_an_app_that_moves_to_another_network_never_listened(tmp_path: Path) -> None:
    """Nobody can reach it there, and the kernel ends it with its lab."""
    verdict = await Ran().verdict(tmp_path, "127.0.0.1", first=UNSHARES)
    assert verdict.outcome != "PASS"
    assert "alive, but never listened on port 8080" in verdict.texts


async def test_an_app_that_listens_on_every_address_is_reached(tmp_path: Path) -> None:
    """The lab asks at 127.0.0.1, which is one of them."""
    assert (await Ran().verdict(tmp_path, "0.0.0.0")).outcome == "PASS"


async def test_an_app_that_listens_on_the_veth_alone_never_answers(tmp_path: Path) -> None:
    """It listens, and 127.0.0.1 refuses."""
    verdict = await Ran().verdict(tmp_path, "198.18.1.1")
    assert verdict.outcome != "PASS"
    assert re.search(
        r"listened on port 8080 at 198\.18\.1\.1 after .*, but never answered", str(verdict.texts)
    )


@ROOT
async def test_an_app_that_cuts_its_own_link_is_not_judged(tmp_path: Path) -> None:
    """No fault cut it: the canary at the end finds it, and names what it observed."""
    cuts = "subprocess.run(['ip', 'link', 'set', 'eth0', 'down'], check=True)"
    verdict = await Ran().verdict(tmp_path, "127.0.0.1", first=cuts)
    assert verdict.outcome == "UNKNOWN"
    assert "the probe 'link app.redis' crashed" in verdict.texts[0]
    assert "Network is unreachable" in verdict.texts[0]


@pytest.mark.parametrize(("number", "how"), [("SIGKILL", "signal 9"), ("SIGTERM", "exit status 0")])
async def test_an_app_that_ends_its_agent_ends_the_run(
    tmp_path: Path, number: str, how: str
) -> None:
    """Trouble of the lab, never a verdict: the error names the agent that ended first."""
    kills = f"os.kill(os.getppid(), signal.{number})"
    with pytest.raises(ServiceFailed, match=rf"(?s): its stream ended\n.*of app ended by {how}"):
        await Ran().verdict(tmp_path, "127.0.0.1", then=kills)


async def test_an_app_cannot_kill_the_first_process_of_its_namespaces(tmp_path: Path) -> None:
    """The kernel protects it from the processes of its own PID namespace."""
    kills = "os.kill(1, signal.SIGKILL)"
    assert (await Ran().verdict(tmp_path, "127.0.0.1", then=kills)).outcome == "PASS"


async def test_an_agent_that_an_app_stops_is_waited_for_no_longer_than_a_limit(
    lab: NetnsRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the exit of the app, nor for the next one; the lab still ends all."""
    monkeypatch.setattr(child, "REPORTED_WITHIN_S", 0.2)
    code = "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)"
    app = await run_python(lab, code, tmp_path / "log")
    inside = Inside(tree(lab._namespaces.pid))
    with pytest.raises(RuntimeUnavailable, match="the agent of app did not answer 'exit' in time"):
        await asyncio.wait_for(app.wait(), 10.0)
    spawning = lab._namespaces.pods["app"].agent._spawning
    assert spawning is not None
    spawning.settimeout(0.2)
    with pytest.raises(RuntimeUnavailable, match="the agent of app did not answer 'spawn' in time"):
        await run_python(lab, "pass", tmp_path / "log")
    await lab.__aexit__(None, None, None)
    await nothing_left(lab, inside)


async def test_an_app_is_not_blamed_for_an_agent_that_has_ended(
    lab: NetnsRuntime, tmp_path: Path
) -> None:
    """Its program was never tried."""
    app = await run_python(lab, "import time; time.sleep(60)", tmp_path / "log")
    lab._namespaces._process.kill()
    await app.exited()
    with pytest.raises(RuntimeUnavailable, match="the agent of app has ended"):
        await run_python(lab, "pass", tmp_path / "log")


async def test_what_an_app_moved_to_namespaces_of_its_own_ends_with_the_lab(
    lab: NetnsRuntime, tmp_path: Path
) -> None:
    """Also a daemon there, without its environment."""
    daemon = (
        f"import ctypes, os\n{UNSHARES}\n"
        "if os.fork() == 0:\n    os.setsid()\n    os.execve('/bin/sleep', ['sleep', '60'], {})\n"
        "print('moved', flush=True)\nimport time; time.sleep(60)\n"
    )
    app = await run_python(lab, daemon, tmp_path / "log")
    await until_said(app, "moved")
    own = Inside([app.pid])
    assert len(own.members()) >= 2
    await lab.__aexit__(None, None, None)
    await nothing_left(lab, own)
