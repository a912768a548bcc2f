"""The counters and gauges of /metrics. Each backend has its own registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """All counters and gauges of one backend."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.bypass_activated = Counter(
            "emergency_bypass_activated",
            "Times the emergency bypass let start-up go on without a dependency",
            ["dependency"],
            registry=registry,
        )
        self.startup_complete = Gauge(
            "startup_complete",
            "1 once start-up is complete; 0 while it runs, and after it failed",
            registry=registry,
        )
        self.phase_seconds = Gauge(
            "startup_phase_seconds", "Duration of a start-up phase", ["phase"], registry=registry
        )
        self.dependency_up = Gauge(
            "dependency_up", "1 while the dependency answers", ["dependency"], registry=registry
        )
        self.reconnects = Counter(
            "reconnect_attempts",
            "Attempts to reach a dependency, by outcome",
            ["dependency", "outcome"],
            registry=registry,
        )
        self.breaker_state = Gauge(
            "circuit_breaker_state",
            "0 closed, 1 half-open, 2 open",
            ["breaker"],
            registry=registry,
        )
        self.requests = Counter(
            "http_requests",
            "Answered requests",
            ["method", "route", "status"],
            registry=registry,
        )
        self.cache = Counter(
            "cache_operations",
            "Cache reads and writes",
            ["operation", "outcome"],
            registry=registry,
        )

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
