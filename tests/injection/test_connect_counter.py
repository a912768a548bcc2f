"""A plan that needs the number of connects is skipped if nothing counts them."""

from __future__ import annotations

from typing import cast

import pytest

from chaoslab.errors import FaultUnsupported
from chaoslab.expectations import BacksOff, Expectation, Starts
from chaoslab.injection.connect_counter import require_connect_counter
from chaoslab.model.actions import Capability
from chaoslab.model.plan import Plan
from chaoslab.proxies.base import ProxyControl


class Control:
    """The attributes of a control that the check reads."""

    name = "toxiproxy"

    def __init__(self, *capabilities: Capability) -> None:
        self.capabilities = frozenset(capabilities)


def check(e: Expectation, *capabilities: Capability) -> None:
    require_connect_counter(Plan(expect=(e,)), cast("ProxyControl", Control(*capabilities)))


def test_connects_that_nothing_counts_cannot_be_judged() -> None:
    """The message names the expectation and the proxy."""
    with pytest.raises(FaultUnsupported, match=r"backs_off(.|\n)*toxiproxy keeps no record"):
        check(BacksOff(), "connect.dropped")


@pytest.mark.parametrize("counts", ["connections", "packets"])
def test_the_proxys_records_or_the_kernels_counters_are_enough(counts: Capability) -> None:
    """One of the two is required."""
    check(BacksOff(), counts)


def test_a_plan_without_such_an_expectation_needs_no_counter() -> None:
    """The other expectations do not need the number of connects."""
    check(Starts())
