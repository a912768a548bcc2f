"""The vocabulary: every code is one word with one meaning."""

from __future__ import annotations

import re
from collections import Counter

from chaoslab.verdicts.vocabulary import codes, known_codes

NAME = r"[a-z]+(_[a-z]+)*\.[a-z0-9]+(_[a-z0-9]+)*"


def test_each_code_has_a_name_of_its_own() -> None:
    """Two declarations of one name would be two meanings of it."""
    names = Counter(code.name for code in codes())
    assert [name for name, count in names.items() if count > 1] == []


def test_a_code_is_a_subject_and_what_was_observed_of_it() -> None:
    """As in `app.exited`."""
    assert [code.name for code in codes() if not re.fullmatch(NAME, code.name)] == []


def test_each_code_says_what_it_means() -> None:
    """In sentences, for docs/reasons.md."""
    assert [code.name for code in codes() if not code.meaning.endswith(".")] == []


def test_codes_of_every_room_are_found() -> None:
    """Of claims, evidence, faults and the judge, wherever they are declared."""
    some = {"write.lost", "machine.starved", "fault.bytes_held", "lab.late", "fault.not_observed"}
    assert some <= known_codes().keys()
