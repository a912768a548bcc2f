"""Shows the bug without the lab: two users are subscribed, and one of them keeps a note."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.servers import postgres_server
from shared.subscriber import Subscriber
from shared.waiting import wait_until

MOMENT_S = 0.5


def main() -> int:
    """0 if the other user gets the event."""
    with postgres_server() as postgres, service(__file__, DATABASE_URL=postgres) as app:
        ann, ben = Subscriber(app.port, "ann"), Subscriber(app.port, "ben")
        kept = app.keep("of ann", user="ann")
        wait_until(lambda: ann.events, within_s=3)
        time.sleep(MOMENT_S)
        print(f"kept {kept}; ann got {ann.events}, ben got {ben.events}")
        return ended(observed=bool(ann.events and ben.events), what="an event goes to everybody")


if __name__ == "__main__":
    sys.exit(main())
