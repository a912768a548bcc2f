"""A queue that nobody wrote a kind for: a line PING is answered by PONG."""

from __future__ import annotations

import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            if line == b"PING\n":
                self.wfile.write(b"PONG\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
