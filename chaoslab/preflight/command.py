"""`chaoslab preflight`: translation only."""

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
    help="A file of NAME=value lines that override those of the deployment file.",
)
@click.option(
    "--within-s",
    type=click.FloatRange(min=0.1, max=600),
    default=5.0,
    show_default=True,
    help="Time limit in seconds of each step.",
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

    The default FILE is the nearest topology. --live checks each link from this machine: name,
    connect, first answer, log-in, a query. Exits with 1 if a rule is broken or a step fails, with 2
    if a file cannot be used.
    """
    import asyncio

    from rich.console import Console

    from chaoslab import services
    from chaoslab.machine.environment import environment
    from chaoslab.model.loader import load_topology
    from chaoslab.preflight.check import check_deployment
    from chaoslab.preflight.live import walk_paths
    from chaoslab.preflight.text import inspected_text, walks_text

    topology = load_topology(file, kinds=services.kinds())
    inspected = check_deployment(topology, deployment)
    console = Console(soft_wrap=True)
    console.print(inspected_text(inspected), highlight=False)
    failed = bool(inspected.findings)
    if live:
        walks = asyncio.run(
            walk_paths(
                topology,
                file=deployment,
                env_file=env_file,
                environment=environment(),
                within_s=within_s,
            )
        )
        wide = Console() if console.is_terminal else Console(width=140)
        wide.print(walks_text(walks), highlight=False)
        failed = failed or any(each.outcome != "answered" for each in walks)
    if failed:
        ctx.exit(1)
