"""Publishes measurements to Redis. It measures again as soon as one is published. While Redis is
away a measurement is published at once, into a queue in memory: so the queue grows fast, and all of
it is sent at once after the outage. FIXED: the queue is short, and the pace stays the same.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

FIXED = bool(os.environ.get("FIXED"))
PACE_S = 0.02
BYTES = 32 * 1024
server = redis.Redis.from_url(os.environ["REDIS_URL"])
queue: deque[bytes] = deque(maxlen=50 if FIXED else None)
up = threading.Event()


def measure() -> None:
    """Publish for ever."""
    while True:
        publish(os.urandom(16) * (BYTES // 16))
        time.sleep(PACE_S if FIXED or up.is_set() else 0.001)


def publish(measured: bytes) -> None:
    """Send one measurement, or queue it."""
    if not up.is_set():
        queue.append(measured)
        return
    try:
        server.publish("measured", measured)
    except redis.RedisError:
        up.clear()
        queue.append(measured)


def reconnect() -> None:
    """Look for Redis while it is away, and then send what was queued."""
    while True:
        try:
            if not up.is_set() and server.ping():
                send_queued()
                up.set()
        except redis.RedisError:
            pass
        time.sleep(0.2)


def send_queued() -> None:
    """Send the queue, in the order in which it came."""
    while queue:
        with server.pipeline(transaction=False) as pipe:
            for _ in range(1 if FIXED else min(100, len(queue))):
                pipe.publish("measured", queue.popleft())
            pipe.execute()
        if FIXED:
            time.sleep(PACE_S / 2)


class Handler(BaseHTTPRequestHandler):
    """Answers about its health."""

    def do_GET(self) -> None:
        """Healthy, or degraded without Redis."""
        word, state = ("healthy", "up") if up.is_set() else ("degraded", "down")
        body = json.dumps({"status": word, "dependencies": {"redis": state}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """No log."""


for job in (reconnect, measure):
    threading.Thread(target=job, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
