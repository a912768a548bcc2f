"""A connection that is lost at COMMIT: the write may be stored, and may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged_each

# the mode of the service; the code by which the verdict fails, for a cut before and after
EXPECTED = {
    "swallow": {"before": "write.lost", "after": None},
    "retry": {"before": None, "after": "write.repeated"},
    "right": {"before": None, "after": None},
}


@pytest.mark.parametrize("mode", EXPECTED)
def test_a_cut_at_commit_shows_which_write_is_lost_and_which_repeated(
    tmp_path: Path, mode: str
) -> None:
    """A swallowed failure loses a write that the server never had; a blind retry repeats one that
    it had; and each verdict names the COMMIT that was cut.
    """
    runs = judged_each("commit", tmp_path, 2, MODE=mode)
    for at, code in EXPECTED[mode].items():
        (run,) = (run for name, run in runs.items() if at in name)
        kept = run.verdicts["keeps_acknowledged"]
        assert "x 'COMMIT' on" in run.because("keeps_acknowledged"), run.text
        assert kept.outcome is (Outcome.FAIL if code else Outcome.PASS), run.because(kept.name)
        wrong = {"write.lost", "write.repeated"} & set(run.codes("keeps_acknowledged"))
        assert wrong == ({code} if code else set())
        assert run.verdicts["recovers"].outcome is Outcome.PASS, run.because("recovers")
