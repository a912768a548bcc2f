"""The entry of the container runtime in the form that every runtime has: its `RuntimeKind`."""

from __future__ import annotations

from chaoslab.runtimes.containers import leftovers, needs
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.kind import RuntimeKind

KIND = RuntimeKind(
    open_session=DockerSession,
    runs=lambda kind: kind.container is not None,
    lacks=needs.lacks,
    leftovers=lambda search: leftovers.find(images=search.images, session=search.session),
)
