"""A probe for any scenario: whether an app's health page names memcached as well."""

from __future__ import annotations

import json
import urllib.request

from chaoslab.plan import Probe, Scene

NAME = "cache_named"


def cache_named(scene: Scene) -> bool:
    """Whether the app says that memcached answers it."""
    with urllib.request.urlopen(f"{scene.url()}/health", timeout=1.0) as answer:
        said = json.load(answer)
    return bool(said["dependencies"]["memcached"] == "healthy")


CACHE_PROBE = Probe(name=NAME, every_s=0.2, call=cache_named)
