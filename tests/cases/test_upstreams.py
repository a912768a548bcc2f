"""Upstreams of no kind of their own: an HTTP service with declared answers, and two TCP servers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from runtimes.namespaces import needs_namespaces

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each

pytestmark = pytest.mark.slow
JUDGED = (
    *("payment_severed", "payment_slow", "payment_paused", "payment_killed"),
    *("queue_severed", "queue_stopped", "queue_paused", "ledger_severed", "ledger_stopped"),
)


SILENT = "ledger_silent"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    """Every scenario of the case, run in one pytest; by the names of their faults."""
    names = (*JUDGED, SILENT)
    runs = judged_each("upstreams", tmp_path_factory.mktemp("upstreams"), len(names))
    return {name: runs[f"upstreams-lost_and_found_again_{name}"] for name in names}


def test_the_loss_of_an_upstream_is_judged_to_the_end(runs: Mapping[str, Judged]) -> None:
    """Every fault is put in force, observed to affect the app, and healed. The shop connects for
    each use: only where refused connects are counted is it sure that a refusal is observed.

    It is one test for all faults, because each worker that gets one of several would run them all.
    """
    uncounted = "refused connects cannot be counted here"
    unknown = {
        name for name in JUDGED if name.endswith("_severed") and uncounted in runs[name].text
    }
    wrong = {name: runs[name].text for name in JUDGED if runs[name].outcome is not Outcome.PASS}
    if wrong and wrong.keys() <= unknown:
        needs_namespaces()
    assert wrong == {}


def test_silence_that_nothing_can_show_is_unknown_and_says_what_to_declare(
    runs: Mapping[str, Judged],
) -> None:
    """A server without a declared answer looks the same in silence."""
    assert runs[SILENT].outcome is Outcome.UNKNOWN
    assert "add question and answer to [services.ledger]" in runs[SILENT].text
