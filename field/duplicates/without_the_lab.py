"""Shows the bug without the lab: end the connection before the answer to an insert arrives."""

from __future__ import annotations

import sys

import psycopg
from shared.plain import ended, service
from shared.proxy import Proxy
from shared.servers import postgres_server


def main() -> int:
    """0 if a note was acknowledged once, and is there twice."""
    with postgres_server() as url:
        path = Proxy(url)
        with service(__file__, DATABASE_URL=path.url) as app:
            cuts: list[bytes] = []

            def after_insert(way: str, data: bytes) -> bool:
                if way == "to client" and b"INSERT 0 1\0" in data and not cuts:
                    cuts.append(data)
                    return True
                return False

            path.ends_at = after_insert
            status = app.keep("cut")
            with psycopg.connect(path.url) as connection:
                count = connection.execute("select count(*) from notes").fetchone()
    print(f"the answer to the insert was cut {len(cuts)} time: answered {status}, rows {count}")
    twice = (len(cuts), status, count) == (1, 201, (2,))
    return ended(observed=twice, what="a note is there twice")


if __name__ == "__main__":
    sys.exit(main())
