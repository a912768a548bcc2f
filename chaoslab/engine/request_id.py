"""The id that Toxiproxy gives each request: 20 characters, no two alike, in order of time.

Twelve bytes in base32hex: the seconds of the wall clock, five bytes of this process, and a count.
Source: the README of github.com/rs/xid, which Toxiproxy uses through zerolog's hlog.
"""

from __future__ import annotations

import base64
import itertools
import secrets

from chaoslab.clock import wall_time

HEADER = "X-Toxiproxy-Request-Id"

_PROCESS = secrets.token_bytes(5)  # no chance of the run's: it must differ between engines
_count = itertools.count(secrets.randbelow(1 << 24))


def fresh() -> str:
    """The next id."""
    seconds = int(wall_time().timestamp()).to_bytes(8, "big")[-4:]
    count = (next(_count) % (1 << 24)).to_bytes(3, "big")
    packed = base64.b32hexencode(seconds + _PROCESS + count)
    return packed.decode().rstrip("=").lower()
