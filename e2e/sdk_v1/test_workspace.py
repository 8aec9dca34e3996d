"""A workspace as documented scripts reach it."""

import json
import re

import pytest
import requests
from azureml.core import Model, Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.exceptions import ProjectSystemException, UserErrorException, WorkspaceException
from services import ECHO, deploy, healthy, script, settled_compute


def test_from_config_walks_up_from_the_working_directory(server, folder, monkeypatch):
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "config.json").write_text((server.data / "config.json").read_text())
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    admin = server.admin()
    workspace = Workspace.from_config()
    assert workspace.name == admin["workspaceName"]
    assert workspace.resource_group == admin["resourceGroup"]
    assert workspace.subscription_id == admin["subscriptionId"]
    assert workspace.location == "local"


def test_get_details_names_the_same_workspace(workspace):
    details = workspace.get_details()
    assert details["name"] == workspace.name
    assert details["id"].endswith(f"/workspaces/{workspace.name}")
    assert details["provisioningState"] == "Succeeded"


def test_list_finds_it_in_its_group(workspace):
    found = Workspace.list(workspace.subscription_id, resource_group=workspace.resource_group)
    assert [ws.name for ws in found[workspace.name]] == [workspace.name]


def test_an_unknown_workspace_is_named(workspace):
    with pytest.raises((ProjectSystemException, WorkspaceException)) as error:
        Workspace.get("nowhere", subscription_id=workspace.subscription_id,
                      resource_group=workspace.resource_group)
    assert "Workspace not found" in str(error.value)


def test_a_foreign_subscription_is_refused_by_the_client(workspace):
    with pytest.raises((UserErrorException, WorkspaceException)) as error:
        Workspace.get(workspace.name, subscription_id="00000000-0000-4000-8000-000000000000",
                      resource_group=workspace.resource_group)
    assert "00000000-0000-4000-8000-000000000000" in str(error.value)


def test_an_unknown_group_is_a_404_with_its_name(arm):
    answer = arm.call("GET", arm.workspace.replace("resourceGroups/", "resourceGroups/no-")
                      + "?api-version=2022-05-01")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "ResourceGroupNotFound"


def test_metadata_needs_no_token_and_lists_both_clouds(server):
    url = server.environment()["ARM_CLOUD_METADATA_URL"]
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    assert [cloud["name"] for cloud in answer.json()] == ["Wharf", "AzureCloud"]
    assert "%" not in json.dumps(answer.json())


@pytest.fixture(scope="module")
def team(server, workspace):
    """A second workspace in a group of its own, made as a documented script makes one."""
    made = Workspace.create(
        "team-a",
        subscription_id=workspace.subscription_id,
        resource_group="team-a-group",
        create_resource_group=True,
        location="West Europe",
        tags={"team": "a"},
    )
    yield made
    made.delete()


def test_create_makes_group_and_workspace(team, workspace):
    assert (team.name, team.resource_group) == ("team-a", "team-a-group")
    assert team.location == "westeurope"
    details = team.get_details()
    assert details["tags"]["team"] == "a"
    assert details["workspaceid"] != workspace.get_details()["workspaceid"]
    assert "/Microsoft.Storage/storageAccounts/" in details["storageAccount"]
    assert "/Microsoft.KeyVault/vaults/" in details["keyVault"]
    assert team.sku.lower() == "basic"
    assert team.tags == details["tags"]
    assert team.discovery_url.endswith(details["workspaceid"])


def test_create_again_needs_exist_ok(team):
    same = dict(name="team-a", subscription_id=team.subscription_id,
                resource_group="team-a-group")
    assert Workspace.create(exist_ok=True, **same).get_details() == team.get_details()
    with pytest.raises(WorkspaceException) as error:
        Workspace.create(**same)
    assert "already exists" in str(error.value)


def test_create_without_a_location_takes_the_groups(team):
    made = Workspace.create("no-location", subscription_id=team.subscription_id,
                            resource_group="team-a-group", show_output=False)
    assert made.location == "westeurope"
    made.delete()
    with pytest.raises((ProjectSystemException, WorkspaceException)):
        made.get_details()


def test_create_does_not_make_a_group_unasked(workspace):
    with pytest.raises(WorkspaceException) as error:
        Workspace.create("never", subscription_id=workspace.subscription_id,
                         resource_group="nowhere", create_resource_group=False,
                         location="westeurope")
    assert "Resource group was not found" in str(error.value)


def test_a_place_that_is_none_is_refused(workspace):
    with pytest.raises(WorkspaceException) as error:
        Workspace.create("never", subscription_id=workspace.subscription_id,
                         resource_group=workspace.resource_group, location="atlantis")
    assert "Location not available" in str(error.value)


def test_list_of_a_subscription_has_both_and_nothing_else(team, workspace):
    found = Workspace.list(workspace.subscription_id)
    assert {"team-a", workspace.name} <= set(found)
    assert "local" not in found, "a cluster is no workspace"
    found = Workspace.list(workspace.subscription_id, resource_group="TEAM-A-GROUP")
    assert [ws.location for ws in found["team-a"]] == ["westeurope"]


def test_write_config_is_what_from_config_reads(team, folder):
    team.write_config(path=str(folder), file_name="mine.json")
    read = Workspace.from_config(path=str(folder / ".azureml" / "mine.json"))
    assert read.get_details() == team.get_details()


def test_update_changes_what_is_said_and_keeps_the_rest(team):
    before = team.get_details()
    after = team.update(friendly_name="Team A", description="what we do",
                        tags={"team": "b"}, image_build_compute="cpu-cluster")
    assert after["friendlyName"] == "Team A"
    assert after["description"] == "what we do"
    assert after["tags"] == {"team": "b"}
    assert after["imageBuildCompute"] == "cpu-cluster"
    assert after["storageAccount"] == before["storageAccount"]
    registry = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
    after = team.update_dependencies(container_registry=registry, force=True)
    assert after["containerRegistry"] == registry
    team.update(tags={"team": "a"})
    assert team.get_details()["friendlyName"] == "Team A"


def test_a_new_workspace_is_empty(team):
    assert team.compute_targets == {}
    assert team.get_default_compute_target("cpu") is None
    assert team.models == {}
    assert team.webservices == {}
    assert team.images == {}
    assert team.datastores == {}
    assert not team.datasets
    assert isinstance(team.environments, dict)
    assert team.private_endpoints == {}
    assert team.list_connections() == "[]"


def test_calls_without_anything_to_do(team):
    assert team.sync_keys() is None
    assert team.sync_keys(no_wait=True) is None
    keys = team.list_keys()
    assert keys["userStorageResourceId"].startswith("/subscriptions/")
    diagnosis = team.diagnose_workspace({"value": {}})
    assert diagnosis["value"]["storage_account_results"] == []
    assert team.delete_connection("none") is None
    team.delete_private_endpoint_connection("none")


@pytest.mark.parametrize("call", [
    lambda ws: ws.set_connection("feed", "PythonFeed", "https://x", "PAT", "secret"),
    lambda ws: ws.get_connection("feed"),
    lambda ws: ws.experiments,
    lambda ws: ws.get_run("run-1"),
    lambda ws: ws.linked_services,
    lambda ws: ws.get_default_datastore(),
    lambda ws: ws.set_default_datastore("none"),
], ids=["set_connection", "get_connection", "experiments", "get_run",
        "linked_services", "get_default_datastore", "set_default_datastore"])
def test_what_is_not_there_says_so(team, call):
    with pytest.raises(Exception) as error:
        call(team)
    text = str(error.value)
    assert not isinstance(error.value, (TypeError, KeyError, AttributeError)), repr(error.value)
    assert re.search("not supported|no route|not found|NotFound|is not", text), text
    assert "secret" not in text.replace("client_secret", "")


def test_models_are_seen_in_their_workspace_alone(team, workspace, folder):
    (folder / "model.txt").write_text("of team a")
    Model.register(team, "model.txt", "team-model")
    assert "team-model" in team.models
    assert "team-model" not in workspace.models


def test_two_workspaces_serve_under_one_name(team, workspace, cluster):
    """Each at an address of its own; neither key opens the other."""
    config = AksCompute.provisioning_configuration(
        cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )
    theirs = settled_compute(ComputeTarget.create(team, "team-cluster", config))
    services = [
        healthy(deploy(workspace, cluster, "twin", script(ECHO))),
        healthy(deploy(team, theirs, "twin", script(ECHO))),
    ]
    first, second = (service.scoring_uri for service in services)
    assert re.fullmatch("https://[^/]+/api/v1/service/twin/score", first)
    team_id = team.get_details()["workspaceid"]
    assert second.endswith(f"/workspaces/{team_id}/api/v1/service/twin/score")
    keys = [service.get_keys()[0] for service in services]
    for uri, good, bad in [(first, keys[0], keys[1]), (second, keys[1], keys[0])]:
        for key, status in [(good, 200), (bad, 401)]:
            answer = requests.post(uri, json={"a": 1}, timeout=30,
                                   headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status, answer.text
    assert services[1].run(json.dumps({"b": 2})) == {"echo": {"b": 2}}
    with pytest.raises(Exception) as error:
        team.delete()
    assert "`twin`" in str(error.value) and "`team-cluster`" in str(error.value), error.value
    for service in services:
        service.delete()
    theirs.delete()
    theirs.wait_for_completion(is_delete_operation=True)


def test_delete_takes_what_lies_in_it(team, workspace, folder):
    made = Workspace.create("short-lived", subscription_id=team.subscription_id,
                            resource_group="team-a-group", show_output=False)
    (folder / "model.txt").write_text("bytes")
    Model.register(made, "model.txt", "goes-too")
    made.delete(delete_dependent_resources=True, no_wait=True)
    again = Workspace.create("short-lived", subscription_id=team.subscription_id,
                             resource_group="team-a-group", show_output=False)
    assert again.models == {}
    again.delete()


TEMPLATE = """{"properties": {"mode": "Incremental", "parameters": {"name": {"value": "from-a-template"}}, template:{
    // as az sends it
    "parameters": {"name": {"type": "string"}},
    "resources": [{"type": "Microsoft.MachineLearningServices/workspaces",
                   "name": "[parameters('name')]", "location": "[resourceGroup().location]"}]
}}}"""


def test_a_template_with_comments_makes_a_workspace(arm, workspace):
    path = f"{arm.group}/providers/Microsoft.Resources/deployments/from-az?api-version=2025-04-01"
    put = arm.call("PUT", path, data=TEMPLATE, headers={"Content-Type": "application/json"})
    assert put.status_code == 201, put.text
    status = put.headers["Azure-AsyncOperation"].removeprefix(arm.url)
    assert arm.call("GET", status).json()["status"] == "Succeeded"
    assert arm.call("GET", path).json()["properties"]["provisioningState"] == "Succeeded"
    made = Workspace.get("from-a-template", subscription_id=workspace.subscription_id,
                         resource_group=workspace.resource_group)
    assert made.location == workspace.location
    made.delete()
