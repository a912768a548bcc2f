"""The entry of the Compose runtime in the form that every runtime has: its `RuntimeKind`.

It finds no leftovers itself: what its dead labs left has the labels of the lab's containers, so the
container runtime finds it.
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
