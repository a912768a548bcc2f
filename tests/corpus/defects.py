"""Records and verdicts for the tests of the corpus."""

from __future__ import annotations

from pathlib import Path

from chaoslab.corpus.records import Defect
from chaoslab.verdicts.verdict import Outcome, Verdict

RECORD = """\
# /// defect
# number = 1
# name = "early-return"
# title = "The bypass leaves too early"
# mechanism = "It returns."
# symptom = "It never completes."
# source = "the incident's papers"
# scenarios = ["vpc_outage::severed[dropped]"]
# passes = ["steady::starts"]
# also = ["degraded"]
#
# [primary]
# verdict = "boot"
# cites = ["never complete", "phases done: init"]
# ///
\"\"\"A build.\"\"\"
"""


def written(folder: Path, name: str = "early_return", text: str = RECORD) -> Path:
    """A defect's file in a folder."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


DEFECT = Defect(
    number=1,
    name="early-return",
    title="The bypass leaves too early",
    mechanism="It returns.",
    symptom="It never completes.",
    source="the incident's papers",
    scenarios=("vpc_outage::severed[dropped]",),
    passes=("steady::starts",),
    primary="boot",
    cites=("never complete", "phases done: init"),
    also=frozenset({"degraded"}),
    command="{python} -m chaoslab.reference.defects.early_return",
)


def verdict(name: str, outcome: str, *because: str) -> Verdict:
    """One verdict, as a scenario would give it."""
    return Verdict(name=name, outcome=Outcome(outcome), claim=f"{name} holds", because=because)


REFUSED = (
    verdict("boot", "FAIL", "answering, never complete; phases done: init"),
    verdict("degraded", "FAIL", "it never said so"),
    verdict("recovery", "PASS"),
)
PASSED = (verdict("boot", "PASS"), verdict("serves", "PASS"))
