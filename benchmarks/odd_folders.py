"""What `chaoslab init` does in odd folders: no traceback, an end in time, and nothing left.

Each folder is drawn from odd files and an odd command: programs that are missing, that end, that
never listen, that ignore SIGTERM, that start daemons, and servers that answer nonsense. After each
run no process may have the folder as its working directory, and no folder of the lab may remain.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from _measure import parser, print_machine

WITHIN_S = 240.0  # the machine may be busy; an ordinary folder takes 10 s
GONE_WITHIN_S = 5.0
STARTS_WITHIN_S = "8"
LABS = (Path("/dev/shm"), Path(tempfile.gettempdir()))
# It answers {HEAD} and {BODY} to each request, or nothing.
SERVER = """
import os, signal, socket, sys
{BEFORE}
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall({ANSWER})
"""
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
ANSWERS: dict[str, bytes] = {
    "status ok": HEAD + b'Content-Type: application/json\r\n\r\n{"status": "ok"}',
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "not HTTP": b"220 ready\r\n",
    "nothing": b"",
    "invalid UTF-8": HEAD + b"\r\n\xff\xfe\x00",
    "control characters": HEAD + b"\r\n\x1b[31m\x07\xc2\x85",
    "deep JSON": HEAD + b"Content-Type: application/json\r\n\r\n" + b"[" * 50_000,
    "a long body": HEAD + b"\r\n" + b"x" * 3_000_000,
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "an error": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
}
BEFORE: dict[str, str] = {
    "": "",
    "ignores SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "a daemon": "os.fork() or (os.setsid(), os.fork() and os._exit(0), signal.pause())",
    "much output": "print('x' * 5_000_000)",
    "ends after three": "import threading; threading.Timer(3, os._exit, (7,)).start()",
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "missing": ("./no-such-program",),
    "a folder": ("/",),
    "no text": ("sh", "-c", "head -c 3000 /dev/urandom; exit 3"),
    "ends": ("false",),
    "ends well": ("true",),
    "never listens": ("sleep", "300"),
    "killed": ("sh", "-c", "kill -9 $$"),
    "braces": ("sh", "-c", "echo {not a placeholder} }{; exit 1"),
}
FILES: dict[str, bytes] = {
    ".env": b"DATABASE_URL=postgresql://u:p@h/d\nSECRET_KEY=s\n",
    ".env.example": bytes(range(256)),
    "compose.yaml": b"services: {web: {build: ., depends_on: [c]}, c: {image: 'redis:7'}}",
    "docker-compose.yml": b"services: [&a [*a]]",
    "Procfile": b"web: ./serve $PORT\nworker: x\n",
    "Dockerfile": b"FROM x\nCMD [",
    "package.json": b'{"scripts": {"start": "node \\ud800"}}',
    "pyproject.toml": b"[project.scripts]\nx = 1\n[[",
    "go.mod": b"\xff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one folder showed: its name, the exit code, the seconds, and what was wrong."""

    name: str
    code: int
    took_s: float
    wrong: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the folders; returns 1 if something was wrong in one of them."""
    options = parser(__doc__)
    options.add_argument("--folders", type=int, default=200, help="how many are tried")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args(arguments)
    print_machine()
    chance = random.Random(chosen.seed)
    results = []
    for number in range(chosen.folders):
        results.append(result := tried(number, chance))
        print(
            f"{number + 1:3} {result.took_s:5.1f} s  exit {result.code}  {result.name}"
            f"{'  WRONG: ' if result.wrong else ''}{result.wrong}",
            flush=True,
        )
    wrong = [each for each in results if each.wrong]
    codes = Counter(each.code for each in results)
    print(f"{len(results)} folders, {len(wrong)} wrong; exit codes {dict(sorted(codes.items()))}")
    return 1 if wrong else 0


def tried(number: int, chance: random.Random) -> Result:
    """Make one folder, run `chaoslab init` in it, and look for what is left."""
    with tempfile.TemporaryDirectory(prefix=f"odd-{number}-") as place:
        folder = Path(place).resolve()
        for name in chance.sample([*FILES], chance.randint(0, 3)):
            (folder / name).write_bytes(FILES[name])
        if chance.random() < 0.5:
            name = chance.choice([*COMMANDS])
            command = COMMANDS[name]
        else:
            answer, before = chance.choice([*ANSWERS]), chance.choice([*BEFORE])
            name, command = f"{answer} {before}".strip(), (sys.executable, "server.py")
            text = SERVER.format(ANSWER=repr(ANSWERS[answer]), BEFORE=BEFORE[before])
            (folder / "server.py").write_text(text)
        return ran(folder, name, command)


def ran(folder: Path, name: str, command: Sequence[str]) -> Result:
    """Run `chaoslab init` with that command in the folder."""
    words = [sys.executable, "-m", "chaoslab.cli", "init", "--yes", "--start-within"]
    words += [STARTS_WITHIN_S, *(("--", *command) if command else ())]
    began_s = time.monotonic()
    with subprocess.Popen(
        words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            printed = process.communicate(timeout=WITHIN_S)[0].decode()
            wrong = "a traceback" if "\nTraceback (most recent" in printed else ""
        except subprocess.TimeoutExpired:
            process.kill()
            wrong = f"no end within {WITHIN_S:g} s"
    took_s = time.monotonic() - began_s
    wrong = wrong or left(folder, process.pid)
    return Result(name=name, code=process.returncode, took_s=took_s, wrong=wrong)


def left(folder: Path, pid: int) -> str:
    """What is left of a run, GONE_WITHIN_S seconds after its end; empty if nothing is."""
    end_s = time.monotonic() + GONE_WITHIN_S
    while found := [*_processes(folder), *_labs(pid)]:
        if time.monotonic() > end_s:
            return f"left: {', '.join(found)}"
        time.sleep(0.05)
    return ""


def _processes(folder: Path) -> list[str]:
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{name}/cwd") == str(folder):
                found.append(f"process {name}")
    return found


def _labs(pid: int) -> list[str]:
    return [str(each) for place in LABS for each in place.glob(f"chaoslab-{pid}-*")]


if __name__ == "__main__":
    sys.exit(main())
