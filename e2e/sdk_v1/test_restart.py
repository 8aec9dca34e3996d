"""The server goes and comes back in the middle; what serves goes on."""

import json
import subprocess
import threading

import pytest
from azureml.core.webservice import Webservice
from services import ECHO, call, deploy, end_of, healthy, script
from wharf_process import binary, until


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_replicas_keep_their_processes_and_keys(workspace, cluster, server, request, way):
    service = healthy(deploy(workspace, cluster, f"keep-{way}", script(ECHO), num_replicas=2))
    request.addfinalizer(service.delete)
    keys = service.get_keys()
    before = server.scorers()
    assert call(service, 1, key=keys[0]).status_code == 200
    server.restart(getattr(server, way))
    assert call(service, 1, key=keys[0]).json() == {"echo": 1}
    assert server.scorers() == before
    found = Webservice(workspace, service.name)
    assert found.get_keys() == keys
    assert found.scoring_uri == service.scoring_uri
    # It stays that way: a wrong reconciler would replace them a moment later.
    found.update(tags={"after": way})
    healthy(found)
    assert server.scorers() == before


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_an_open_deployment_ends_after_the_restart(workspace, cluster, server, request, way):
    service = deploy(workspace, cluster, f"open-{way}", script(ECHO))
    server.restart(getattr(server, way))
    request.addfinalizer(service.delete)
    assert end_of(service)[0] == "Succeeded"
    assert service.run("1") == {"echo": 1}


def test_a_restart_changes_no_address_no_identity_and_no_certificate(server):
    before = {name: (server.data / name).read_text() for name in ("admin.json", "env.sh")}
    ca = (server.data / "tls" / "ca.pem").read_text()
    server.restart(server.stop)
    for name, text in before.items():
        assert (server.data / name).read_text() == text
    assert (server.data / "tls" / "ca.pem").read_text() == ca


def test_a_second_server_on_the_same_directory_names_the_first(server):
    ended = subprocess.run(
        [binary(), "server", "--data-dir", server.data, "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30,
    )
    assert ended.returncode != 0
    assert str(server.process.pid) in ended.stderr


SLOW = """
import json
import time
from pathlib import Path

def init():
    pass

def run(raw_data):
    Path(json.loads(raw_data)).touch()
    time.sleep(2)
    return 1
"""


def test_a_graceful_stop_answers_what_it_took(workspace, cluster, server, request, folder):
    service = healthy(deploy(workspace, cluster, "drained", script(SLOW)))
    request.addfinalizer(service.delete)
    key = service.get_keys()[0]
    begun = folder / "begun"
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(call(service, json.dumps(str(begun)), key=key))
    )
    thread.start()
    until(begun.exists, "the script runs", 30)
    server.stop()
    thread.join()
    server.start()
    assert [answer.status_code for answer in answers] == [200]


def test_files_with_secrets_are_for_the_owner_alone(server):
    for name in ("admin.json", "env.sh"):
        assert (server.data / name).stat().st_mode & 0o077 == 0, name
    secret = server.admin()["clientSecret"]
    assert secret not in server.log.read_text()
