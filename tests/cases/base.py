"""The part that the cases share, and that is right: a watcher with a connection of its own per
look, `/health` naming `database`, and `POST /notes?body=ID`.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

DSN = os.environ["DATABASE_URL"]
LOOK_EVERY_S = 0.2
state = {"up": False, "was_lost": False}


def connect(dsn: str = DSN) -> psycopg.Connection:
    """A connection that commits each statement."""
    return psycopg.connect(dsn, connect_timeout=2, autocommit=True)


def insert(connection: psycopg.Connection, op: str, title: str = "") -> None:
    """Keep one note."""
    connection.execute("insert into notes(body, title) values(%s, %s)", (op, title))


def look(turned: Callable[[bool], None]) -> None:
    """Look once whether the database answers; `turned` is called on each change."""
    try:
        with connect() as connection:
            columns = "id serial, body text, title text"
            connection.execute(f"create table if not exists notes({columns})")
        up = True
    except psycopg.Error:
        up = False
    if up != state["up"]:
        state["up"] = up
        state["was_lost"] |= not up
        turned(up)


def _watch(turned: Callable[[bool], None]) -> None:
    while True:
        time.sleep(LOOK_EVERY_S)
        look(turned)


def health() -> dict:
    """What `/health` answers."""
    up = state["up"]
    word = "healthy" if up else "degraded"
    return {"status": word, "dependencies": {"database": "up" if up else "down"}}


def serve(
    write: Callable[[str], tuple[int, dict]],
    read: Callable[[str], tuple[int, dict]] = lambda _: (404, {}),
    health: Callable[[], dict] = health,
    turned: Callable[[bool], None] = lambda _: None,
    live: Callable[[], bool] = lambda: True,
    *,
    status: Callable[[], int] = lambda: 200,
) -> None:
    """Serve for ever; a write that raises is refused by 503 with Retry-After."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, code: int, answer: dict) -> None:
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            if code == 503:
                self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(body)

        def op(self) -> str:
            query = urllib.parse.urlsplit(self.path).query
            return urllib.parse.parse_qs(query).get("body", [""])[0]

        def do_GET(self) -> None:
            if self.path == "/live":
                self.reply(200 if live() else 503, {})
                return
            asked = self.path.startswith("/health")
            self.reply(*((status(), health()) if asked else read(self.op())))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                code, answer = write(self.op())
            except Exception as error:
                code, answer = 503, {"error": f"{type(error).__name__}: {error}"}
            self.reply(code, answer)

        def log_message(self, *_: object) -> None:
            return

    look(turned)
    threading.Thread(target=_watch, args=(turned,), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
