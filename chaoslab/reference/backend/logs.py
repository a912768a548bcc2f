"""Log lines on stderr: one line for each record, with time, level and the phase of start-up."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable


class _Lines(logging.Formatter):
    """Writes a record as `2026-01-31T12:00:00.123Z WARNING [database] backend.postgres: message`.

    The record is always one line.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, phase: Callable[[], str]) -> None:
        super().__init__()
        self._phase = phase

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", self.converter(record.created))
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info)
        text = " | ".join(line for line in text.splitlines() if line.strip())
        head = f"{stamp}.{int(record.msecs):03d}Z {record.levelname} [{self._phase()}]"
        return f"{head} {record.name}: {text}"


def set_up(level: str, phase: Callable[[], str]) -> None:
    """Send every log line to stderr; `phase` returns the current phase of start-up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(phase))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Our own lines say the same, with address and limit; these loggers repeat it per connection.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
