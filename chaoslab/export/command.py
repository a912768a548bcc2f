"""The command `chaoslab export`: reads options, calls the export, prints. The modules of the export
are imported only when the command runs.
"""

from __future__ import annotations

from pathlib import Path

import click

_SECONDS = click.FloatRange(max=86_400)  # a day


class _OfFaults(click.Command):
    """A click command that adds the argument FAULT, and an option for each field of a fault."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        from chaoslab.export.options import fault_argument, fault_options

        *own, help_ = super().get_params(ctx)
        return [fault_argument(), *own, *fault_options(), help_]


@click.group()
def export() -> None:
    """Export faults to tools that inject them into a cluster."""


@export.command("chaos-mesh", cls=_OfFaults)
@click.argument("target")
@click.option(
    "--namespace", required=True, help="The namespace of the pods and of the exported objects."
)
@click.option(
    "--app", "apps", multiple=True, metavar="NAME=LABELS", help="The labels of an app's pods."
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME=LABELS",
    help="The labels of a service's pods.",
)
@click.option(
    "--external",
    multiple=True,
    metavar="NAME=HOST[:PORT]",
    help="The address of a service outside of the cluster, such as a managed database.",
)
@click.option(
    "--namespace-of",
    "namespaces",
    multiple=True,
    metavar="NAME=NAMESPACE",
    help="The namespace of an app or service, if it is another one.",
)
@click.option("--duration-s", type=_SECONDS, help="The fault heals by itself after this time.")
@click.option(
    "--topology",
    type=click.Path(path_type=Path),
    help="The topology. The default is the nearest file.",
)
def chaos_mesh(
    *,
    fault: str,
    target: str,
    namespace: str,
    apps: tuple[str, ...],
    services: tuple[str, ...],
    external: tuple[str, ...],
    namespaces: tuple[str, ...],
    topology: Path | None,
    **settings: object,
) -> None:
    """Print the NetworkChaos objects that inject FAULT into TARGET in a cluster.

    TARGET is a connector, a link app.service or a service of the topology; LABELS are
    KEY=VALUE[,KEY=VALUE]... as the pods carry them. Differences from the lab's fault are in
    the YAML's comments. A fault that Chaos Mesh does not support is refused (exit 2).

    \b
    chaoslab export chaos-mesh severed vpc --namespace shop --duration-s 120 \\
      --app backend=app=backend --service redis=app=redis \\
      --external postgres=10.20.0.5:5432 | kubectl apply -f -
    """
    from chaoslab.export.chaos_mesh import export as exported
    from chaoslab.export.cluster import Options, cluster
    from chaoslab.export.declared import declared
    from chaoslab.export.yaml_text import as_yaml
    from chaoslab.model.loader import load_topology
    from chaoslab.services import kinds

    loaded = load_topology(topology, kinds=kinds())
    duration_s = settings.pop("duration_s")
    assert duration_s is None or isinstance(duration_s, float)
    spec = declared(fault, target, settings)
    options = Options(
        namespace=namespace,
        apps=apps,
        services=services,
        external=external,
        namespaces=namespaces,
    )
    where = cluster(options, loaded)
    click.echo(as_yaml(spec, exported(spec, loaded, where, duration_s)), nl=False)
