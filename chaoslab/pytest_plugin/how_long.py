"""Runs a scenario once for each length of a fault, until a length breaks the app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import ResultsUnwritable
from chaoslab.gate.report_hooks import HOW_LONG_PROPERTY
from chaoslab.printable import each_line
from chaoslab.pytest_plugin.scenario import Scenario, discard
from chaoslab.pytest_plugin.terminal import shown
from chaoslab.runtimes.table import TABLE

if TYPE_CHECKING:
    from chaoslab.model.lengths import Search
    from chaoslab.model.loader.scenario_requests import Requests
    from chaoslab.model.plan import Plan
    from chaoslab.results import HowLong, Result
    from chaoslab.verdicts.tried_length import Tried


async def how_long(
    scenario: Scenario, plan: Callable[[float], Plan], requests: Requests, search: Search
) -> HowLong:
    """Run the plans that `plan` makes for the lengths of the search. Returns what they show.

    The test fails if the verdict is not PASS. It is skipped if the lab does not start the app
    anew for each length. The search is saved after each length.
    """
    from chaoslab.report.how_long import line
    from chaoslab.report.properties import lengths_of, properties_of

    _check_fresh(scenario)
    folder = scenario.new_folder("how_long")
    found = await _searched(scenario, plan, requests, search, folder=folder)
    scenario.node.user_properties += [*lengths_of(found), *properties_of((found.verdict,))]
    if scenario.shows_progress:
        scenario.tell(f"  {line(folder.name, found)}")
    if not found.passed:
        pytest.fail(_explained(found, folder), pytrace=False)
    return found


async def _searched(
    scenario: Scenario,
    plan: Callable[[float], Plan],
    requests: Requests,
    search: Search,
    *,
    folder: Path,
) -> HowLong:
    """Try one length after the other. If the first is refused, the search's folder is removed."""
    from chaoslab.report.properties import properties_of
    from chaoslab.results import HowLong

    found = HowLong(search=search, tried=())
    begun_s = now_s()
    try:
        while (length_s := found.next_s) is not None and now_s() - begun_s < search.within_s:
            run = scenario.new_folder(f"{length_s:g}s")
            result = await scenario.carried_out(plan(length_s), run, requests)
            found = HowLong(search=search, tried=(*found.tried, _tried(search, length_s, result)))
            _save(scenario, folder, found)
            if found.counts(run.name):
                scenario.node.user_properties += properties_of(result.verdicts)
            if scenario.run.disabled is not None:
                break  # no length can be decided then
    finally:
        if not found.tried:
            discard(folder)
    return found


def _check_fresh(scenario: Scenario) -> None:
    runtime = scenario.run.choice.runtime
    if TABLE[runtime].external_proxy:
        pytest.skip(f"how_long requires an app that the lab starts for each length, not {runtime}")


def _tried(search: Search, length_s: float, result: Result) -> Tried:
    from chaoslab.verdicts.tried_length import tried

    return tried(search.fault, length_s, result.folder.name, result.verdicts, result.history)


def _save(scenario: Scenario, folder: Path, found: HowLong) -> None:
    """Save the search, and name its folder for the gate. The gate takes each run by itself if that
    fails.
    """
    from chaoslab.report.how_long import save_how_long

    try:
        save_how_long(folder, found)
    except ResultsUnwritable as error:
        pytest.fail(each_line(str(error)), pytrace=False)
    if len(found.tried) == 1:
        scenario.node.user_properties.append((HOW_LONG_PROPERTY, str(folder)))


def _explained(found: HowLong, folder: Path) -> str:
    from chaoslab.report.verdicts_text import explained

    runs = (f"  history: {shown(folder.parent / each.run)}/history.jsonl" for each in found.tried)
    return each_line("\n".join((*explained((found.verdict,)), *runs)))
