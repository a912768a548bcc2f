"""The command `chaoslab gate`: reads the options, calls the gate, and prints the result.

Most modules are imported when it runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.errors import RuntimeUnavailable
from chaoslab.printable import each_line

if TYPE_CHECKING:
    from chaoslab.gate.pytest_calls import PytestCalls
    from chaoslab.model.gate import Gate, GateProxy, GateRuntime
    from chaoslab.model.topology import Topology

_A_PATH = click.Path(path_type=Path)


class _Runtime(click.Choice[str]):
    """The values of --runtime. The old name `embedded` of `local` is accepted for one release."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "embedded":
            click.echo("warning: use --runtime local; --runtime embedded is its old name", err=True)
            value = "local"
        return super().convert(value, param, ctx)


@click.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--stage", "stages", multiple=True, metavar="NAME",
              help="Run only this stage; may be repeated.")  # fmt: skip
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Run the gate N times. Ctrl-C ends it and reports what is done.")  # fmt: skip
@click.option("--runtime", type=_Runtime(["auto", "docker", "local", "netns", "loopback"]),
              help="Overrides the runtime of the topology.")  # fmt: skip
@click.option("--proxy", type=click.Choice(["auto", "embedded", "toxiproxy"]),
              help="Overrides the proxy of the topology.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), metavar="N",
              help="Run N scenarios in parallel. Overrides the topology.")  # fmt: skip
@click.option("--command", "commands", multiple=True, metavar="APP=COMMAND",
              help="Test another build of an app; may be repeated.")  # fmt: skip
@click.option("--self-test", is_flag=True,
              help="Self-test: disable each fault and expect UNKNOWN.")  # fmt: skip
@click.option("--results", type=_A_PATH, default=Path("results"), show_default=True,
              help="Save the results in a new folder inside this one.")  # fmt: skip
@click.pass_context
def gate(
    ctx: click.Context,
    file: Path | None,
    *,
    stages: tuple[str, ...],
    repeat: int,
    runtime: GateRuntime | None,
    proxy: GateProxy | None,
    workers: int | None,
    commands: tuple[str, ...],
    self_test: bool,
    results: Path,
) -> None:
    """Run the stages in [gate] of a topology FILE and decide whether a build may be released.

    The default FILE is the nearest topology. Exit codes: 0 passed; 1 the build is refused; 2 a
    mistake of the user; 3 inconclusive (an UNKNOWN verdict, or a fault not supported here); 4
    aborted by a rule. If several apply, the order is 2, 4, 1, 3.

    --self-test tests the lab and not the build. It disables each fault in turn and expects UNKNOWN.
    It exits with 1 if such a run is PASS or FAIL.
    """
    if self_test:
        _check_self_test_options(repeat, runtime, proxy)
        runtime, proxy = runtime if runtime not in (None, "auto") else "local", "embedded"
    from chaoslab import services
    from chaoslab.console import wide_console
    from chaoslab.gate.document import save_document
    from chaoslab.gate.junit import save_junit
    from chaoslab.gate.markdown import save_summary
    from chaoslab.gate.run import Asked, gate_of, run_gate
    from chaoslab.gate.text import gate_text
    from chaoslab.machine.environment import environment
    from chaoslab.model.loader import load_topology

    try:
        gate = gate_of(topology := load_topology(file, kinds=services.kinds()))
        gate = replace(
            gate,
            runtime=runtime or gate.runtime,
            proxy=proxy or gate.proxy,
            workers=workers or gate.workers,
        )
        calls = _calls(topology, gate, commands)
    except RuntimeUnavailable as error:  # nothing ran; exit code 1 means that a build was refused
        click.echo(each_line(str(error)), err=True)
        ctx.exit(2)
    if self_test:
        ctx.exit(_self_test(calls, stages, results))
    _say(f"runtime: {calls.runtime.text} ({calls.runtime.why})")
    try:
        result = run_gate(Asked(calls=calls, results=results, stages=stages, repeat=repeat), _say)
    except KeyboardInterrupt:
        _say("aborted before the first stage")
        ctx.exit(4)
    save_document(result)
    save_junit(result)
    save_summary(result, appended_to=environment().get("GITHUB_STEP_SUMMARY", ""))
    wide_console().print(gate_text(result), soft_wrap=True)
    ctx.exit(result.decision.exit_code)


def _calls(topology: Topology, gate: Gate, commands: tuple[str, ...]) -> PytestCalls:
    from chaoslab.gate.pytest_calls import PytestCalls
    from chaoslab.gate.runtime_choice import check_workers, choose_runtime
    from chaoslab.model.builds import with_commands

    with_commands(topology, commands, option="--command")
    check_workers(gate.workers)
    taken = choose_runtime(gate.runtime, gate.proxy, topology)
    return PytestCalls(topology=topology, gate=gate, runtime=taken, commands=commands)


def _check_self_test_options(
    repeat: int, runtime: GateRuntime | None, proxy: GateProxy | None
) -> None:
    if repeat > 1:
        raise click.UsageError("--self-test runs each fault once; remove --repeat")
    for option, found, wrong in (
        ("--runtime", runtime, "docker"),
        ("--proxy", proxy, "toxiproxy"),
    ):
        if found == wrong:
            raise click.UsageError(
                "--self-test needs the embedded engine, the only one that can disable a fault; "
                f"remove {option}"
            )


def _self_test(calls: PytestCalls, stages: tuple[str, ...], results: Path) -> int:
    from chaoslab.console import wide_console
    from chaoslab.gate.run import chosen
    from chaoslab.gate.self_test_run import self_tested
    from chaoslab.gate.self_test_text import table

    found = self_tested(calls, chosen(calls.gate, stages), results, _say)
    shown = table(found.results, found.without_faults, found.seconds)
    wide_console().print(shown, soft_wrap=True)
    return 0 if found.passed else 1


def _say(text: str) -> None:
    """Print a line of the gate among the lines of pytest."""
    click.echo(each_line(f"gate: {text}"))
