"""DEPENDENCIES: keys, model factory, and the registry of circuit breakers."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.chat import ModelFactory
from chaoslab.reference.backend.keys import KeyManager
from chaoslab.reference.backend.resilience import Resilience


async def run(backend: Backend) -> None:
    """Make the backend's parts that need no network: keys, model factory and circuit breakers."""
    backend.keys = KeyManager(backend.settings.secret_key)
    backend.models = ModelFactory()
    backend.resilience = Resilience(backend.metrics)
    backend.resilience.register("postgres", backend.parts.breaker(backend.settings.limits))
