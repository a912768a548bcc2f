"""`python -m chaoslab.engine`: a server that can replace Toxiproxy's."""

from __future__ import annotations

import argparse
import sys

from chaoslab.engine.main import Options, serve


def main() -> int:
    """Read the command line, and serve until the engine ends. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m chaoslab.engine",
        description="A TCP proxy with Toxiproxy's HTTP API, toxics, and connect-phase faults.",
    )
    # Also with one dash, so that command lines of Toxiproxy's own server work.
    add = parser.add_argument
    add("-host", "--host", default="localhost", help="address of the API (localhost)")
    add("-port", "--port", type=_port, default=8474, help="port of the API; 0: a free one (8474)")
    add("-seed", "--seed", type=int, help="seed of jitter, slices and toxicity (a new one)")
    add("-config", "--config", help="JSON file with proxies to create, as POST /populate")
    add(
        "--allow-host",
        action="append",
        default=[],
        help="a further name by which clients reach the API (may be repeated; *: any)",
    )
    add("--last-messages", help="JSON: the services' last messages (goodbyes, dismissals), in hex")
    add("--until-eof", action="store_true", help="exit when stdin ends")
    add(
        "--both-loopbacks",
        action="store_true",
        help="a proxy at 127.0.0.1 also listens at ::1, if the machine has IPv6",
    )
    add("--listen-through", type=int, help=argparse.SUPPRESS)  # a descriptor, set by the lab
    for always_on in ("proxy-metrics", "runtime-metrics"):
        add(f"-{always_on}", f"--{always_on}", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    return serve(
        Options(
            host=given.host,
            port=given.port,
            seed=given.seed,
            until_eof=given.until_eof,
            config=given.config,
            allow_hosts=tuple(given.allow_host),
            both_loopbacks=given.both_loopbacks,
            listen_through=given.listen_through,
            last_messages=given.last_messages,
        )
    )


def _port(text: str) -> int:
    # asyncio would use a larger number modulo 65536
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected 0 to 65535, got {text}")
    return int(text)


sys.exit(main())
