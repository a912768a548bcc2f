"""A small HTTP server that gives declared answers.

`python -m chaoslab.agent respond HOST PORT JSON`, where JSON maps a path to `status`, `body`,
`content_type` and `delay_s`. It uses only the standard library, so that it also runs in the agent's
image.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_ABSENT: Mapping[str, Any] = {"status": 404, "body": "", "content_type": "text/plain", "delay_s": 0}
_WITHOUT_BODY = (204, 304)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def handler_of(answers: Mapping[str, Mapping[str, Any]]) -> type[BaseHTTPRequestHandler]:
    """A handler class that gives `answers` to requests of every method; the query of a path is
    ignored.

    `answers` maps a path to its answer; any other path gets 404.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            given = answers.get(urlsplit(self.path).path, _ABSENT)
            time.sleep(given["delay_s"])
            body = given["body"].encode()
            self.send_response(given["status"])
            if given["status"] not in _WITHOUT_BODY:
                self.send_header("content-type", given["content_type"])
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            if given["status"] not in _WITHOUT_BODY and self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Do nothing: requests are not logged."""

    for method in _METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def respond(host: str, port: str, answers: str) -> None:
    """Serve the answers (JSON) on this host and port until SIGTERM.

    Process 1 of a container must handle SIGTERM itself.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _Server((host, int(port)), handler_of(json.loads(answers))).serve_forever()
