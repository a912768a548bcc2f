"""Records and verdicts for the tests of the corpus."""

from __future__ import annotations

from pathlib import Path

from chaoslab.corpus.cites import Cite
from chaoslab.corpus.record import Defect, Primary, Record
from chaoslab.evidence.reasons import EXITED, LOG_LINE
from chaoslab.model.saved_reason import UNCODED
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Reason

RECORD = """\
# /// defect
# number = 1
# name = "early-return"
# title = "The bypass leaves too early"
# mechanism = "It returns."
# symptom = "It never completes."
# source = "the incident's papers"
# scenarios = ["vpc_outage::severed[dropped]"]
# counted = ["vpc_outage::severed[refused]"]
# passes = ["steady::starts"]
# also = ["degrades"]
#
# [primary]
# verdict = "starts"
# cites = [
#   { code = "app.exited", data = { exit_code = 3 } },
#   { code = "app.log_line", data = { log_line = "phase database" } },
# ]
# ///
\"\"\"A build.\"\"\"
"""


def written(folder: Path, name: str = "early_return", text: str = RECORD) -> Path:
    """A defect's file in a folder."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


DEFECT = Record(
    name="early-return",
    title="The bypass leaves too early",
    mechanism="It returns.",
    symptom="It never completes.",
    source="the incident's papers",
    scenarios=("vpc_outage::severed[dropped]",),
    counted=("vpc_outage::severed[refused]",),
    passes=("steady::starts",),
    primary=Primary(
        verdict="starts",
        cites=(
            Cite(code="app.exited", data={"exit_code": 3}),
            Cite(code="app.log_line", data={"log_line": "phase database"}),
        ),
    ),
    also=frozenset({"degrades"}),
    target=Defect(number=1, command="{python} -m chaoslab.reference.defects.early_return"),
)


def verdict(name: str, outcome: str, *because: Reason | str) -> Verdict:
    """One verdict, as a scenario would give it."""
    made = (Reason(code=UNCODED, text=r) if isinstance(r, str) else r for r in because)
    return Verdict(name=name, outcome=Outcome(outcome), claim=f"{name} holds", because=tuple(made))


REFUSED = (
    verdict(
        "starts",
        "FAIL",
        EXITED(boot=1, exit_code=3, at_s=1.5),
        LOG_LINE(log_line="CRITICAL start-up failed in phase database: no route"),
    ),
    verdict("degrades", "FAIL", "it never said so"),
    verdict("recovers", "PASS"),
)
PASSED = (verdict("starts", "PASS"), verdict("serves", "PASS"))
