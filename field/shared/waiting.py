"""Free ports, and conditions that are waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

START_S = 60.0  # on a slow machine
HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], object], within_s: float = START_S) -> bool:
    """Whether `holds` became true within that time. While it raises OSError it is not."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        with suppress(OSError):
            if holds():
                return True
        time.sleep(0.05)
    return False
