"""One connection, opened at the start and never again; `/health` always says OK."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from base import connect

connection = connect()


class Handler(BaseHTTPRequestHandler):
    """The same answer to every question."""

    def do_GET(self) -> None:
        """OK."""
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None:
        """No log."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
