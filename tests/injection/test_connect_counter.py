"""A plan that wants connects counted is skipped where nothing counts them, and nowhere else."""

from __future__ import annotations

from typing import cast

import pytest

from chaoslab.errors import FaultUnsupported
from chaoslab.expectations import BacksOff, Expectation, Starts
from chaoslab.injection.countable import check_countable
from chaoslab.model.actions import Capability
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyControl


class Control:
    """The part of a control that is looked at."""

    name = "toxiproxy"

    def __init__(self, *capabilities: Capability) -> None:
        self.capabilities = frozenset(capabilities)


def check(e: Expectation, *capabilities: Capability) -> None:
    check_countable(Plan(expect=(e,)), cast("ProxyControl", Control(*capabilities)))


def test_tries_that_nobody_counts_cannot_be_judged() -> None:
    """It says who does not count, and what for."""
    with pytest.raises(FaultUnsupported, match=r"toxiproxy records no connections(.|\n)*backs_off"):
        check(BacksOff(), "connect.dropped")


@pytest.mark.parametrize("counts", ["connections", "packets"])
def test_a_proxys_records_or_a_kernels_counters_will_do(counts: Capability) -> None:
    """Either of the two is enough."""
    check(BacksOff(), counts)


def test_a_plan_that_counts_nothing_needs_nothing() -> None:
    """The other expectations rest on other readings."""
    check(Starts())
