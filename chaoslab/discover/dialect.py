"""The keys of `[apps.<name>.health]` that read an answer of health which the lab has seen."""

from __future__ import annotations

from collections.abc import Mapping

from chaoslab.discover.findings import PathAnswer
from chaoslab.probes.infer import infer


def health_keys(answer: PathAnswer) -> Mapping[str, object]:
    """The keys beside the paths, from one good answer of an app that nothing is severed from. A
    body that has no word for health counts by its status alone.
    """
    found = infer(answer.status, answer.content_type, answer.body.encode())
    if found is None:
        return {"dialect": "status_code"}
    keys: dict[str, object] = {}
    if found.dialect is not None:
        keys["dialect"] = found.dialect
    else:
        if found.status_field != "status":
            keys["status_field"] = found.status_field
        if found.dependencies_field not in ("", "dependencies"):
            keys["dependencies_field"] = found.dependencies_field
    if found.unknown_words:  # the app answered 2xx, and nothing was severed
        keys["words"] = dict.fromkeys(found.unknown_words, "healthy")
    return keys
