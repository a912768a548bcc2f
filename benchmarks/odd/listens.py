"""Apps that listen late, elsewhere, or otherwise than is expected."""

from __future__ import annotations

from odd.ends import SERVE, SILENT
from odd.folder import Odd, app

PORT = 'listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))'


def _on(line: str, *says: str, before: str = "", after: str = "") -> Odd:
    text = SERVE.replace(PORT, f"{before}\n{line}\n")
    return app(f"{text}\n{after}\nserve()", says=("wrote chaoslab.toml", *says))


def _silent(line: str) -> Odd:
    text = SERVE.replace(PORT, line)
    return app(f"{text}\nserve()", code=1, says=(SILENT, "got "))


FOLDERS: dict[str, Odd] = {
    "late": _on(PORT, before="time.sleep(3)"),
    "on another port": _on("listener = socket.create_server(('127.0.0.1', 48731))", "port = 48731"),
    "on every address": _on(PORT.replace("127.0.0.1", "0.0.0.0")),
    "on both families": _on(
        "listener = socket.create_server(('', int(os.environ['PORT'])), family=socket.AF_INET6, "
        "dualstack_ipv6=True)"
    ),
    "on IPv6 alone": _silent(
        "listener = socket.create_server(('::1', int(os.environ['PORT'])), family=socket.AF_INET6)"
    ),
    "on a Unix socket": _silent("listener = socket.create_server('s', family=socket.AF_UNIX)"),
    "by UDP": _silent(
        "listener = socket.socket(type=socket.SOCK_DGRAM)\n"
        "listener.bind(('127.0.0.1', int(os.environ['PORT'])))\ntime.sleep(300)"
    ),
    "on 50 ports": _on(
        f"more = [socket.create_server(('127.0.0.1', 0)) for _ in range(50)]\n{PORT}"
    ),
    "on 50 other ports alone": app(
        "import socket, time\nmore = [socket.create_server(('127.0.0.1', 0)) for _ in range(50)]\n"
        "time.sleep(300)", code=1, says=(SILENT,),
    ),
    "and never accepts": _silent(f"{PORT}\ntime.sleep(300)"),
    "and never answers": _silent(
        f"{PORT}\nkept = []\nwhile True: kept.append(listener.accept())"
    ),
    "and closes at once": _silent(f"{PORT}\nwhile True: listener.accept()[0].close()"),
    "and resets": _silent(
        f"import struct\n{PORT}\nwhile True:\n    c = listener.accept()[0]\n"
        "    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n"
        "    c.close()"
    ),
    "and stops to listen": app(
        f"{SERVE}\nimport threading\nthreading.Thread(target=serve, daemon=True).start()\n"
        "time.sleep(4); listener.close(); time.sleep(300)", code=(0, 1),
    ),
    "from four processes": _on(PORT, after="os.fork(); os.fork()"),
    "and opens its port anew": _on(PORT, after="listener.close(); time.sleep(1)\n" + PORT),
    "a port that is taken": app(
        f"{SERVE}\nother = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))", code=1,
        says=("init.app_ended", "Address already in use"),
    ),
}  # fmt: skip
