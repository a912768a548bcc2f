"""An app that depends on memcached: `app.py PORT MEMCACHED_HOST:MEMCACHED_PORT`."""

from __future__ import annotations

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(sys.argv[1])
CACHE_HOST, _, CACHE_PORT = sys.argv[2].partition(":")


def cache_answers() -> bool:
    try:
        with socket.create_connection((CACHE_HOST, int(CACHE_PORT)), timeout=0.5) as cache:
            cache.sendall(b"version\r\n")
            return cache.recv(100).startswith(b"VERSION")
    except OSError:
        return False


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        well = cache_answers()
        body = {
            "status": "healthy" if well else "degraded",
            "dependencies": {"memcached": "healthy" if well else "unavailable"},
        }
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Not a line for each question."""


ThreadingHTTPServer(("127.0.0.1", PORT), Health).serve_forever()
