"""Imports pamqp, an optional dependency. Raises RuntimeUnavailable if it is missing."""

from __future__ import annotations

from chaoslab.errors import NOT_INSTALLED, Problem, RuntimeUnavailable

try:
    from pamqp import base, commands, common, exceptions, frame
except ModuleNotFoundError:
    missing = NOT_INSTALLED(needed_by="a log-in to a service of kind 'rabbitmq'", package="pamqp")
    fix = "pip install 'chaoslab[rabbitmq]'"
    raise RuntimeUnavailable(Problem(reason=missing, fix=fix)) from None

__all__ = ["base", "commands", "common", "exceptions", "frame"]
