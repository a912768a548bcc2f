"""Shows the bug without the lab: end the connection before COMMIT reaches Postgres."""

from __future__ import annotations

import sys

import psycopg
from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server


def main() -> int:
    """0 if a note was acknowledged that is not there."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            cuts: list[bytes] = []

            def at_commit(way: str, data: bytes) -> bool:
                if way == "to server" and b"commit" in data.lower() and not cuts:
                    cuts.append(data)
                    return True
                return False

            path.ends_at = at_commit
            status = app.keep("cut")
            with psycopg.connect(path.url) as connection:
                count = connection.execute("select count(*) from notes").fetchone()
            print(f"COMMIT was cut {len(cuts)} time: answered {status}, rows {count}")
    lost = (len(cuts), status, count) == (1, 201, (0,))
    return ended(observed=lost, what="a note is acknowledged and not kept")


if __name__ == "__main__":
    sys.exit(main())
