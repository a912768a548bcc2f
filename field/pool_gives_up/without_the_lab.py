"""Shows the bug without the lab: cut Postgres off for less and for more than the pool's limit."""

from __future__ import annotations

import sys
import time

from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server
from shared.waiting import wait_until


def main() -> int:
    """0 if the service came back from a short outage, and not from a long one."""
    came_back = {}
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            for held_s in (1, 5):
                path.cut()
                app.keep("during")
                time.sleep(held_s)
                path.restore()
                came_back[held_s] = wait_until(lambda: app.keep("after") == 201, within_s=8)
                print(f"after an outage of {held_s} s it came back: {came_back[held_s]}")
    return ended(observed=came_back == {1: True, 5: False}, what="a long outage never ends")


if __name__ == "__main__":
    sys.exit(main())
