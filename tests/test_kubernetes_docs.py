"""docs/kubernetes: the manifests agree with each other, with the topology, and with the page."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from click.testing import CliRunner

from chaoslab import services
from chaoslab.cli import main
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Images

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "docs" / "kubernetes"
PAGE = REPOSITORY / "docs" / "kubernetes.md"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
INSTEAD = "external-databases.yaml"

Manifest = dict[str, Any]


def read(name: str) -> list[Manifest]:
    return [*yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))]


MANIFESTS = [manifest for name in KUSTOMIZATION["resources"] for manifest in read(name)]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in MANIFESTS if m["kind"] == kind}


def pod(deployment: str) -> Manifest:
    template: Manifest = of_kind("Deployment")[deployment]["spec"]["template"]
    return template


def container(deployment: str) -> Manifest:
    (only,) = pod(deployment)["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def ports(deployment: str) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container(deployment)["ports"]}


def behind(service: Manifest) -> str:
    """The one Deployment whose pods a Service or a podSelector picks."""
    wanted = service["spec"]["selector"].items()
    (name,) = (n for n in of_kind("Deployment") if wanted <= pod(n)["metadata"]["labels"].items())
    return name


def proxies() -> dict[str, Manifest]:
    data = of_kind("ConfigMap")["toxiproxy"]["data"]
    return {proxy["name"]: proxy for proxy in json.loads(data["proxies.json"])}


def topology() -> Any:
    return load_topology(FOLDER / "chaoslab.toml", kinds=services.kinds())


def test_every_file_is_applied_or_named_as_an_alternative() -> None:
    """A manifest that nobody applies rots."""
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {*KUSTOMIZATION["resources"], INSTEAD}
    text = PAGE.read_text(encoding="utf-8")
    for name in files | {"chaoslab.toml"}:
        assert name in text, name


def test_kubectl_builds_them_into_one_namespace(tmp_path: Path) -> None:
    """What `kubectl apply -k` sends; nothing falls into another namespace."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on PATH")
    built = subprocess.run(
        [kubectl, "kustomize", str(FOLDER)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert built.returncode == 0, built.stderr
    manifests = [*yaml.safe_load_all(built.stdout)]
    assert len(manifests) == len(MANIFESTS)
    assert {m["metadata"].get("namespace") for m in manifests} == {KUSTOMIZATION["namespace"]}


def test_deleting_the_example_never_deletes_a_namespace() -> None:
    """kustomize would give a Namespace among them the name of the user's own staging."""
    assert not of_kind("Namespace")


@pytest.mark.parametrize("name", [*KUSTOMIZATION["resources"], INSTEAD])
def test_every_manifest_is_valid_by_kubernetes_own_schema(name: str) -> None:
    """Strictly: a field that Kubernetes does not know is an error."""
    schemas = pytest.importorskip("kubernetes_validate", reason="needs pip kubernetes-validate")
    for manifest in read(name):
        schemas.validate(manifest, schemas.latest_version(), strict=True)


def test_every_service_leads_to_a_port_that_its_pods_have() -> None:
    """By name, so that a port can move without its Service."""
    for service in of_kind("Service").values():
        (port,) = service["spec"]["ports"]
        assert ports(behind(service))[port["targetPort"]] == port["port"]


def test_the_names_that_the_app_knows_lead_to_toxiproxy_and_the_others_past_it() -> None:
    """The app's configuration stays as it is: only what the names stand for has changed."""
    env = {entry["name"]: entry for entry in container("backend")["env"]}
    secret = of_kind("Secret")["backend"]["stringData"]
    key = env["DATABASE_URL"]["valueFrom"]["secretKeyRef"]["key"]
    for url in (secret[key], env["REDIS_URL"]["value"]):
        service = of_kind("Service")[urlsplit(url).hostname]
        assert behind(service) == "toxiproxy"
        assert service["spec"]["ports"][0]["port"] == urlsplit(url).port
    for proxy in proxies().values():
        host, _, port = proxy["upstream"].partition(":")
        service = of_kind("Service")[host]
        assert behind(service) != "toxiproxy"
        assert service["spec"]["ports"][0]["port"] == int(port)


def test_toxiproxys_ports_are_those_of_its_proxies() -> None:
    """Each proxy listens where a Service leads, on every address of the pod."""
    listens = {proxy["listen"] for proxy in proxies().values()}
    assert listens == {f"0.0.0.0:{port}" for port in ports("toxiproxy").values()}


def test_toxiproxys_api_is_reached_by_a_port_forward_only() -> None:
    """On the pod's loopback, behind no Service: nobody else in the cluster can set a toxic."""
    assert "-host=127.0.0.1" in container("toxiproxy")["args"]
    assert "-proxy-metrics" in container("toxiproxy")["args"]
    assert 8474 not in ports("toxiproxy").values()


def test_nothing_but_the_lab_heals_or_hides_a_fault_in_toxiproxy() -> None:
    """A failing probe would take the proxy's endpoints away, or restart it: another fault."""
    assert not {"readinessProbe", "livenessProbe"} & set(container("toxiproxy"))
    assert of_kind("Deployment")["toxiproxy"]["spec"]["replicas"] == 1


def test_its_config_is_mounted_where_toxiproxy_looks_for_it() -> None:
    """The argument, the mount and the ConfigMap's key name one file."""
    (mount,) = container("toxiproxy")["volumeMounts"]
    (volume,) = pod("toxiproxy")["spec"]["volumes"]
    assert mount["name"] == volume["name"]
    (key,) = of_kind("ConfigMap")[volume["configMap"]["name"]]["data"]
    assert f"-config={mount['mountPath']}/{key}" in container("toxiproxy")["args"]


@pytest.fixture
def engine() -> Iterator[str]:
    """The API of an engine of our own."""
    command = [sys.executable, "-m", "chaoslab.cli", "proxy", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://{json.loads(process.stdout.readline())['listening']}"
        finally:
            process.terminate()


def test_populate_takes_the_config_as_it_is(engine: str) -> None:
    """The ConfigMap's JSON, but for the ports, which this machine may not have free."""
    sent = [{**proxy, "listen": "127.0.0.1:0"} for proxy in proxies().values()]
    request = urllib.request.Request(
        f"{engine}/populate", json.dumps(sent).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    with urllib.request.urlopen(f"{engine}/proxies", timeout=10) as answer:
        got = json.load(answer)
    assert {name: (p["upstream"], p["enabled"]) for name, p in got.items()} == {
        name: (p["upstream"], True) for name, p in proxies().items()
    }


def test_the_lab_attaches_to_the_proxies_that_the_config_makes() -> None:
    """Every link of the topology has its proxy, and every proxy its link."""
    attach = topology().attach
    assert attach is not None
    assert set(attach.links) == {link.name for link in topology().links}
    assert set(attach.links.values()) == set(proxies())


def test_every_address_that_the_lab_uses_is_forwarded_on_the_page() -> None:
    """Each local port has its `kubectl port-forward`, to something that has the remote one."""
    attach = topology().attach
    assert attach is not None
    used = {urlsplit(u).port for u in (attach.toxiproxy, *attach.apps.values())}
    used |= {urlsplit(u).port for u in attach.services.values()}
    forwards = re.findall(
        r"port-forward (deployment|service)/(\S+) (\d+):(\d+)", PAGE.read_text(encoding="utf-8")
    )
    assert {int(local) for _, _, local, _ in forwards} == used
    for kind, name, _, remote in forwards:
        assert name in of_kind(kind.capitalize())
        deployment = name if kind == "deployment" else behind(of_kind("Service")[name])
        assert int(remote) in {*ports(deployment).values(), 8474}


def test_the_pages_commands_and_tables_are_those_of_the_lab() -> None:
    """The command of the page is run; its `[attach]` is that of the example's topology."""
    text = PAGE.read_text(encoding="utf-8")
    (command,) = re.findall(r"^chaoslab (export (?:.*\\\n)*.*) > severed.yaml$", text, re.M)
    words = shlex.split(command.replace("\\\n", " "))
    result = CliRunner().invoke(main, [*words, "--topology", str(REPOSITORY / "chaoslab.toml")])
    assert result.exit_code == 0, result.output
    assert len([*yaml.safe_load_all(result.stdout)]) == 2
    (block,) = re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
    own = tomllib.loads((FOLDER / "chaoslab.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(block) == {"attach": own["attach"]}


def test_the_password_that_the_lab_reads_back_with_is_the_databases_own() -> None:
    """The same user, password and database, past the proxy."""
    attach = topology().attach
    assert attach is not None
    app, lab = (
        urlsplit(of_kind("Secret")["backend"]["stringData"]["database-url"]),
        urlsplit(attach.services["postgres"]),
    )
    assert (app.username, app.password, app.path) == (lab.username, lab.password, lab.path)
    env = {entry["name"]: entry for entry in container("postgres")["env"]}
    password = env["POSTGRES_PASSWORD"]["valueFrom"]["secretKeyRef"]["key"]
    assert of_kind("Secret")["backend"]["stringData"][password] == lab.password
    assert (env["POSTGRES_USER"]["value"], "/" + env["POSTGRES_DB"]["value"]) == (
        lab.username,
        lab.path,
    )


def test_the_databases_admit_only_toxiproxy() -> None:
    """And the app may go to Toxiproxy and to names only: each way by a policy of its own."""
    policies = of_kind("NetworkPolicy").values()
    let_in = {_selected(p["spec"]): p["spec"] for p in policies if "ingress" in p["spec"]}
    assert set(let_in) == {"toxiproxy", "postgres", "redis"}
    for name, spec in let_in.items():
        ((rule,),) = (spec["ingress"],)
        ((source,),) = (rule["from"],)
        assert _selected(source) == ("backend" if name == "toxiproxy" else "toxiproxy")
        assert {port["port"] for port in rule["ports"]} <= set(ports(name))
    (egress,) = (p["spec"] for p in policies if "egress" in p["spec"])
    assert _selected(egress) == "backend"
    to_proxies, to_names = egress["egress"]
    ((destination,),) = (to_proxies["to"],)
    assert _selected(destination) == "toxiproxy"
    assert {port["port"] for port in to_proxies["ports"]} == set(ports("toxiproxy"))
    assert {port["port"] for port in to_names["ports"]} == {53}
    for policy in policies:
        kinds = {"Ingress": "ingress", "Egress": "egress"}
        assert {kinds[kind] for kind in policy["spec"]["policyTypes"]} <= set(policy["spec"])


def _selected(spec: Manifest) -> str:
    return behind({"spec": {"selector": spec["podSelector"]["matchLabels"]}})


def test_kubernetes_probes_ask_where_the_lab_asks() -> None:
    """The paths of the topology; alive is what restarts it, ready what sends it traffic."""
    health = topology().apps["backend"].health
    asked = {
        probe: container("backend")[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {
        "startupProbe": health.startup_path,
        "livenessProbe": health.live_path,
        "readinessProbe": health.ready_path,
    }
    own = load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds()).apps["backend"]
    assert topology().apps["backend"].health.path == own.health.path
    assert topology().apps["backend"].deadlines == own.deadlines


def test_images_are_those_of_the_lab_by_fixed_tags() -> None:
    """The README's images, never `latest`."""
    images = {name: container(name)["image"] for name in of_kind("Deployment")}
    defaults = Images()
    assert images == {
        "postgres": services.kinds()["postgres"].image,
        "redis": services.kinds()["redis"].image,
        "toxiproxy": defaults.toxiproxy,
        "backend": "chaoslab-reference:0.1.0",
    }


def test_managed_databases_take_the_names_of_the_direct_services() -> None:
    """The alternative file replaces exactly those Services, so the proxies' config stays."""
    outside = {m["metadata"]["name"] for m in read(INSTEAD)}
    assert outside == {proxy["upstream"].partition(":")[0] for proxy in proxies().values()}
    assert outside <= set(of_kind("Service"))
