"""The one source of time. Everything inside the lab is monotonic float seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_s() -> float:
    """Seconds on the machine's monotonic clock; comparable between processes of one machine."""
    return time.monotonic()


def wall_time() -> datetime:
    """The wall clock in UTC, for names and reports only; never for measuring."""
    return datetime.now(UTC)
