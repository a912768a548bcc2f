"""The only source of time. Inside the lab, times are seconds on the monotonic clock, as floats."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_s() -> float:
    """Seconds on the machine's monotonic clock; comparable between processes of one machine."""
    return time.monotonic()


def wall_time() -> datetime:
    """The date and time in UTC, for names and reports only. Do not measure with it."""
    return datetime.now(UTC)
