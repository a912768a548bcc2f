"""A process that serves nothing after an outage: its liveness must fail, and only then."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each

NAME = "fails_liveness_when_stuck"
EXPECTED = {
    "blind": (Outcome.FAIL, ("liveness.stuck", "liveness.blind")),
    "notices": (Outcome.PASS, ("liveness.stuck", "prober.not_2xx")),
    "never_stuck": (Outcome.PASS, ("liveness.not_stuck", "prober.answered")),
    "blames_the_database": (Outcome.FAIL, ("prober.not_2xx",)),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    return judged_each("stuck", tmp_path_factory.mktemp("stuck"), len(EXPECTED))


@pytest.mark.parametrize("build", EXPECTED)
def test_liveness_is_judged_by_whether_the_process_is_stuck(
    runs: Mapping[str, Judged], build: str
) -> None:
    """Blind to a stuck process, and blaming a lost service, are both mistakes."""
    run, (outcome, codes) = runs[f"stuck-outage_{build}"], EXPECTED[build]
    assert run.verdicts[NAME].outcome is outcome, run.because(NAME)
    assert set(codes) <= set(run.codes(NAME))
