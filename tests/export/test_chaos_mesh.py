"""Each network fault becomes one object for each link of its target, with its differences."""

from __future__ import annotations

import pytest

from .exporting import (
    A_MINUTE,
    APP,
    EXPORTABLE,
    OUTSIDE,
    PODS,
    PORTS,
    REPOSITORY,
    case_id,
    export,
    exported,
)

GOLDEN = REPOSITORY / "tests" / "export" / "golden"


def test_the_incidents_fault_is_exported_as_in_the_golden_file() -> None:
    """Postgres outside of the cluster, Redis inside, as in the VPC outage."""
    result = export(
        *("severed", "vpc", "--duration-s", "120", *APP),
        *("--service", "redis=app=redis", "--external", "postgres=10.20.0.5:5432"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == (GOLDEN / "severed_vpc.yaml").read_text(encoding="utf-8")


def test_a_connector_becomes_one_object_for_each_of_its_links() -> None:
    """The target's name is a label, by which all of them can be deleted at once."""
    postgres, redis = exported("severed", "vpc", *A_MINUTE, *PODS)
    assert postgres["metadata"]["name"] == "chaoslab-severed-backend-postgres"
    assert redis["metadata"]["name"] == "chaoslab-severed-backend-redis"
    for each in (postgres, redis):
        assert each["metadata"]["namespace"] == "shop"
        assert each["metadata"]["labels"]["org.chaoslab.target"] == "vpc"


def test_severed_between_pods_cuts_both_ways() -> None:
    """A partition in both directions, between exactly the named pods."""
    (chaos,) = exported("severed", "postgres", *A_MINUTE, *PODS)
    spec = chaos["spec"]
    assert (spec["action"], spec["direction"], spec["duration"]) == ("partition", "both", "60s")
    assert spec["selector"] == {"namespaces": ["shop"], "labelSelectors": {"app": "backend"}}
    assert spec["target"]["selector"]["labelSelectors"] == {"app": "postgres"}
    assert "externalTargets" not in spec


def test_severed_from_an_outside_port_cuts_only_what_is_sent() -> None:
    """Answers have the port as their source, which the rule does not compare. A note says so."""
    result = export("severed", "backend.postgres", *A_MINUTE, *PORTS)
    (chaos,) = exported("severed", "backend.postgres", *A_MINUTE, *PORTS)
    assert chaos["spec"]["direction"] == "to"
    assert chaos["spec"]["externalTargets"] == ["10.20.0.5:5432"]
    assert "target" not in chaos["spec"]
    assert "The rule names a port, so it drops only what the pod sends" in result.stdout


def test_slow_answers_are_delayed_where_they_are_sent() -> None:
    """Downstream is what the service's pods send: `from`, as seen from the app."""
    (chaos,) = exported("slow", "postgres", "--latency-s", "0.5", *A_MINUTE, *PODS)
    assert chaos["spec"]["action"] == "delay"
    assert chaos["spec"]["direction"] == "from"
    assert chaos["spec"]["delay"] == {"latency": "500ms"}


def test_slow_answers_from_outside_delay_the_requests_instead() -> None:
    """A round trip takes as long as in the lab; a note says so."""
    both = ("--stream", "upstream", "--stream", "downstream")
    arguments = ("slow", "postgres", "--latency-s", "0.5", "--jitter-s", "0.1", *A_MINUTE, *OUTSIDE)
    (one,), (two,) = exported(*arguments), exported(*arguments, *both)
    assert one["spec"]["direction"] == two["spec"]["direction"] == "to"
    assert one["spec"]["delay"]["latency"] == "500ms"
    assert (two["spec"]["delay"]["latency"], two["spec"]["delay"]["jitter"]) == ("1s", "200ms")
    assert "Answers from outside the cluster cannot be delayed" in export(*arguments).stdout


def test_a_throttled_rate_is_written_in_bytes_a_second() -> None:
    """tc's kbps is a thousand bytes a second, like Toxiproxy's KB; kbit would be an eighth."""
    (chaos,) = exported("throttled", "redis", "--rate-kb-per-s", "64", *A_MINUTE, *PODS)
    assert chaos["spec"]["action"] == "bandwidth"
    assert chaos["spec"]["bandwidth"] == {"rate": "64kbps", "limit": 100_000, "buffer": 10_000}


@pytest.mark.parametrize(("stream", "direction"), [("upstream", "to"), ("downstream", "from")])
def test_one_way_cuts_the_direction_of_its_stream(stream: str, direction: str) -> None:
    """As seen from the app's pods, `to` is what they send."""
    (chaos,) = exported("one-way", "postgres", "--stream", stream, *A_MINUTE, *OUTSIDE)
    assert chaos["spec"]["action"] == "partition"
    assert chaos["spec"]["direction"] == direction


def test_flapping_becomes_a_schedule() -> None:
    """Severed for a share of each period; a note says that only deleting the Schedule ends it."""
    arguments = ("flapping", "postgres", "--period-s", "60", "--duty", "0.25", "--mode", "dropped")
    (schedule,) = exported(*arguments, *PODS)
    assert schedule["kind"] == "Schedule"
    assert schedule["spec"]["schedule"] == "@every 60s"
    assert schedule["spec"]["networkChaos"]["duration"] == "15s"
    assert "A Schedule runs until you delete it" in export(*arguments, *PODS).stdout


def test_a_service_in_another_namespace_is_selected_there() -> None:
    """A note says that Chaos Mesh must be installed for the whole cluster."""
    arguments = ("severed", "postgres", *A_MINUTE, *PODS, "--namespace-of", "postgres=data")
    (chaos,) = exported(*arguments)
    assert chaos["spec"]["selector"]["namespaces"] == ["shop"]
    assert chaos["spec"]["target"]["selector"]["namespaces"] == ["data"]
    assert "installed for the whole cluster" in export(*arguments).stdout


@pytest.mark.parametrize("arguments", EXPORTABLE, ids=case_id)
def test_every_export_says_which_pods_are_not_affected_and_how_to_heal(
    arguments: tuple[str, ...],
) -> None:
    """New pods are not affected, which matters most for tests of start-ups."""
    text = export(*arguments).stdout
    for document in text.split("---\n"):
        assert "Pods are selected once" in document
        assert "kubectl delete -f" in document
    assert max(map(len, text.splitlines())) <= 100
