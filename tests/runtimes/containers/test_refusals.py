"""What the runtimes of containers refuse before they ask an engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.containers.session import DockerSession
from runtimes.stacks import SMALL


def test_an_app_with_further_processes_is_refused_with_the_runtimes_that_have_them() -> None:
    """No engine is needed for that."""
    app = replace(SMALL.apps["app"], processes={"worker": ("work",), "clock": ("tick",)})
    session = DockerSession(replace(SMALL, apps={"app": app}), "embedded")
    with pytest.raises(RuntimeUnavailable) as caught:
        session.check()
    (problem,) = caught.value.problems
    assert (problem.where, problem.code) == ("apps.app.processes", "session.one_process")
    assert "app has more: worker, clock" in str(problem)
    assert "--chaos-runtime=local" in str(problem)
