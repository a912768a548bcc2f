"""The claims that a scenario can make of an app. Each kind is one module; `KINDS` lists them. Pure.

To add a claim, write a module with one frozen dataclass that derives from `base.Expectation`, and
add a line here.
"""

from chaoslab.expectations.answers_in_time import AnswersInTime
from chaoslab.expectations.answers_requests import AnswersRequests
from chaoslab.expectations.backs_off import BacksOff
from chaoslab.expectations.base import Expectation
from chaoslab.expectations.bounded_cost import BoundedCost
from chaoslab.expectations.comes_back import ComesBack
from chaoslab.expectations.degrades import Degrades
from chaoslab.expectations.delivers import Delivers
from chaoslab.expectations.exits import Exits
from chaoslab.expectations.fails_fast import FailsFast
from chaoslab.expectations.fails_liveness_when_stuck import FailsLivenessWhenStuck
from chaoslab.expectations.first_request_served import FirstRequestServed
from chaoslab.expectations.honest_health import HonestHealth
from chaoslab.expectations.keeps_acknowledged import KeepsAcknowledged
from chaoslab.expectations.no_restarts import NoRestarts
from chaoslab.expectations.reads_own_writes import ReadsOwnWrites
from chaoslab.expectations.ready_when_serving import ReadyWhenServing
from chaoslab.expectations.recovers import Recovers
from chaoslab.expectations.refuses_honestly import RefusesHonestly
from chaoslab.expectations.regains_latency import RegainsLatency
from chaoslab.expectations.releases_connections import ReleasesConnections
from chaoslab.expectations.restarts_slowly import RestartsSlowly
from chaoslab.expectations.sampled import Sampled
from chaoslab.expectations.separates_users import SeparatesUsers
from chaoslab.expectations.serves import Serves
from chaoslab.expectations.starts import Starts
from chaoslab.expectations.stays_available import StaysAvailable
from chaoslab.expectations.stays_live import StaysLive
from chaoslab.expectations.stops import Stops
from chaoslab.expectations.unaffected import Unaffected
from chaoslab.expectations.unavailable import Unavailable
from chaoslab.expectations.waits import Waits

KINDS: tuple[type[Expectation], ...] = (
    Starts,
    FailsFast,
    Degrades,
    Unavailable,
    Waits,
    Exits,
    Unaffected,
    StaysAvailable,
    Recovers,
    ComesBack,
    FirstRequestServed,
    KeepsAcknowledged,
    Delivers,
    SeparatesUsers,
    RefusesHonestly,
    Serves,
    RegainsLatency,
    AnswersRequests,
    ReadsOwnWrites,
    StaysLive,
    FailsLivenessWhenStuck,
    AnswersInTime,
    ReadyWhenServing,
    HonestHealth,
    NoRestarts,
    RestartsSlowly,
    ReleasesConnections,
    BacksOff,
    BoundedCost,
    Stops,
    Sampled,
)

__all__ = [
    "KINDS",
    "AnswersInTime",
    "AnswersRequests",
    "BacksOff",
    "BoundedCost",
    "ComesBack",
    "Degrades",
    "Delivers",
    "Exits",
    "FailsFast",
    "FailsLivenessWhenStuck",
    "FirstRequestServed",
    "HonestHealth",
    "KeepsAcknowledged",
    "NoRestarts",
    "ReadsOwnWrites",
    "ReadyWhenServing",
    "Recovers",
    "RefusesHonestly",
    "RegainsLatency",
    "ReleasesConnections",
    "RestartsSlowly",
    "Sampled",
    "SeparatesUsers",
    "Serves",
    "Starts",
    "StaysAvailable",
    "StaysLive",
    "Stops",
    "Unaffected",
    "Unavailable",
    "Waits",
]
