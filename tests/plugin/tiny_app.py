"""One tiny app, bad in several ways: `tiny_app.py KIND PORT REDIS_PORT [HOST REDIS_HOST]`."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
import time


def pooled(port: int) -> bool:
    """Whether Redis answers on the connection of this thread's pool of one."""
    try:
        if not pool:
            pool.append(socket.create_connection((redis_host, port), timeout=0.2))
        pool[0].sendall(b"PING\r\n")
        if pool[0].recv(7) == b"+PONG\r\n":
            return True
    except OSError:
        pass
    if pool:
        pool.pop().close()
    return False


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if kind == "html":
            self.answer(200, "text/html", b"<html>It works!</html>")
        elif kind == "healthless":
            self.answer(404, "application/json", b'{"detail": "Not Found"}')
        else:
            with lock:
                up = pooled(redis_port)
            lost = {} if up else {"redis": "down"}
            body = {"status": "healthy" if up else "degraded", "dependencies": lost}
            self.answer(200, "application/json", json.dumps(body).encode())

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the tests look for other lines."""


kind, port, redis_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
host, redis_host = sys.argv[4:] or ("127.0.0.1", "127.0.0.1")
pool: list[socket.socket] = []
lock = threading.Lock()
print(f"{kind} has begun", flush=True)
if kind == "exits":
    print("\x1b[31mcannot find my configuration", flush=True)
    sys.exit(1)
elif kind == "deaf":
    time.sleep(60)
elif kind == "silent":
    listener = socket.create_server((host, port))
    time.sleep(60)
http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
