"""Commands that cannot be executed, that end, or that misbehave before they answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from odd.folder import RUNS, START, Odd, app

ENDED, SILENT = "init.app_ended", "init.not_listening"
NOT_FOUND = "No such file"
# A server that answers every path of health, for apps that are odd in another way.
SERVE = """
import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
def serve():
    while True:
        connection, _ = listener.accept()
        with connection:
            path = connection.recv(65536).split(b" ")[1:2]
            status = b"200 OK" if path and b"health" in path[0] else b"404 No"
            connection.sendall(b"HTTP/1.1 " + status + b"\\r\\nConnection: close\\r\\n\\r\\nok")
"""


def _command(*words: str, **more: object) -> Odd:
    return Odd(words=(*START, "--", *words), **more)  # type: ignore[arg-type]


def _program(text: str | bytes, mode: int = 0o755) -> dict[str, object]:
    def make(folder: Path) -> None:
        (folder / "run").write_bytes(text if isinstance(text, bytes) else text.encode())
        (folder / "run").chmod(mode)

    found: Callable[[Path], None] = make
    return {"make": found}


def _ends(text: str, *says: str) -> Odd:
    return app(text, code=1, says=(ENDED, *says))


def _silent(text: str, *says: str) -> Odd:
    return app(text, code=1, says=(SILENT, *says))


def _serves(before: str, *says: str, **more: object) -> Odd:
    return app(f"{SERVE}\n{before}\nserve()\n", says=("wrote chaoslab.toml", *says), **more)


FOLDERS: dict[str, Odd] = {
    "a program that is missing": _command("./no-such", code=2, says=("./no-such",)),
    "a name that is not on the PATH": _command("no-such-program", code=2),
    "a folder as the program": _command("/", code=2),
    "a file that is not executable": _command("./run", code=2, **_program("x", 0o644)),
    "an interpreter that is missing": _command("./run", code=2, **_program("#!/no/where\n")),
    "an interpreter with CRLF": _command("./run", code=2, **_program("#!/bin/sh\r\nexit\r\n")),
    "a script without an interpreter": _command("./run", code=(1, 2), **_program("exit 3\n")),
    "a program of another machine": _command(
        "./run", code=(1, 2), **_program(b"\x7fELF\2\1\1junk")
    ),
    "an empty program": _command("./run", code=(1, 2), **_program("")),
    "a script that calls itself": _command("./run", code=1, **_program("#!/bin/sh\nexec ./run\n")),
    "no command, and a start of another machine": Odd(
        files={"Dockerfile": 'FROM x\nCMD ["/opt/shop/serve"]'}, words=START, code=2,
        says=("/opt/shop/serve",),
    ),
    "ends with 0": _ends("", "in the foreground"),
    "ends with 1": _ends("raise SystemExit('no DATABASE_URL')", "no DATABASE_URL"),
    "ends with 255": _ends("import os; os._exit(255)", "255"),
    "kills itself": _ends("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    "a segmentation fault": _ends("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "stops itself": _silent("import os; os.kill(os.getpid(), 19)"),
    "ends after it answered": app(
        f"{SERVE}\nimport threading\nthreading.Timer(3, os._exit, (7,)).start()\nserve()", code=0,
    ),
    "prints 20 MB and ends": _ends(
        "for _ in range(200_000): print('y' * 100)\nraise SystemExit(3)"
    ),
    "prints 20 MB in one line": _ends("print('x' * 20_000_000); raise SystemExit(3)"),
    "prints what is no text": _ends(
        "import sys, os; sys.stdout.buffer.write(os.urandom(9000)); sys.exit(3)"
    ),
    "prints commands of a CI and of a terminal": app(
        "print('::error::x\\n\\x1b[2J##[group]\\x07'); raise SystemExit(3)", code=1,
        says=(ENDED,), never=("::error::", "\x1b[2J", "##[group]"),
    ),
    "prints a secret": app(
        "import os; print(os.environ['API_TOKEN']); raise SystemExit(3)", code=1,
        env={"API_TOKEN": "s3cret-0123456789"}, never=("s3cret-0123456789",),
    ),
    "prints a traceback": _ends("raise RuntimeError('mine')", "RuntimeError: mine"),
    "closes its output": _serves("os.close(1); os.close(2)"),
    "never listens": _silent("import time; time.sleep(300)"),
    "never listens, ignores SIGTERM": _silent(
        "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "time.sleep(300)"
    ),
    "all of a processor": _silent("while True: pass"),
    "reads standard input": _ends("input('name? ')"),
    "needs a terminal": _ends("open('/dev/tty')"),
    "a child that listens, a parent that waits": _serves("os.fork() and os.wait()"),
    "a daemon, and the parent ends": _ends(
        f"{SERVE}\nif os.fork(): os._exit(0)\nos.setsid()\nserve()"
    ),
    "a daemon of a daemon": _ends(
        f"{SERVE}\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
        "os.chdir('/')\nos.closerange(0, 3)\nserve()"
    ),
    "children that ignore SIGTERM": _serves(
        "import signal\nfor _ in range(20):\n    if not os.fork():\n"
        "        signal.signal(15, signal.SIG_IGN); os.setsid(); time.sleep(300)"
    ),
    "children that make children": _serves(
        "if not os.fork():\n    end = time.time() + 20\n    while time.time() < end:\n"
        "        if os.fork(): os._exit(0)\n        os.setsid(); time.sleep(0.02)\n    os._exit(0)"
    ),
    "zombies": _serves("[os._exit(0) for _ in range(50) if not os.fork()]"),
    "another working directory": _serves("os.chdir('/')"),
    "removes its folder": app(
        f"{SERVE}\nimport shutil\nshutil.rmtree(os.getcwd())\nserve()", code=(1, 2)
    ),
    "removes its folder at the end": app(
        f"{SERVE}\nimport atexit, shutil, signal\n"
        "atexit.register(shutil.rmtree, os.getcwd(), True)\n"
        "signal.signal(15, lambda *_: sys.exit())\nserve()", code=(1, 2),
    ),
    "writes chaoslab.toml itself": app(
        f"{SERVE}\nopen('chaoslab.toml', 'w').write('mine')\nserve()", code=2,
        says=("init.file_exists",), intact={"chaoslab.toml": b"mine"},
    ),
    "makes chaoslab.toml a folder": app(
        f"{SERVE}\nos.makedirs('chaoslab.toml', exist_ok=True)\nserve()", code=2,
        says=("init.file_exists",),
    ),
    "links chaoslab.toml to elsewhere": app(
        f"{SERVE}\nos.path.lexists('chaoslab.toml') or os.symlink('../outside', 'chaoslab.toml')\n"
        "serve()", code=2, says=("init.file_exists",), intact={"../outside": None},
    ),
    "without any variable": Odd(
        files={"app.py": SERVE.replace('int(os.environ["PORT"])', "int(sys.argv[1])") + "serve()"},
        words=(*START, "--", "env", "-i", *RUNS[-3:], "--port", "8000"), code=(0, 1),
    ),
    "100,000 words": Odd(
        files={"app.py": "raise SystemExit(3)"}, words=(*RUNS, *["x"] * 100_000), code=(1, 2)
    ),
    "one word of 200,000 characters": Odd(
        files={"app.py": "", "Procfile": "web: serve " + "x" * 200_000}, words=START, code=(1, 2)
    ),
    "a service that is not installed": Odd(
        files={"app.py": SERVE + "serve()"}, words=(*START, "--service", "q=rabbitmq", *RUNS[3:]),
        code=(0, 1, 2), env={"PATH": "/usr/bin:/bin"},
    ),
}  # fmt: skip
