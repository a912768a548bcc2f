"""The Compose runtime in the shape that all runtimes have.

What its dead labs left has the labels of containers of the lab, so `containers` finds it.
"""

from __future__ import annotations

from chaoslab.runtimes.compose import needs
from chaoslab.runtimes.compose.session import ComposeSession
from chaoslab.runtimes.kind import RuntimeKind

KIND = RuntimeKind(
    open_session=ComposeSession,
    runs=lambda kind: kind.stack is not None,
    looks=needs.looks,
    lacks=needs.lacks,
)
