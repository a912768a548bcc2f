"""The embedded engine compared with a real Toxiproxy and with no proxy, in one run.

    python benchmarks/engine_vs_toxiproxy.py [--quick] [--json FILE] [--alternations N]

The arms alternate in changing order, so that a slow moment affects all of them, and every ratio is
taken within one run. Every process is pinned, in one of three ways:
  own core   the load (client, Redis, sender, sink) is on the first core, the proxy alone on the
             last. If a proxy uses less than its core (see "busy"), sender and sink are the limit. A
             round trip changes the core four times, and to wake a core takes most of its time
  cores free load and proxy are on both of these cores
  one core   all are on the last core: no core is woken, so the proxy's own work counts most
Without a proxy, the sender is on the first core and the sink on the last. If no Toxiproxy is found,
the engine is only compared with no proxy.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from _measure import Figure, cores, figure, machine, parser, percentile, pinned, ratio
from engine_loads import (
    Address,
    Crowd,
    bulk,
    crowd,
    latency_errors,
    ping_socket,
    room_for,
    round_trips,
)
from engine_servers import Peers, Proxy, engine, peers, redis, toxiproxy, toxiproxy_binary

MEDIAN, P99 = percentile(50), percentile(99)
Samples = dict[str, list[list[float]]]
STARTS = {"engine": engine, "toxiproxy": toxiproxy}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a run: the alternations, and what each arm does in one of them."""

    alternations: int
    bulk_s: float
    pings: int
    delayed_pings: int
    latency_ms: int = 10
    crowd: int = 5000


FULL = Size(alternations=24, bulk_s=0.3, pings=1000, delayed_pings=25)
QUICK = Size(alternations=20, bulk_s=0.06, pings=100, delayed_pings=5)


@dataclass(slots=True, kw_only=True)
class Results:
    """Samples by figure and arm, one list for each alternation; crowds by arm; load at start."""

    samples: dict[str, Samples] = field(default_factory=dict)
    crowds: dict[str, Crowd] = field(default_factory=dict)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, name: str, arm: str, values: list[float]) -> None:
        """Add the samples of one alternation of one arm."""
        self.samples.setdefault(name, {}).setdefault(arm, []).append(values)


def main() -> int:
    """Measure, print, and write JSON if `--json` is given. Returns 0."""
    options = _options()
    size = QUICK if options.quick else FULL
    if options.alternations:
        size = Size(**{**asdict(size), "alternations": options.alternations})
    arms = ["engine"] + (["toxiproxy"] if toxiproxy_binary() else [])
    results = Results()
    many = room_for(size.crowd)
    _bulk_runs(results, arms, size)
    _ping_runs(results, arms, size)
    _crowd_runs(results, arms, many)
    print(_report(results, arms, size, many))
    if options.json is not None:
        options.json.write_text(json.dumps(_as_json(results, arms), indent=1))
    return 0


def _options() -> argparse.Namespace:
    line = parser(__doc__)
    line.add_argument("--quick", action="store_true", help="less than 40 s, wider intervals")
    line.add_argument("--alternations", type=int, default=0, help="instead of the usual number")
    line.add_argument("--json", type=Path, help="also write figures and intervals to this file")
    return line.parse_args()


def _turns(arms: list[str], alternations: int) -> Iterator[list[str]]:
    """The order of the arms in each alternation: every time another arm is first."""
    for n in range(alternations):
        shift = n % len(arms)
        yield arms[shift:] + arms[:shift]


@contextlib.contextmanager
def _started(arms: list[str], allowed: set[int]) -> Iterator[dict[str, Proxy]]:
    with contextlib.ExitStack() as stack:
        yield {arm: stack.enter_context(STARTS[arm](allowed)) for arm in arms}


def _crowd_runs(results: Results, arms: list[str], many: int) -> None:
    first, last = {cores()[0]}, {cores()[-1]}
    with pinned(first), redis(first) as database:
        for arm in arms:  # each with a new process, so that its memory has no other use
            with STARTS[arm](last) as server:
                server.route("crowd", database)
                results.crowds[arm] = crowd(server, "crowd", many)


def _bulk_runs(results: Results, arms: list[str], size: Size) -> None:
    first, proxy = {cores()[0]}, {cores()[-1]}
    everywhere = first | proxy
    with pinned(first), peers() as ends:
        with _started(arms, proxy) as servers:
            ends.place(sender=first, sink=first)
            _alternate_bulk(results, "apart", ends, servers, size)
        with _started(arms, everywhere) as servers:
            ends.place(sender=everywhere, sink=everywhere)
            _alternate_bulk(results, "free", ends, servers, size)
        ends.place(sender=first, sink=proxy)
        for _ in range(size.alternations):
            taken = bulk(ends, ends.address, None, size.bulk_s)
            results.add("bulk, direct", "direct", [taken.mb_per_s])


def _alternate_bulk(
    results: Results, place: str, ends: Peers, servers: dict[str, Proxy], size: Size
) -> None:
    for server in servers.values():
        server.route("bulk", ends.address)
        bulk(ends, server.routes["bulk"], server.pid, size.bulk_s)  # warm, not counted
    for turn in _turns(list(servers), size.alternations):
        for arm in turn:
            server = servers[arm]
            taken = bulk(ends, server.routes["bulk"], server.pid, size.bulk_s)
            results.add(f"bulk, {place}", arm, [taken.mb_per_s])
            results.add(f"cpu, {place}", arm, [taken.cpu_s_per_gb])
            results.add(f"busy, {place}", arm, [taken.cpu_s_per_gb * taken.mb_per_s / 1e3])


def _ping_runs(results: Results, arms: list[str], size: Size) -> None:
    first, last = {cores()[0]}, {cores()[-1]}
    places = {
        "apart": (first, last),
        "free": (first | last, first | last),
        "one core": (last, last),
    }
    for place, (load, proxy) in places.items():
        with pinned(load), redis(load) as database, _started(arms, proxy) as servers:
            _alternate_pings(results, place, servers, database, size)
            if place == "apart":
                _alternate_delays(results, servers, database, size)


def _alternate_pings(
    results: Results, place: str, servers: dict[str, Proxy], database: Address, size: Size
) -> None:
    with contextlib.ExitStack() as stack:
        ways = {arm: server.route("plain", database) for arm, server in servers.items()}
        ways["direct"] = database
        opened = {arm: stack.enter_context(ping_socket(way)) for arm, way in ways.items()}
        for connection in opened.values():
            round_trips(connection, size.pings)  # warm, not counted
        for turn in _turns(list(opened), size.alternations):
            for arm in turn:
                results.add(f"round trip, {place}", arm, round_trips(opened[arm], size.pings))


def _alternate_delays(
    results: Results, servers: dict[str, Proxy], database: Address, size: Size
) -> None:
    with contextlib.ExitStack() as stack:
        opened = {}
        for arm, server in servers.items():
            opened[arm] = stack.enter_context(ping_socket(server.route("slow", database)))
            server.latency("slow", size.latency_ms)
        for turn in _turns(list(opened), size.alternations):
            for arm in turn:
                errors = latency_errors(opened[arm], size.latency_ms / 1e3, size.delayed_pings)
                results.add("latency error", arm, errors)


PING_TARGET = "<= 1.0 (aim 0.85)"
# (title, samples, statistic, factor to the unit, unit, target for engine / Toxiproxy)
ROWS = (
    ("throughput, proxy on its own core", "bulk, apart", MEDIAN, 1, "MB/s", ">= 1.8"),
    ("  of which the proxy's core was busy", "busy, apart", MEDIAN, 100, "%", ""),
    ("throughput, all cores free", "bulk, free", MEDIAN, 1, "MB/s", ">= 1.8"),
    ("throughput, no proxy", "bulk, direct", MEDIAN, 1, "MB/s", ""),
    ("proxy's CPU per GB, own core", "cpu, apart", MEDIAN, 1e3, "ms", "< 1"),
    ("proxy's CPU per GB, cores free", "cpu, free", MEDIAN, 1e3, "ms", "< 1"),
    ("round trip p50, own core", "round trip, apart", MEDIAN, 1e6, "us", PING_TARGET),
    ("round trip p99, own core", "round trip, apart", P99, 1e6, "us", ""),
    ("round trip p50, cores free", "round trip, free", MEDIAN, 1e6, "us", PING_TARGET),
    ("round trip p99, cores free", "round trip, free", P99, 1e6, "us", ""),
    ("round trip p50, all on one core", "round trip, one core", MEDIAN, 1e6, "us", PING_TARGET),
    ("round trip p99, all on one core", "round trip, one core", P99, 1e6, "us", ""),
    ("latency toxic's error p50", "latency error", MEDIAN, 1e6, "us", ""),
    ("latency toxic's error p99", "latency error", P99, 1e6, "us", "<= 1"),
)


def _report(results: Results, arms: list[str], size: Size, many: int) -> str:
    where = ", ".join(f"{key} {value}" for key, value in machine().items())
    lines = [where, f"{size.alternations} alternations; value [95 % interval]; cores "
             f"{cores()[0]} and {cores()[-1]}"]  # fmt: skip
    if results.load_before > len(cores()) / 4:
        lines.append(f"the machine was busy (load {results.load_before:.1f}): repeat when quiet")
    if "toxiproxy" not in arms:
        lines.append("no real Toxiproxy found: the engine is only compared with no proxy")
    for title, name, statistic, factor, unit, target in ROWS:
        lines.append(f"\n{title} ({unit})")
        for arm, blocks in results.samples[name].items():
            shown = figure([[factor * x for x in block] for block in blocks], statistic)
            lines.append(f"  {arm:10} {shown:.1f}")
        compared = _compared(results, name, statistic)
        if compared is not None:
            asked = f"   target {target}" if target else ""
            lines.append(f"  engine / toxiproxy {compared:.3f}{asked}")
    lines.append(f"\n{many} connections at once, each echoing")
    for arm, seen in results.crowds.items():
        memory = f"RSS {seen.rss_kib:.1f} KiB, PSS {seen.pss_kib:.1f} KiB per idle connection"
        lines.append(f"  {arm:10} open {seen.open_s:.2f} s, echo {seen.echo_s:.2f} s, {memory}")
    return "\n".join(lines)


def _compared(results: Results, name: str, statistic: object) -> Figure | None:
    by_arm = results.samples[name]
    if not {"engine", "toxiproxy"} <= by_arm.keys():
        return None
    assert callable(statistic)
    return ratio(by_arm["engine"], by_arm["toxiproxy"], statistic)


def _as_json(results: Results, arms: list[str]) -> dict[str, object]:
    rows = []
    for title, name, statistic, factor, unit, target in ROWS:
        by_arm = results.samples[name]
        compared = _compared(results, name, statistic)
        rows.append({
            "figure": title, "unit": unit, "target": target,
            "arms": {arm: asdict(figure([[factor * x for x in block] for block in blocks],
                                        statistic)) for arm, blocks in by_arm.items()},
            "engine / toxiproxy": asdict(compared) if compared else None,
        })  # fmt: skip
    crowds = {arm: asdict(seen) for arm, seen in results.crowds.items()}
    return {
        "machine": machine(),
        "load_before": results.load_before,
        "arms": arms,
        "figures": rows,
        "crowd": crowds,
    }


if __name__ == "__main__":
    raise SystemExit(main())
