"""Everything that a run can record: typed events. `AnyEvent` is the union of all their types."""

from typing import Annotated

from pydantic import Field

from chaoslab.history.events.answers import (
    HealthSample,
    HealthTurned,
    HealthUnread,
    LossNamed,
    ProberSample,
    QuestionsAsked,
)
from chaoslab.history.events.app import (
    AppStarved,
    Bound,
    Exited,
    FirstAnswer,
    LeftRunning,
    Listening,
    Prepared,
    ProcessExited,
    ProcessSpawned,
    Ready,
    RestartDecided,
    Spawned,
    StartupComplete,
    StartupSnapshot,
    StopRequested,
    SupervisorStops,
)
from chaoslab.history.events.base import (
    BootEvent,
    Event,
    FaultEvent,
    LinkReading,
)
from chaoslab.history.events.cost import AppUsage, LinkTraffic, ServerCommands
from chaoslab.history.events.faults import (
    CanaryProbe,
    FaultEffect,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    TriggerMissed,
)
from chaoslab.history.events.lab import (
    LabLag,
    LabTrouble,
    LabUp,
    PastProxy,
    ProbeCrashed,
    RunEnded,
    TriedOutside,
    UncountedOutside,
)
from chaoslab.history.events.links import (
    AppSockets,
    Effect,
    LinkConnection,
    LinkDrops,
    LinkLeftDead,
    LinkMetered,
    LinkPackets,
    LinkSessions,
    PathBypassed,
    SeenMessage,
    ServerConnections,
)
from chaoslab.history.events.own import (
    OwnSample,
    StepDone,
)
from chaoslab.history.events.requests import (
    CrossTalk,
    Delivered,
    ReadBack,
    Request,
    RequestOutcome,
    RequestPurpose,
    Subscription,
    SubscriptionAccepted,
)

AnyEvent = Annotated[
    LabUp
    | LabLag
    | LabTrouble
    | TriedOutside
    | UncountedOutside
    | Prepared
    | Spawned
    | Bound
    | Listening
    | FirstAnswer
    | StartupSnapshot
    | StartupComplete
    | Ready
    | StopRequested
    | SupervisorStops
    | RestartDecided
    | Exited
    | ProcessSpawned
    | ProcessExited
    | HealthSample
    | ProberSample
    | QuestionsAsked
    | HealthTurned
    | HealthUnread
    | LossNamed
    | FaultRequested
    | FaultInForce
    | FaultEffect
    | FaultHealing
    | FaultHealed
    | FaultMissed
    | TriggerMissed
    | CanaryProbe
    | AppSockets
    | PathBypassed
    | LeftRunning
    | LinkConnection
    | LinkDrops
    | LinkLeftDead
    | LinkPackets
    | LinkMetered
    | LinkSessions
    | ServerConnections
    | AppUsage
    | LinkTraffic
    | ServerCommands
    | AppStarved
    | Request
    | Delivered
    | CrossTalk
    | SubscriptionAccepted
    | Subscription
    | ReadBack
    | StepDone
    | OwnSample
    | ProbeCrashed
    | RunEnded,
    Field(discriminator="kind"),
]

__all__ = [
    "AnyEvent",
    "AppSockets",
    "AppStarved",
    "AppUsage",
    "BootEvent",
    "Bound",
    "CanaryProbe",
    "CrossTalk",
    "Delivered",
    "Effect",
    "Event",
    "Exited",
    "FaultEffect",
    "FaultEvent",
    "FaultHealed",
    "FaultHealing",
    "FaultInForce",
    "FaultMissed",
    "FaultRequested",
    "FirstAnswer",
    "HealthSample",
    "HealthTurned",
    "HealthUnread",
    "LabLag",
    "LabTrouble",
    "LabUp",
    "LeftRunning",
    "LinkConnection",
    "LinkDrops",
    "LinkLeftDead",
    "LinkMetered",
    "LinkPackets",
    "LinkReading",
    "LinkSessions",
    "LinkTraffic",
    "Listening",
    "LossNamed",
    "OwnSample",
    "PastProxy",
    "PathBypassed",
    "Prepared",
    "ProbeCrashed",
    "ProberSample",
    "ProcessExited",
    "ProcessSpawned",
    "QuestionsAsked",
    "ReadBack",
    "Ready",
    "Request",
    "RequestOutcome",
    "RequestPurpose",
    "RestartDecided",
    "RunEnded",
    "SeenMessage",
    "ServerCommands",
    "ServerConnections",
    "Spawned",
    "StartupComplete",
    "StartupSnapshot",
    "StepDone",
    "StopRequested",
    "Subscription",
    "SubscriptionAccepted",
    "SupervisorStops",
    "TriedOutside",
    "TriggerMissed",
    "UncountedOutside",
]
