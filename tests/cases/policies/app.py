"""Does without its database what MODE says; `POST /home` needs it, unless MODE is unaffected."""

from __future__ import annotations

import os
import time

import psycopg
from base import connect, health, serve, state

MODE = os.environ["MODE"]
CALM = {"status": "healthy", "dependencies": {}}


def home(_: str) -> tuple[int, dict]:
    """Answer a user."""
    if MODE != "unaffected":
        with connect() as connection:
            connection.execute("select 1")
    return 200, {}


def turned(up: bool) -> None:
    """End the process if the database is lost and MODE says so."""
    if MODE == "exit" and not up:
        print("the database is lost", flush=True)
        os._exit(3)


def status() -> int:
    """The status of `/health`."""
    return 503 if MODE == "unavailable" and not state["up"] else 200


while MODE in ("wait", "exit"):
    try:
        connect().close()
        break
    except psycopg.Error:
        if MODE == "exit":
            raise
        time.sleep(0.1)

serve(
    home,
    turned=turned,
    status=status,
    health=lambda: CALM if MODE in ("unaffected", "liar") else health(),
)
