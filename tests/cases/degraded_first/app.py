"""Listens at once and says degraded until its first look at the database is over, 0.3 s later;
healthy from then on, and right in all that it does.
"""

from __future__ import annotations

import time

import base
from base import connect, insert, serve

FIRST_LOOK_S = 0.3 - base.LOOK_EVERY_S
look, looks = base.look, iter(range(10**9))


def unhurried(turned: base.Callable[[bool], None]) -> None:
    """None before it listens; the first one of the watcher takes its time."""
    number = next(looks)
    if number == 1:
        time.sleep(FIRST_LOOK_S)
    if number:
        look(turned)


def write(op: str) -> tuple[int, dict]:
    """Keep it on a connection of its own."""
    with connect() as connection:
        insert(connection, op)
    return 201, {}


base.look = unhurried
serve(write)
