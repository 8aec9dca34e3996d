"""The ways in, and what a wrong one says. Each in a Python of its own, since the SDK
keeps what it learned about a sign-in for the life of the process."""

import os
import subprocess
import sys

import pytest
import requests
from azureml.core import Workspace
from azureml.core.authentication import ServicePrincipalAuthentication, TokenAuthentication

OPEN = """
import sys
from azureml.core import Workspace
workspace = Workspace.from_config(path=sys.argv[1])
print("opened", workspace.name, len(workspace.compute_targets) >= 0)
"""

SIGN_IN_VARIABLES = ("MSI_ENDPOINT", "MSI_SECRET", "APPSETTING_WEBSITE_SITE_NAME")


def run_script(server, text, variables=(), without=()):
    environment = {k: v for k, v in os.environ.items() if k not in without}
    environment.update(variables)
    return subprocess.run(
        [sys.executable, "-c", text, server.data / "config.json"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def get(server, auth):
    admin = server.admin()
    return Workspace.get(
        admin["workspaceName"],
        auth=auth,
        subscription_id=admin["subscriptionId"],
        resource_group=admin["resourceGroup"],
    )


def test_a_documented_script_opens_its_workspace(server):
    ended = run_script(server, OPEN)
    assert ended.returncode == 0, ended.stderr
    assert "opened default True" in ended.stdout


def test_a_service_principal_from_the_environment(server):
    admin = server.admin()
    ended = run_script(
        server,
        OPEN,
        {
            "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": "adfs",
            "AZUREML_SERVICE_PRINCIPAL_ID": admin["clientId"],
            "AZUREML_SERVICE_PRINCIPAL_PASSWORD": admin["clientSecret"],
        },
        without=SIGN_IN_VARIABLES,
    )
    assert ended.returncode == 0, ended.stderr
    assert "opened default" in ended.stdout


def test_a_service_principal_of_the_authority(server):
    admin = server.admin()
    auth = ServicePrincipalAuthentication("adfs", admin["clientId"], admin["clientSecret"])
    workspace = get(server, auth)
    assert workspace.name == admin["workspaceName"]
    assert isinstance(workspace.compute_targets, dict)


def test_a_token_of_ones_own(server, arm):
    workspace = get(server, TokenAuthentication(lambda audience: arm.token))
    assert isinstance(workspace.compute_targets, dict)


def test_a_wrong_secret_is_refused_with_a_reason(server):
    admin = server.admin()
    auth = ServicePrincipalAuthentication("adfs", admin["clientId"], "wrong")
    with pytest.raises(Exception) as error:
        get(server, auth)
    text = str(error.value)
    assert "secret" in text.lower(), text
    assert admin["clientSecret"] not in text


def test_a_token_of_another_signer_is_a_401_with_a_challenge(server, arm):
    head, body, signature = arm.token.split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    answer = arm.call("GET", "/subscriptions?api-version=2022-12-01", token=forged)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.json()["error"]["code"]
    # What was sent is not sent back.
    assert forged not in answer.text


@pytest.mark.parametrize("path", ["/subscriptions", "{workspace}/computes/a",
                                  "/modelmanagement/v1.0{workspace}/services/a"])
def test_without_a_token_nothing_answers(arm, path):
    url = arm.url + path.format(workspace=arm.workspace)
    answer = requests.get(url + "?api-version=2022-12-01", timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_token_endpoint_wants_the_secret(server):
    environment = server.environment()
    url = f"{environment['MSI_ENDPOINT']}/?resource={server.admin()['serverUrl']}&api-version=2017-09-01"
    good = requests.get(url, headers={"secret": environment["MSI_SECRET"]}, timeout=10)
    assert good.status_code == 200 and good.json()["access_token"].count(".") == 2
    for headers in ({"secret": "wrong"}, {}):
        answer = requests.get(url, headers=headers, timeout=10)
        assert answer.status_code in (400, 401), answer.text
        assert "access_token" not in answer.text
