"""Shows the bug without the lab: cut Postgres off for a moment, and wait for events afterwards."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.subscriber import Subscriber
from shared.waiting import wait_until


def main() -> int:
    """0 if notes are accepted after the outage, and no event of them comes."""
    with postgres_server() as postgres:
        path = Proxy(postgres)
        with service(__file__, DATABASE_URL=path.url) as app:
            ann = Subscriber(app.port, "ann")
            before = [app.keep(f"before {n}") for n in range(3)]
            heard = wait_until(lambda: len(ann.events) == 3, within_s=3)
            path.cut()
            time.sleep(1)
            path.restore()
            healthy = wait_until(lambda: app.word() == "healthy", within_s=8)
            after = [app.keep(f"after {n}") for n in range(3)]
            again = wait_until(lambda: "after 2" in ann.events, within_s=3)
    print(f"before {before}, events: {heard}")
    print(f"healthy again: {healthy}, after {after}, events: {again}")
    lost = healthy and heard and 202 in after and not again
    return ended(observed=lost, what="no event comes after the outage")


if __name__ == "__main__":
    sys.exit(main())
