"""An HTTP server that answers as a test tells it to: what a broken proxy server would say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROXY = {"name": "db", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:2", "enabled": True}
SILENCE = object()


class Misbehaving:
    """Answers `(method, path)` from `answers`: (status, body), where a body that is no string is
    sent as JSON, and `SILENCE` is no answer at all. What is not listed gets a healthy default.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/version"): (200, {"version": "2.12.0"}),
            ("GET", "/proxies"): (200, {"db": PROXY}),
            ("GET", "/proxies/db/toxics"): (200, []),
        }
        self.never = threading.Event()

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        self.requests.append((method, path))
        return self.answers.get((method, path), (200, PROXY))


@contextmanager
def misbehaving() -> Iterator[Misbehaving]:
    """One server on a free port of loopback, ended with the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = made.answer(self.command, self.path)
            if body is SILENCE:
                made.never.wait(10)
                self.close_connection = True
                return
            raw = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            """Quiet: the test says what is wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Misbehaving(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.never.set()
        server.shutdown()
        server.server_close()
        thread.join()
