"""A topology as a file of a run. Files of older versions are read too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from chaoslab.model.loader.renamed import WRITE, request_of
from chaoslab.model.topology import Topology


def read_topology_json(text: bytes) -> Topology:
    """The topology in a JSON text. Raises ValueError, or pydantic's ValidationError, if it has
    none.
    """
    data = from_json(text)
    for app in _apps(data):
        if isinstance(writes := app.pop("writes", None), dict):
            request = {"name": WRITE, "method": "POST", **request_of(writes)}
            app.setdefault("requests", {})[WRITE] = request
    return TypeAdapter(Topology).validate_python(data)


def _apps(data: object) -> Iterator[dict[str, Any]]:
    apps = data.get("apps") if isinstance(data, dict) else None
    for app in apps.values() if isinstance(apps, dict) else ():
        if isinstance(app, dict):
            yield app
