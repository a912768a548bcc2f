"""`chaoslab gate`: translation only. What it needs is imported when it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaoslab.errors import RuntimeUnavailable
from chaoslab.printable import each_line

if TYPE_CHECKING:
    from chaoslab.gate.calls import Calls
    from chaoslab.model.gate import Gate, GateProxy, GateRuntime
    from chaoslab.model.topology import Topology

_A_PATH = click.Path(path_type=Path)


class _Runtime(click.Choice[str]):
    """The runtimes; for one release also the name that one of them had."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "embedded":
            click.echo("warning: --runtime embedded is --runtime local now", err=True)
            value = "local"
        return super().convert(value, param, ctx)


@click.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--stage", "stages", multiple=True, metavar="NAME",
              help="Run only this stage; may be repeated.")  # fmt: skip
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Run the gate N times. Ctrl-C ends it and reports what is done.")  # fmt: skip
@click.option("--runtime", type=_Runtime(["auto", "docker", "local"]),
              help="Overrides the runtime of the topology.")  # fmt: skip
@click.option("--proxy", type=click.Choice(["auto", "embedded", "toxiproxy"]),
              help="Overrides the proxy of the topology.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), metavar="N",
              help="How many scenarios run in parallel.")  # fmt: skip
@click.option("--command", "commands", multiple=True, metavar="APP=COMMAND",
              help="Test another build of an app; may be repeated.")  # fmt: skip
@click.option("--self-test", is_flag=True,
              help="Self-test: disable each fault and expect UNKNOWN.")  # fmt: skip
@click.option("--results", type=_A_PATH, default=Path("results"), show_default=True,
              help="The folder below which the results are saved.")  # fmt: skip
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
    """Decide whether a build may be released, by the [gate] of a topology FILE.

    The default FILE is the nearest topology. Exit codes: 0 the gate passed; 1 it refused the build;
    2 a mistake of the user; 3 inconclusive (an UNKNOWN verdict, or a fault not supported here);
    4 aborted by a rule. If several apply, the order is 2, 4, 1, 3.

    --self-test does not test the build. It disables each fault and expects UNKNOWN. It exits with 1
    if a run without its fault was judged PASS or FAIL.
    """
    if self_test:
        _refuse_beside_self_test(repeat, runtime, proxy)
        runtime, proxy = "local", "embedded"
    from chaoslab import services
    from chaoslab.gate.document import save_document
    from chaoslab.gate.junit import save_junit
    from chaoslab.gate.markdown import save_summary
    from chaoslab.gate.run import Asked, gate_of, run_gate
    from chaoslab.gate.text import shown
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
    except RuntimeUnavailable as error:  # nothing was tried: exit 1 would say that it was refused
        click.echo(each_line(str(error)), err=True)
        ctx.exit(2)
    if self_test:
        ctx.exit(_tried(calls, stages, results))
    _say(f"runtime: {calls.runtime.told} ({calls.runtime.why})")
    try:
        result = run_gate(Asked(calls=calls, results=results, stages=stages, repeat=repeat), _say)
    except KeyboardInterrupt:
        _say("aborted before the first stage")
        ctx.exit(4)
    save_document(result)
    save_junit(result)
    save_summary(result, appended_to=environment().get("GITHUB_STEP_SUMMARY", ""))
    _print(shown(result))
    ctx.exit(result.decision.exit_code)


def _calls(topology: Topology, gate: Gate, commands: tuple[str, ...]) -> Calls:
    from chaoslab.gate.calls import Calls
    from chaoslab.gate.choice import check_workers, runtime_taken
    from chaoslab.model.builds import with_commands

    with_commands(topology, commands, option="--command")
    check_workers(gate.workers)
    taken = runtime_taken(gate.runtime, gate.proxy, topology)
    return Calls(topology=topology, gate=gate, runtime=taken, commands=commands)


def _refuse_beside_self_test(
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


def _tried(calls: Calls, stages: tuple[str, ...], results: Path) -> int:
    from chaoslab.gate.run import chosen
    from chaoslab.gate.self_test_run import self_tested
    from chaoslab.gate.self_test_text import table

    found = self_tested(calls, chosen(calls.gate, stages), results, _say)
    _print(table(found.tried, found.faultless, found.seconds))
    return 0 if found.holds else 1


def _say(text: str) -> None:
    """A line of the gate's own among pytest's; on its way before pytest says more."""
    click.echo(each_line(f"gate: {text}"))


def _print(what: object) -> None:
    """As wide as the tables need where no terminal says how wide it is."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=140)).print(what, soft_wrap=True)
