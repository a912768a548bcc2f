"""Shows the bug without the lab: cut the path to Redis, and send requests."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import redis_server


def main() -> int:
    """0 if requests got no answer during the outage."""
    with redis_server() as url:
        path = Proxy(url)
        with service(__file__, REDIS_URL=path.url) as app:
            path.cut()
            time.sleep(0.5)
            statuses = [app.ask("/notes", {"id": str(n)}, limit_s=2)[0] for n in range(2)]
            print(f"answers during the outage: {statuses} (0 is none within 2 s)")
            path.restore()
            time.sleep(1)
            print(f"answer after it: {app.keep('after')}")
    return ended(observed=statuses == [0, 0], what="requests hang while Redis is lost")


if __name__ == "__main__":
    sys.exit(main())
