"""The errors with which the engine ends if it cannot start.

`main` imports this module only if there is an error: `chaoslab.errors` would take 10 ms of each
start.
"""

from __future__ import annotations

import sys

from chaoslab.errors import ErrorCode, Problem
from chaoslab.reason import Reason

NOT_LINUX = ErrorCode(
    "engine.not_linux",
    "needs Linux (epoll, splice); got {platform}",
    "The engine was started on a system other than Linux.",
)
BAD_LAST_MESSAGES = ErrorCode(
    "engine.bad_last_messages",
    "--last-messages: {cause}",
    "The value is not the JSON that --last-messages requires.",
)
CANNOT_LISTEN = ErrorCode(
    "engine.cannot_listen",
    "cannot listen on {address}: {cause}",
    "The address of the engine's API cannot be bound.",
)
BAD_CONFIG = ErrorCode(
    "engine.bad_config",
    "--config {file}: {cause}",
    "The file of proxies cannot be read, or a proxy in it cannot be made.",
)


def report(reason: Reason, *, expected: str = "", fix: str = "") -> int:
    """Print the error to stderr; returns the exit status 1."""
    problem = Problem(reason=reason, where="chaoslab.engine", expected=expected, fix=fix)
    print(problem, file=sys.stderr)
    return 1
