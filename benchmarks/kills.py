"""What SIGKILLs at random moments leave behind on the netns runtime; nothing may be left.

The victims in turn: pytest, a worker of pytest-xdist, the first process of the lab's namespaces,
and the proxy engine. The app starts two daemons; one of them has another session, no parent of the
lab and no environment. Processes, the members of the lab's namespaces, its folders and its mounts
must be gone 2 s after the kill. A pytest that survives it may first write its report: then 2 s
after its end.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from _measure import parser, print_machine

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.netns import needs

GONE_WITHIN_S = 2.0
LOOKS_FOR_S = 20.0  # what is late is told from what stays
FOUND_WITHIN_S = REPORTED_WITHIN_S = 300.0  # the machine may be busy
LATEST_S = 2.0
AFTER_THE_NAMESPACES = 0.7  # share of the kills that come after the lab has begun to make them
POLL_S = 0.02
OUTPUT = "output"
KINDS = ("net", "pid", "mnt", "user")
TOPOLOGY = """
version = 1
name = "killed"
[services.redis]
kind = "redis"
[apps.app]
command = ["{python}", "app.py", "{port}", "TOKEN"]
links = ["redis"]
"""
SCENARIO = """
from chaoslab import Boot, Severed, expect, when
async def test_long(chaos):
    await chaos.run(
        Severed(target="app.redis", start=when.healthy(0.1), stop=when.healthy(80)),
        boots=[Boot(app="app")],
        expect=[expect.Recovers(app="app")],
        limit_s=90,
    )
"""
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
APP = """
import http.server, os, sys
def daemon(token, environment):
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execve("/bin/sleep", [token, "90"], environment)
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "15")
        self.end_headers()
        self.wfile.write(b'{"status":"ok"}')
    def log_message(self, *_): pass
daemon(sys.argv[2], os.environ)
daemon(sys.argv[2], {})
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""


@dataclass(kw_only=True)
class Made:
    """What one pytest has made: everything with its token, in the environment or the command."""

    token: str
    pids: set[int] = field(default_factory=set)
    # Held open by these descriptors: the kernel gives the number of one that is gone to the next.
    namespaces: dict[str, int] = field(default_factory=dict)

    def processes(self) -> dict[int, str]:
        """Maps each of its processes that runs now to its command; notes their namespaces."""
        found = {}
        for pid in pids():
            command = read(pid, "cmdline")
            if self.token in command + read(pid, "environ"):
                found[pid] = command.replace("\0", " ").strip()
                self._hold(pid)
        self.pids |= found.keys()
        return found

    def _hold(self, pid: int) -> None:
        if joined(pid) <= OWN | self.namespaces.keys():
            return
        for kind in KINDS:
            with contextlib.suppress(OSError):  # it has ended
                held = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
                name = os.readlink(f"/proc/self/fd/{held}")
                if name in OWN or name in self.namespaces:
                    os.close(held)
                else:
                    self.namespaces[name] = held

    def inside(self) -> dict[int, str]:
        """Maps each process in one of its namespaces to its command."""
        return {pid: read(pid, "cmdline") for pid in pids() if joined(pid) & self.namespaces.keys()}

    def folders_and_mounts(self) -> list[str]:
        """The folders of its labs, and the mounts of this machine from them."""
        names = [f"chaoslab-{pid}-" for pid in self.pids]
        places = {Path("/dev/shm"), Path(tempfile.gettempdir())}
        folders = [
            str(path) for place in places for name in names for path in place.glob(f"{name}*")
        ]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return folders + [line for line in mounts if any(name in line for name in names)]

    def left(self, survivor: int = 0) -> list[str]:
        """All that is left, as text; without the process `survivor`."""
        alive = {**self.inside(), **self.processes()}
        alive.pop(survivor, None)
        return [f"{pid} {command}" for pid, command in alive.items()] + self.folders_and_mounts()


def pids() -> Iterator[int]:
    """The number of each process of the machine."""
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def read(pid: int, name: str) -> str:
    """A file of a process; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def joined(pid: int) -> set[str]:
    """The namespaces of a process; empty if it has ended."""
    with contextlib.suppress(OSError):
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}
    return set()


OWN = joined(os.getpid())


def is_first(pid: int) -> bool:
    """Whether it is process 1 of a PID namespace inside this one."""
    lines = read(pid, "status").splitlines()
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


VICTIMS: dict[str, Callable[[int, str, int], bool]] = {
    "pytest": lambda pid, _, pytest: pid == pytest,
    "worker": lambda _, command, __: "exec(eval(sys.stdin.readline()))" in command,
    "first process": lambda pid, command, _: "chaoslab.agent hold" in command and is_first(pid),
    "engine": lambda _, command, __: "chaoslab.engine" in command,
}


def found(made: Made, victim: str, pytest: int) -> int:
    """The number of the victim, as soon as it runs. Raises TimeoutError."""
    end_s = time.monotonic() + FOUND_WITHIN_S
    while time.monotonic() < end_s:
        for pid, command in made.processes().items():
            if VICTIMS[victim](pid, command, pytest):
                return pid
        time.sleep(POLL_S)
    raise TimeoutError(f"no {victim} within {FOUND_WITHIN_S:g} s")


def gone(left: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Wait until nothing is left. Returns the seconds, and what was left after 2 s."""
    begun_s = time.monotonic()
    late: list[str] = []
    while (rest := left()) and (took_s := time.monotonic() - begun_s) < LOOKS_FOR_S:
        if took_s > GONE_WITHIN_S:
            late = late or rest
        time.sleep(POLL_S)
    return time.monotonic() - begun_s, late


def at_once(made: Made, victim: str, pytest: int) -> list[str]:
    """What is left of what ends with the victim, whether or not pytest still writes its report."""
    match victim:
        case "pytest":
            return made.left()
        case "worker":
            return made.left(survivor=pytest)
        case "first process":
            return list(made.inside().values())
        case _:
            return []


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill: how many daemons of the app ran then, the seconds until all was gone, and what was
    left after 2 s.
    """

    daemons: int
    took_s: float
    left: list[str]

    @property
    def stays(self) -> bool:
        """Whether something was left at the last look."""
        return self.took_s > LOOKS_FOR_S


@contextlib.contextmanager
def started(victim: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Made]]:
    """A pytest in `folder` that runs the scenario; at the end all that it left is killed."""
    made = Made(token=f"chaoslab-kills-{uuid.uuid4().hex}")
    (folder / "chaoslab.toml").write_text(TOPOLOGY.replace("TOKEN", made.token))
    (folder / "test_long.py").write_text(SCENARIO)
    (folder / "app.py").write_text(APP)
    (folder / "pytest.ini").write_text(INI)
    workers = ("-n1", "--max-worker-restart=0") if victim == "worker" else ()
    with open(folder / OUTPUT, "wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "pytest", "-q", "--chaos-runtime=netns", *workers),
            cwd=folder, env={**os.environ, "PYTHONFAULTHANDLER": "1", "CHAOSLAB_KILLS": made.token},
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield process, made
    finally:
        process.kill()
        process.wait()
        gone(made.left)
        for each in made.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        for held in made.namespaces.values():
            os.close(held)


def one_kill(victim: str, folder: Path, chance: random.Random) -> Kill:
    """Kill the victim of a pytest in `folder` at a random moment, and look for what is left."""
    with started(victim, folder) as (process, made):
        pid = found(made, victim, process.pid)
        if chance.random() < AFTER_THE_NAMESPACES:
            found(made, "first process", process.pid)
        at_s = time.monotonic() + chance.uniform(0, LATEST_S)
        while running := made.processes():
            if time.monotonic() > at_s:
                break
            time.sleep(POLL_S)
        daemons = sum(command.startswith(made.token) for command in running.values())
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            sys.exit(f"{victim} ended before it was killed:\n{(folder / OUTPUT).read_text()}")
        took_s, left = gone(lambda: at_once(made, victim, process.pid))
        try:
            process.wait(REPORTED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it writes where each of its threads is
            process.wait()
            sys.exit(f"{victim} was killed, pytest goes on:\n{(folder / OUTPUT).read_text()}")
        after_s, after = gone(made.left)
        return Kill(daemons=daemons, took_s=max(took_s, after_s), left=left + after)


def main() -> int:
    """Kill, look and print. Returns 1 if anything was left after 2 s, else 0."""
    line = parser(__doc__)
    line.add_argument("-n", "--kills", type=int, default=100, help="number of kills (100)")
    line.add_argument("--seed", type=int, default=1, help="of the random moments (1)")
    asked = line.parse_args()
    try:
        needs.check()
    except RuntimeUnavailable as error:
        sys.exit(str(error))
    print_machine()
    chance, names = random.Random(asked.seed), list(VICTIMS)
    kills: dict[str, list[Kill]] = {name: [] for name in names[: asked.kills]}
    for number in range(asked.kills):
        victim = names[number % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            kill = one_kill(victim, Path(folder), chance)
        kills[victim].append(kill)
        if kill.left:
            print(
                f"kill {number + 1}, {victim}, gone after {kill.took_s:.1f} s:",
                *kill.left,
                sep="\n  ",
                flush=True,
            )
    print(f"{'victim':14} {'kills':>5} {'daemons ran':>11} {'late':>5} {'stays':>5} {'slowest':>8}")
    for name, each in kills.items():
        ran, late = sum(kill.daemons > 0 for kill in each), sum(bool(kill.left) for kill in each)
        stays, slowest_s = sum(kill.stays for kill in each), max(kill.took_s for kill in each)
        print(f"{name:14} {len(each):5} {ran:11} {late:5} {stays:5} {slowest_s:6.2f} s")
    return 1 if any(kill.left for each in kills.values() for kill in each) else 0


if __name__ == "__main__":
    sys.exit(main())
