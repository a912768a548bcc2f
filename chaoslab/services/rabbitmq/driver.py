"""pamqp, or a clear word about its absence: it is an optional dependency."""

from __future__ import annotations

from chaoslab.errors import RuntimeUnavailable

try:
    from pamqp import base, commands, common, exceptions, frame
except ModuleNotFoundError:
    raise RuntimeUnavailable(
        "to log in to a service of kind 'rabbitmq' needs pamqp, which is not installed\n"
        "  pip install 'chaoslab[rabbitmq]'"
    ) from None

__all__ = ["base", "commands", "common", "exceptions", "frame"]
