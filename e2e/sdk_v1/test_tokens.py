"""Token authentication, as the SDK uses it and as others would break it."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta

import pytest
import requests
from azureml.core.webservice import AksWebservice, Webservice
from azureml.exceptions import WebserviceException
from services import ECHO, call, deploy, end_of, healthy, script


def deployed(workspace, cluster, request, **options):
    service = healthy(deploy(workspace, cluster, f"t{uuid.uuid4().hex[:8]}", script(ECHO), **options))
    request.addfinalizer(service.delete)
    return service


@pytest.fixture
def service(workspace, cluster, request):
    """A service that asks for tokens."""
    return deployed(workspace, cluster, request, token_auth_enabled=True)


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_the_sdk_runs_with_tokens(service, workspace):
    assert service.token_auth_enabled is True and service.auth_enabled is False
    assert service.run("1") == {"echo": 1}
    assert service.run("2") == {"echo": 2}
    token = service.get_access_token()
    assert token.token_type == "Bearer"
    # The SDK turns both into local times.
    assert token.expiry_on - token.refresh_after == timedelta(hours=12)
    assert timedelta(hours=11) < token.refresh_after - datetime.now() < timedelta(hours=13)
    assert call(service, 3, key=token.access_token).json() == {"echo": 3}
    text, refresh = service.get_token()
    assert call(service, 3, key=text).json() == {"echo": 3}
    assert abs(refresh - token.refresh_after) < timedelta(minutes=1)
    assert token.serialize()["accessToken"] == token.access_token
    found = Webservice(workspace, service.name)
    assert found.token_auth_enabled is True and found.run("4") == {"echo": 4}
    assert found.serialize()["aadAuthEnabled"] is True


def test_keys_and_forged_tokens_do_not_score(workspace, cluster, request, service, server):
    other = deployed(workspace, cluster, request, token_auth_enabled=True)
    token = service.get_access_token().access_token
    header, payload, signature = token.split(".")
    key_id = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    keys = requests.get(
        f"{server.admin()['serverUrl']}/adfs/discovery/keys", timeout=10
    ).json()["keys"]
    message = f"{encoded({'alg': 'HS256', 'kid': key_id})}.{payload}"
    mac = hmac.new(json.dumps(keys[0]).encode(), message.encode(), hashlib.sha256).digest()
    later = claims_of(token) | {"exp": claims_of(token)["exp"] + 999_999}
    forged = {
        "a key": service.get_keys()[0],
        "the administrator's token": service._auth.get_authentication_header()["Authorization"][7:],
        "another service's token": other.get_access_token().access_token,
        "alg none": f"{encoded({'alg': 'none', 'kid': key_id})}.{payload}.",
        "an HMAC": f"{message}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}",
        "other claims": f"{header}.{encoded(later)}.{signature}",
        "cut": token[:-2],
        "nothing": "x",
    }
    for what, credential in forged.items():
        assert call(service, 1, key=credential).status_code == 401, what
    assert call(service, 1, key="").status_code == 401
    assert call(service, 1, key=token).status_code == 200


def test_the_token_of_a_service_is_no_way_in(service, server, arm):
    token = service.get_access_token().access_token
    answer = arm.call("GET", "/subscriptions?api-version=2022-12-01", token=token)
    assert answer.status_code == 401


def test_a_later_service_of_the_same_name_does_not_take_it(workspace, cluster, request):
    first = healthy(deploy(workspace, cluster, "again-token", script(ECHO), token_auth_enabled=True))
    token = first.get_access_token().access_token
    assert call(first, 1, key=token).status_code == 200
    first.delete()
    second = deploy(workspace, cluster, "again-token", script(ECHO), token_auth_enabled=True)
    request.addfinalizer(second.delete)
    healthy(second)
    assert call(second, 1, key=token).status_code == 401
    assert second.run("1") == {"echo": 1}


def test_switching_between_keys_and_tokens(workspace, cluster, request):
    service = deployed(workspace, cluster, request)
    key = service.get_keys()[0]
    with pytest.raises(WebserviceException, match="asks for a key"):
        service.get_access_token()
    with pytest.raises(WebserviceException):
        service.update(token_auth_enabled=True)
    service.update(token_auth_enabled=True, auth_enabled=False)
    healthy(service)
    token = service.get_access_token().access_token
    assert call(service, 1, key=key).status_code == 401
    assert call(service, 1, key=token).status_code == 200
    assert service.run("1") == {"echo": 1}
    service.update(token_auth_enabled=False, auth_enabled=True)
    healthy(service)
    assert call(service, 1, key=token).status_code == 401
    assert call(service, 1, key=key).status_code == 200
    service.update(auth_enabled=False)
    healthy(service)
    assert call(service, 1, key="").status_code == 200


def test_regenerating_a_key_ends_the_tokens(service):
    token = service.get_access_token().access_token
    assert call(service, 1, key=token).status_code == 200
    service.regen_key("Secondary")
    assert call(service, 1, key=token).status_code == 401
    assert service.run("1") == {"echo": 1}


def test_both_ways_at_once_are_refused(workspace, cluster, arm):
    with pytest.raises(WebserviceException, match="cannot both be true"):
        AksWebservice.deploy_configuration(auth_enabled=True, token_auth_enabled=True)
    answer = arm.call(
        "POST", f"/modelmanagement/v1.0{arm.workspace}/services",
        json={"name": "both-ways", "computeType": "AKS", "computeName": cluster.name,
              "authEnabled": True, "aadAuthEnabled": True},
    )
    assert answer.status_code == 400 and "cannot both be true" in answer.text


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_tokens_outlive_the_server_that_gave_them(service, server, way):
    token = service.get_access_token().access_token
    server.restart(getattr(server, way))
    assert call(service, 1, key=token).status_code == 200
