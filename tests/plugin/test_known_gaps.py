"""A scenario whose FAIL is a known gap is an expected failure, until it is fixed."""

from __future__ import annotations

from pathlib import Path

from .project import Project, topology

SCENARIOS = """
@pytest.mark.parametrize("app", ["exits", "good"])
async def test_starts(chaos, app):
    await chaos.run(boots=[Boot(app=app)], expect=[expect.Starts(app=app, mode="normal")])
"""
GAP = """
[[known_gaps]]
run = "tiny-starts_{app}"
verdict = "starts"
reason = "ticket 12"
owner = "payments"
since = 2020-01-01
expires = {expires}
"""


def test_a_known_gap_is_an_expected_failure_and_fails_once_it_is_fixed(tmp_path: Path) -> None:
    """`exits` fails as it is known to; `good` passes, and its gap must be removed."""
    gaps = (GAP.format(app=app, expires="2999-12-31") for app in ("exits", "good"))
    project = Project(tmp_path, SCENARIOS, topology() + "".join(gaps))
    code, printed = project.pytest("-rxf")
    assert code == 1, printed
    assert "1 failed, 1 xfailed" in printed
    assert "known gap: starts fails, which is known until 2999-12-31: ticket 12" in printed
    assert "known gap: starts passes, so the known gap of payments is fixed" in printed


def test_an_expired_gap_fails_and_is_named(tmp_path: Path) -> None:
    """The verdict's own reasons come first."""
    gap = GAP.format(app="exits", expires="2020-12-31")
    project = Project(tmp_path, SCENARIOS, topology() + gap)
    code, printed = project.pytest("-k", "exits")
    assert code == 1, printed
    reason = "known gap: starts fails, and the known gap of payments expired on 2020-12-31"
    assert printed.index("FAIL") < printed.index(reason)
