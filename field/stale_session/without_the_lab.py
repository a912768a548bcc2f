"""Shows the bug without the lab: cut Postgres off for a second."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.waiting import wait_until


def main() -> int:
    """0 if health is green after the outage, and every note is refused."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            before = [app.keep("before") for _ in range(4)]
            path.cut()
            word = app.word()  # health first: it does not save the session
            during = [app.keep("during") for _ in range(4)]
            time.sleep(1)
            path.restore()
            healthy = wait_until(lambda: app.word() == "healthy", within_s=8)
            after = [app.keep("after") for _ in range(20)]
    print(f"before {before}, {word} during it, {during}, healthy again: {healthy}, after {after}")
    return ended(observed=healthy and 201 not in after, what="every note is refused")


if __name__ == "__main__":
    sys.exit(main())
