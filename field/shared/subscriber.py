"""A user who is subscribed to server-sent events."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import suppress

from shared.waiting import HOST

OPENED_S = 3.0


class Subscriber:
    """Keeps the events that come at /events/USER, until the service ends."""

    def __init__(self, port: int, user: str) -> None:
        self.events: list[str] = []
        self._url = f"http://{HOST}:{port}/events/{user}"
        self._opened = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._opened.wait(OPENED_S):
            raise TimeoutError(f"{self._url} does not answer")

    def _read(self) -> None:
        with suppress(OSError), urllib.request.urlopen(self._url) as stream:
            self._opened.set()
            for line in stream:
                if line.startswith(b"data: "):
                    self.events.append(line.removeprefix(b"data: ").decode().strip())
