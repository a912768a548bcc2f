"""What every test shares: which of them `make check` leaves out."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from rigs import examples

HERE = Path(__file__).parent
# Whole processes are booted, killed and timed here, or thousands of histories judged: minutes
# together, seconds without them. What begins with one of these is left out.
SLOW = (
    "agent/test_packet_rules.py",
    "agent/test_process.py",
    "cases",
    "conformance",
    "corpus/test_campaign.py",
    "discover/test_anything.py",
    "discover/test_look.py",
    "engine/messages/test_drawn.py",
    "engine/test_at_message.py",
    "engine/test_connect_modes.py",
    "engine/test_hostile_requests.py",
    "engine/test_lossless.py",
    "engine/test_process.py",
    "engine/test_toxics_drawn.py",
    "extension",
    "gate/test_gate",
    "gate/test_real.py",
    "gate/test_self_test_runs.py",
    "injection/test_at_message.py",
    "injection/test_catalogue.py",
    "injection/test_last_messages.py",
    "machine/test_usage.py",
    "matrix/test_against.py",
    "matrix/test_lab.py",
    "model/test_loader_anything.py",
    "model/test_loader_outside.py",
    "plugin",
    "preflight/test_anything.py",
    "preflight/test_command.py",
    "preflight/test_live.py",
    "probes/test_boot.py",
    "probes/test_channels.py",
    "probes/test_connections.py",
    "probes/test_cost.py",
    "probes/test_hostile_answers.py",
    "probes/test_read_back.py",
    "proxies/test_real_",
    "reference/test_chat.py",
    "reference/test_degraded_start.py",
    "reference/test_outage.py",
    "reference/test_phases.py",
    "reference/test_record.py",
    "reference/test_running.py",
    "runtimes/attach",
    "runtimes/compose",
    "runtimes/containers",
    "runtimes/netns/test_bad_luck.py",
    "runtimes/netns/test_dead_connections.py",
    "runtimes/netns/test_isolation.py",
    "runtimes/netns/test_ordinary_user.py",
    "runtimes/netns/test_outage.py",
    "runtimes/netns/test_outside.py",
    "runtimes/test_binaries.py",
    "runtimes/test_cache.py",
    "runtimes/test_contract.py",
    "runtimes/test_cwd.py",
    "runtimes/test_daemons.py",
    "runtimes/test_leftovers.py",
    "runtimes/test_named_ports.py",
    "runtimes/test_output.py",
    "services/test_declared.py",
    "services/test_other_keys.py",
    "services/test_other_servers.py",
    "services/test_postgres_keys.py",
    "verdicts/test_cut_short",
    "verdicts/test_reasons.py",
    "verdicts/test_settled_agrees.py",
    "test_analyze_damaged.py",
    "test_dependencies.py",
    "test_doctor.py",
    "test_kubernetes_docs.py",
    "test_lab.py",
    "test_lab_disk.py",
    "test_lab_past_proxy.py",
    "test_lab_prepare.py",
    "test_lab_processes.py",
    "test_lab_supervisor.py",
    "test_lab_trouble.py",
    "test_readme.py",
)
_SLOW = tuple((HERE / place).as_posix() for place in SLOW)

examples.register()


def pytest_configure() -> None:
    """Take Ctrl-C as a terminal's session does, wherever the tests were started.

    A shell starts what it puts in the background with SIGINT ignored, as does nohup; every process
    inherits that, and the tests that interrupt one would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where the slow ones are left out, do not even import them: that alone takes seconds."""
    left_out = config.option.markexpr == "not slow" and _is_slow(collection_path)
    return True if left_out else None


def _is_slow(path: Path) -> bool:
    return path.as_posix().startswith(_SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow ones; of a contract that runtimes share, those in containers."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        in_containers = item.name.partition("[")[2].startswith("docker")
        if in_containers or _is_slow(item.path):
            item.add_marker("slow")
