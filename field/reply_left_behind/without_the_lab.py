"""Shows the bug without the lab: let one reply of Redis come too late."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import redis_server


def main() -> int:
    """0 if users were given each other's notes after one late reply."""
    with redis_server() as url:
        path = Proxy(url)
        with service(__file__, REDIS_URL=path.url) as app:
            notes = ["anna", "bert", "carl"]
            for note in notes:
                app.keep(note)
            app.ask("/notes/anna")  # on the connection that the next read uses
            path.delay_s = 0.6
            print(f"answer while replies are late: {app.ask('/notes/anna')}")
            path.delay_s = 0.0
            time.sleep(1)
            given = [app.ask(f"/notes/{note}")[1].get("note") for note in notes]
            print(f"asked for {notes}, given {given}")
    return ended(observed=given != notes, what="a user is given another user's note")


if __name__ == "__main__":
    sys.exit(main())
