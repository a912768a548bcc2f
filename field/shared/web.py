"""The HTTP part of the Python services: GET /health, GET /live, and notes by POST and GET."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIXED = os.environ.get("FIXED") == "1"
Answer = tuple[int, dict[str, Any]]


def serve(
    *,
    look: Callable[[], Mapping[str, bool]],
    write: Callable[[str], object],
    read: Callable[[str], str | None] = lambda _: None,
    live: Callable[[], bool] = lambda: True,
    acts: Mapping[str, Callable[[], object]] = {},
) -> None:
    """Serve until the process ends.

    `look` maps the name of each dependency to whether it works. `write` keeps a note by its id, and
    `read` returns the note of an id: if one of them raises, the answer is 503. `acts` maps the path
    of a POST to what a scenario lets an operator do, which is no part of the service.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/live":
                self.answer(200 if live() else 503, {})
            elif self.path.startswith("/notes/"):
                note = self.path.removeprefix("/notes/")
                self.answer(*_tried(lambda: (200, {"note": read(note)})))
            else:
                self.answer(200, _health(look()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if act := acts.get(self.path):
                self.answer(*_tried(lambda: (200, {"done": str(act())})))
                return
            self.answer(*_tried(partial(_written, write, json.loads(body)["id"])))

        def answer(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            if status == 503:
                self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Print nothing for each request."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()


def _written(write: Callable[[str], object], note: str) -> Answer:
    write(note)
    return 201, {"id": note}


def _tried(answer: Callable[[], Answer]) -> Answer:
    try:
        return answer()
    except Exception as error:
        print(f"refused: {error!r}", flush=True)
        return 503, {"error": repr(error)}


def _health(dependencies: Mapping[str, bool]) -> dict[str, Any]:
    word = "healthy" if all(dependencies.values()) else "degraded"
    words = {name: "up" if works else "down" for name, works in dependencies.items()}
    return {"status": word, "dependencies": words}
