"""Shows the bug without the lab: cut the path to Redis for longer than the consumer tries again."""

from __future__ import annotations

import sys
import time

import psycopg
from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server, redis_server
from shared.waiting import wait_until


def main() -> int:
    """0 if a job was accepted after the outage, and not done."""
    with postgres_server() as database, redis_server() as queue:
        stored, path = Proxy(database), Proxy(queue)
        with service(__file__, DATABASE_URL=stored.url, REDIS_URL=path.url) as app:

            def done(note: str) -> bool:
                with psycopg.connect(stored.url) as connection:
                    found = connection.execute("select 1 from notes where id = %s", [note])
                    return found.fetchone() is not None

            app.keep("before")
            print(f"done before the outage: {wait_until(lambda: done('before'), within_s=10)}")
            path.cut()
            time.sleep(5)
            path.restore()
            well = wait_until(lambda: app.word() == "healthy", within_s=10)
            accepted = app.keep("after") == 201
            late = not wait_until(lambda: done("after"), within_s=5)
            print(f"after it: healthy {well}, accepted {accepted}, done {not late}")
    return ended(observed=well and accepted and late, what="a job is accepted and never done")


if __name__ == "__main__":
    sys.exit(main())
