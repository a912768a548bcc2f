"""Servers whose answers are odd."""

from __future__ import annotations

from odd.ends import SILENT
from odd.folder import Odd, app

SERVER = """
import os, socket, threading, time
count = [0]
def answer(connection):
    {ANSWER}
def one(connection):
    with connection:
        try:
            connection.recv(65536)
            count[0] += 1
            answer(connection)
        except OSError:
            pass
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
"""
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
JSON = HEAD + b"Content-Type: application/json\r\n\r\n"
LONG = b"x" * 1000


def _by(code: str, exit_code: int | tuple[int, ...] = 0, **more: object) -> Odd:
    return app(SERVER.replace("{ANSWER}", code), code=exit_code, **more)


def _sends(data: bytes, exit_code: int | tuple[int, ...] = 0, **more: object) -> Odd:
    return _by(f"connection.sendall({data!r})", exit_code, **more)


def _silent(data: bytes) -> Odd:
    return _sends(data, 1, says=(SILENT, "got on port"))


FOLDERS: dict[str, Odd] = {
    "not HTTP": _silent(b"220 ready\r\n"),
    "half a head": _silent(b"HTTP/1.1 200 OK\r\nContent-"),
    "half a body": _silent(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"),
    "a length below zero": _silent(b"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\n"),
    "two lengths": _sends(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", (0, 1)
    ),
    "broken chunks": _silent(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a chunk without an end": _by(
        f"connection.sendall(b'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n')\n"
        f"    while True: connection.sendall(b'3e8\\r\\n' + {LONG!r} + b'\\r\\n')", (0, 1),
    ),
    "1 GiB": _by(
        "connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1073741824\\r\\n\\r\\n')\n"
        f"    for _ in range(1100): connection.sendall({LONG!r} * 1000)", (0, 1),
    ),
    "one byte a second": _by(
        f"for each in {HEAD + b'{}'!r}:\n        connection.sendall(bytes([each])); time.sleep(1)",
        1,
    ),
    "a head of 1 MB": _sends(HEAD + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", (0, 1)),
    "100,000 headers": _sends(HEAD + b"X: y\r\n" * 100_000 + b"\r\n", (0, 1)),
    "100 Continue for ever": _by(
        "while True: connection.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')", 1
    ),
    "status 999": _sends(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", (0, 1)),
    "status 20": _sends(b"HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n", 1),
    "no status text, HTTP/1.0": _sends(b"HTTP/1.0 200\r\n\r\nok"),
    "HTTP/0.9": _silent(b"<html>hello</html>"),
    "HTTP/2 alone": _silent(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18),
    "TLS": _silent(b"\x15\x03\x01\x00\x02\x02\x46"),
    "switching protocols": _sends(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\0\0", (0, 1)),
    "no content": _sends(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "not modified": _sends(b"HTTP/1.1 304 No\r\nConnection: close\r\n\r\n"),
    "a redirect to itself": _sends(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
    "a redirect to elsewhere": _sends(
        b"HTTP/1.1 301 F\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    ),
    "401": _sends(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
    "500": _sends(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
    "503 for three seconds": _by(
        "late = time.monotonic() > began + 3\n"
        "    status = b'200 OK' if late else b'503 No'\n"
        "    connection.sendall(b'HTTP/1.1 ' + status + b'\\r\\nContent-Length: 2\\r\\n\\r\\nok')\n"
        "began = time.monotonic()"
    ),
    "another status each time": _by(
        "connection.sendall(b'HTTP/1.1 %d X\\r\\nContent-Length: 0\\r\\n\\r\\n' % "
        "(200, 404, 503)[count[0] % 3])", (0, 1),
    ),
    "another body each time": _by(
        f"connection.sendall({HEAD!r} + b'\\r\\n' + os.urandom(30).hex().encode())"
    ),
    "not UTF-8": _sends(HEAD + b"\r\n\xff\xfe\x00"),
    "an unknown character set": _sends(
        HEAD + b"Content-Type: text/plain; charset=klingon\r\n\r\nok"
    ),
    "UTF-7": _sends(HEAD + b"Content-Type: application/json; charset=utf-7\r\n\r\n+AHs-"),
    "a bomb of gzip": _by(
        f"import gzip; connection.sendall({HEAD!r} + b'Content-Encoding: gzip\\r\\n\\r\\n' + "
        "gzip.compress(bytes(200_000_000)))", (0, 1),
    ),
    "broken gzip": _sends(HEAD + b"Content-Encoding: gzip\r\n\r\nnot gzip", (0, 1)),
    "control characters and commands of a CI": _sends(
        HEAD + b"\r\n\x1b[31m\x07\xc2\x85\n::error::x\n##[group]", never=("\x1b[31m", "::error::")
    ),
    "a secret": _sends(
        JSON + b'{"status": "ok", "token": "s3cret-0123456789"}',
        env={"API_TOKEN": "s3cret-0123456789"}, never=("s3cret-0123456789",),
    ),
    "deep JSON": _sends(JSON + b"[" * 50_000),
    "a number of 9,000 digits": _sends(JSON + b'{"status": ' + b"1" * 9_000 + b"}"),
    "JSON of odd words": _sends(
        JSON + b'{"status": "\\ud800\\u0000\\u202e", "status": NaN, '
        b'"checks": {"": [], "a.b": null}}'
    ),
    "a word of 100,000 characters": _sends(JSON + b'{"status": "' + b"x" * 100_000 + b'"}'),
    "10,000 dependencies": _sends(
        JSON + b'{"status": "ok", "dependencies": {'
        + b",".join(b'"d%d": "up"' % n for n in range(10_000)) + b"}}"
    ),
    "an empty JSON": _sends(JSON),
    "a list": _sends(JSON + b"[1, 2]"),
    "cookies": _sends(HEAD + b"Set-Cookie: s=1; Path=/\r\n" * 50 + b"\r\nok"),
}  # fmt: skip
