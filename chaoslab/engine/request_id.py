"""The id that each request gets, as in Toxiproxy: 20 characters, unique, ordered by time.

It is 12 bytes in base32hex: the wall clock's seconds, five random bytes of this process, a count.
Source: the README of github.com/rs/xid, which Toxiproxy uses through zerolog's hlog.
"""

from __future__ import annotations

import base64
import itertools
import secrets

from chaoslab.clock import wall_time

HEADER = "X-Toxiproxy-Request-Id"

_PROCESS = secrets.token_bytes(5)  # not from the run's seed: it must differ between engines
_count = itertools.count(secrets.randbelow(1 << 24))


def fresh() -> str:
    """A new request id."""
    seconds = int(wall_time().timestamp()).to_bytes(8, "big")[-4:]
    count = (next(_count) % (1 << 24)).to_bytes(3, "big")
    packed = base64.b32hexencode(seconds + _PROCESS + count)
    return packed.decode().rstrip("=").lower()
