"""A workspace as documented scripts reach it."""

import json

import pytest
import requests
from azureml.core import Workspace
from azureml.exceptions import ProjectSystemException, UserErrorException, WorkspaceException


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
