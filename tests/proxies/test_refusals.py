"""What a Toxiproxy cannot do is refused with the reason, before anything is injected."""

from __future__ import annotations

import pytest

from chaoslab.errors import FaultUnsupported
from chaoslab.faults import AtMessage
from chaoslab.proxies.refusals import refuse


def test_a_toxiproxy_refuses_a_fault_at_a_message() -> None:
    """The scenario is skipped; the fix is the embedded engine."""
    (action,) = AtMessage(target="app.redis", message="BRPOP").actions("app.redis", frozenset())
    with pytest.raises(FaultUnsupported, match="does not read the messages") as refused:
        refuse(action, "toxiproxy")
    (problem,) = refused.value.problems
    assert problem.code == "proxy.no_messages"
    assert "--chaos-proxy=embedded, with --chaos-runtime=local or docker" in problem.fix
