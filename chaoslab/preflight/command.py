"""The command `chaoslab preflight`: reads the options, runs the checks, and prints the results."""

from __future__ import annotations

from pathlib import Path

import click

_A_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_A_PATH, required=False)
@click.option("--deployment", type=_A_PATH, help="Overrides the deployment file of the topology.")
@click.option(
    "--live", is_flag=True, help="Also connect to each declared address from this machine."
)
@click.option(
    "--env-file",
    type=_A_PATH,
    help="A file of NAME=value lines. They override the variables of the deployment file.",
)
@click.option(
    "--within-s",
    type=click.FloatRange(min=0.1, max=600),
    default=5.0,
    show_default=True,
    help="The time limit of each step of --live, in seconds.",
)
@click.pass_context
def preflight(
    ctx: click.Context,
    *,
    file: Path | None,
    deployment: Path | None,
    live: bool,
    env_file: Path | None,
    within_s: float,
) -> None:
    """Check a deployment file against the rules of a topology FILE. Nothing is started.

    The default FILE is the nearest topology. --live checks each link from this machine: resolve the
    name, connect, first answer, log-in, a query. Exits with 1 if a rule is broken or a step fails,
    with 2 if a file cannot be used.
    """
    import asyncio

    from chaoslab import services
    from chaoslab.console import wide_console
    from chaoslab.machine.environment import environment
    from chaoslab.model.loader import load_topology
    from chaoslab.preflight.check import check_deployment
    from chaoslab.preflight.live import check_paths
    from chaoslab.preflight.text import inspected_text, paths_text

    topology = load_topology(file, kinds=services.kinds())
    inspected = check_deployment(topology, deployment)
    console = wide_console()
    console.print(inspected_text(inspected), highlight=False, soft_wrap=True)
    failed = bool(inspected.findings)
    if live:
        checked = asyncio.run(
            check_paths(
                topology,
                file=deployment,
                env_file=env_file,
                environment=environment(),
                within_s=within_s,
            )
        )
        console.print(paths_text(checked), highlight=False)
        failed = failed or any(each.outcome != "answered" for each in checked)
    if failed:
        ctx.exit(1)
