"""Makes verdicts UNKNOWN if files of the run were changed, or not written to their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Code, Reason

HISTORY_IN_PART = Code(
    "lab.history_in_part",
    "the history was kept only in part: {why}",
    "The history could not be written to its end, for example because the disk was full.",
)
CHECKSUMS_UNSAVED = Code(
    "lab.checksums_not_saved", "{why}", "The checksums of the run could not be saved."
)
VERDICTS_UNSAVED = Code(
    "lab.verdicts_not_saved",
    "the verdicts could not be saved: {why}",
    "The verdicts of the run could not be written to its folder.",
)
CHANGED = Code(
    "lab.files_changed",
    "not as the lab wrote it, by its checksum: {files}",
    "A file of the run differs from the checksum that the lab kept of it.",
)


def doubted(verdicts: tuple[Verdict, ...], doubts: Sequence[Reason]) -> tuple[Verdict, ...]:
    """The verdicts, each as UNKNOWN with the reasons `doubts` before its own. Unchanged if there is
    no doubt.
    """
    if not doubts:
        return verdicts
    return tuple(
        replace(verdict, outcome=Outcome.UNKNOWN, because=(*doubts, *verdict.because))
        for verdict in verdicts
    )


def doubts_of(changed: Sequence[str]) -> tuple[Reason, ...]:
    """A tuple with the reason that the files `changed` differ from their checksums. Empty if there
    are none.
    """
    if not changed:
        return ()
    return (CHANGED(files=changed),)
