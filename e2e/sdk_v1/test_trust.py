"""Who may do what with the real SDK, what is written down of it, and that no secret is."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest
import requests
from arm import Arm
from azureml.core import Model, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from services import environment
from wharf_process import WharfProcess, binary, processes

PRINCIPALS = "/providers/Wharf.Authorization/principals"


@pytest.fixture
def principal(arm):
    """Makes principals and takes them away again."""
    made = []

    def make(role, *scopes):
        name = f"e2e-{uuid.uuid4().hex[:8]}"
        body = {"properties": {"role": role, "scopes": list(scopes)}}
        answer = arm.call("PUT", f"{PRINCIPALS}/{name}", json=body)
        assert answer.status_code == 201, answer.text
        made.append(name)
        return name, answer.json()["properties"]

    yield make
    for name in made:
        assert arm.call("DELETE", f"{PRINCIPALS}/{name}").ok


def signed_in(properties, server):
    auth = ServicePrincipalAuthentication(
        "adfs", properties["clientId"], properties["clientSecret"]
    )
    return Workspace.from_config(path=str(server.data / "config.json"), auth=auth)


def test_a_reader_looks_and_changes_nothing(server, arm, principal, folder):
    _, properties = principal("Reader", arm.workspace)
    mine = signed_in(properties, server)
    assert mine.name == arm.workspace.rsplit("/", 1)[1]
    assert isinstance(Model.list(mine), list)
    assert isinstance(mine.compute_targets, dict)
    Path("model.txt").write_text("x")
    with pytest.raises(Exception, match="Forbidden"):
        Model.register(mine, "model.txt", "not-mine")
    assert "not-mine" not in [model.name for model in Model.list(mine)]


def test_a_contributor_of_the_workspace_works_in_it(server, arm, principal, folder):
    name, properties = principal("Contributor", arm.workspace)
    mine = signed_in(properties, server)
    Path("model.txt").write_text("x")
    model = Model.register(mine, "model.txt", "of-a-contributor")
    model.download(target_dir="copy")
    assert Path("copy/model.txt").read_text() == "x"
    model.delete()
    events = f"{arm.group.split('/resourceGroups')[0]}/providers/Microsoft.Insights"
    answer = arm.call(
        "GET",
        f"{events}/eventtypes/management/values",
        params={"$filter": f"caller eq '{name}' and status eq 'Succeeded'"},
    )
    actions = [event["operationName"]["value"] for event in answer.json()["value"]]
    assert any(action.endswith("/models/write") for action in actions), actions
    assert any(action.endswith("/models/delete") for action in actions), actions
    printed = subprocess.run(
        [binary(), "audit", "--data-dir", server.data, "--caller", name],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "/models/write" in printed and name in printed


def test_an_ordinary_script_is_never_put_off(monkeypatch, folder):
    """The SDK's own requests, with ARM's numbers in force."""
    monkeypatch.delenv("WHARF_NO_THROTTLE", raising=False)
    server = WharfProcess()
    server.variables["WHARF_NO_THROTTLE"] = ""
    try:
        server.start()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.environment()["REQUESTS_CA_BUNDLE"])
        arm = Arm(server)
        for _ in range(60):
            assert arm.call("GET", arm.workspace).status_code == 200
        assert int(arm.call("GET", arm.workspace).headers[
            "x-ms-ratelimit-remaining-subscription-reads"
        ]) > 100
    finally:
        server.close()


def test_no_secret_is_in_the_clear(server, arm, workspace, probe, principal):
    canary = f"canary-{uuid.uuid4().hex}"
    _, made = principal("Reader", arm.workspace)
    probe.regen_key("Secondary", set_key=f"key-{canary}")
    registered = environment(f"e2e-{uuid.uuid4().hex[:8]}")
    registered.docker.base_image_registry.address = "registry.example.com"
    registered.docker.base_image_registry.username = "somebody"
    registered.docker.base_image_registry.password = f"registry-{canary}"
    registered.register(workspace)
    kubeconfig = f"""
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u}}}}]
clusters: [{{name: k, cluster: {{server: 'https://k8s.example.com:6443'}}}}]
users: [{{name: u, user: {{token: kube-{canary}}}}}]
"""
    cluster = f"{arm.group}/providers/Microsoft.ContainerService/managedClusters/canary"
    body = {"location": "local", "properties": {"importProfile": {"kubeconfig": kubeconfig}}}
    assert arm.call("PUT", cluster, json=body).status_code in (200, 201)
    refused = [
        arm.call("GET", arm.workspace, token=f"token-{canary}"),
        requests.post(
            f"{arm.url}/adfs/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": made["clientId"],
                "client_secret": f"secret-{canary}",
            },
            timeout=30,
        ),
        arm.call(
            "PUT",
            f"{cluster}-2",
            json={"location": "local", "properties": {"importProfile": {"kubeconfig": canary}}},
        ),
    ]
    assert [answer.status_code for answer in refused] == [401, 401, 400]
    for answer in refused:
        assert canary not in answer.text
    artifacts = f"/artifact/v2.0{arm.workspace}/artifacts/batch/metadata/LocalUpload/canary"
    announced = arm.call("POST", artifacts, json={"paths": [{"path": "a"}]}).json()
    address = announced["artifactContentInformation"]["a"]["contentUri"]
    signature = address.split("sig=")[1]
    assert requests.put(
        address, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=30
    ).ok

    secrets = [canary, made["clientSecret"], arm.token, signature]
    found = []
    for root, _, names in os.walk(server.data):
        for name in names:
            path = Path(root) / name
            if path.is_file():
                content = path.read_bytes()
                found += [(path, secret) for secret in secrets if secret.encode() in content]
    log = server.log.read_text(errors="replace")
    found += [("the log", secret) for secret in secrets if secret in log]
    for pid, words in processes():
        # This very process holds them.
        if pid == os.getpid() or not any(str(server.data) in word for word in words):
            continue
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        line = " ".join(words) + variables
        found += [(pid, secret) for secret in secrets if secret in line]
    assert not found, found
