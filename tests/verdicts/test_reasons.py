"""What judged histories cite: codes of the vocabulary, with the data that it names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from chaoslab.history.events import AppSockets, LinkConnection, LinkDrops
from chaoslab.model.verdict import Verdict
from chaoslab.reason import Reason
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.vocabulary import known_codes

from .cases import CASES, Case
from .histories import history_of
from .plans import TOPOLOGY, plan_of
from .test_cut_short import interrupted, killed
from .test_golden import NAMES, judged

OF_FAULT = {"fault", "link"}  # the judge adds them to the evidence of a fault
EVERY = 9  # a part of a run differs little from the next one


def strange(verdict: Verdict) -> list[str]:
    """Each reason that has no code of the vocabulary, or data that its code does not name."""
    codes = known_codes()

    def named(reason: Reason) -> set[str]:
        """The data that its code names, and those of the code that is its cause."""
        cause = codes.get(str(reason.data.get("cause")))
        of_cause = {*cause.data_names} if cause else set()
        return {*codes[reason.code].data_names} | of_cause | OF_FAULT

    return [
        f"{reason.code} with {', '.join(reason.data)}: {reason.text}"
        for reason in verdict.because
        if reason.code not in codes or not {*reason.data} <= named(reason)
    ]


def parts_of(case: Case) -> Iterator[Verdict]:
    """The verdicts of its runs, whole and cut short."""
    plan = plan_of(case.expect, faults=(case.fault,))
    for run in (case.keeps, *case.breaks):
        for cuts in (iter([run]), killed(run), interrupted(run)):
            for part in islice(cuts, 0, None, EVERY):
                yield from judge(TOPOLOGY, plan, history_of(part))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_claim_has_only_reasons_of_the_vocabulary(case: Case) -> None:
    """Good, bad, killed or interrupted: no bare text, and no data that no page names."""
    assert [found for verdict in parts_of(case) for found in strange(verdict)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_has_only_reasons_of_the_vocabulary(name: str) -> None:
    """With its evidence, and without."""
    verdicts = (*judged(name), *judged(name, AppSockets, LinkConnection, LinkDrops))
    assert [found for verdict in verdicts for found in strange(verdict)] == []
