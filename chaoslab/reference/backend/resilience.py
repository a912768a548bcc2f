"""The circuit breakers by name, shared by services, health checks and metrics."""

from __future__ import annotations

from chaoslab.reference.backend.breaker import CircuitBreaker
from chaoslab.reference.backend.metrics import BREAKER_STATES, Metrics


class Resilience:
    """A registry of circuit breakers; the state of each is a gauge in /metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._breakers: dict[str, CircuitBreaker] = {}
        self._metrics = metrics

    def register(self, name: str, breaker: CircuitBreaker) -> None:
        """Add a breaker under a name. Raises ValueError if the name is taken."""
        if name in self._breakers:
            raise ValueError(f"breaker {name!r} is registered already")
        self._breakers[name] = breaker
        gauge = self._metrics.breaker_state.labels(name)
        gauge.set_function(lambda: BREAKER_STATES[breaker.state])

    def breaker(self, name: str) -> CircuitBreaker:
        """The breaker with this name. Raises KeyError if there is none."""
        return self._breakers[name]
