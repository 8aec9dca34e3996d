"""Updates of a service that runs, and deployments that fail."""

import threading
import uuid

import pytest
from azureml.core import Environment, Model
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.webservice import Webservice
from azureml.exceptions import ComputeTargetException, WebserviceException
from services import (
    BROKEN,
    ECHO,
    call,
    deploy,
    end_of,
    environment,
    healthy,
    one_replica,
    script,
    write,
)
from wharf_process import until

MODEL = """
import os
from pathlib import Path

def init():
    global text
    text = next(p for p in Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*") if p.is_file()).read_text()

def run(raw_data):
    return text
"""


@pytest.fixture
def service(workspace, cluster):
    """A healthy service of its own."""
    service = healthy(deploy(workspace, cluster, f"u{uuid.uuid4().hex[:8]}", script(ECHO)))
    yield service
    service.delete()


def test_tags_and_description_change_without_a_new_replica(workspace, service, server):
    before = server.scorers()
    service.update(tags={"stage": "gold"}, description="better")
    healthy(service)
    found = Webservice(workspace, service.name)
    assert found.tags == {"stage": "gold"} and found.description == "better"
    assert server.scorers() == before


def test_replicas_go_up_and_down(service, server):
    before = set(server.scorers())
    service.update(num_replicas=3)
    healthy(service)
    assert service.num_replicas == 3
    assert len(set(server.scorers()) - before) == 2
    service.update(num_replicas=1)
    healthy(service)
    until(lambda: len(server.scorers()) == len(before), "two replicas leave")
    assert call(service, 1).json() == {"echo": 1}


def test_new_code_replaces_old_without_a_gap(service):
    key = service.get_keys()[0]
    text = "def init():\n    pass\ndef run(raw_data):\n    return 'second'\n"
    service.update(inference_config=script(text))
    answers = set()
    while service._get_operation_state()[0] not in ("Succeeded", "Failed"):
        answer = call(service, 1, key=key)
        assert answer.status_code == 200, answer.text
        answers.add(answer.text)
    healthy(service)
    assert service.run("1") == "second"


def test_another_environment(service):
    other = environment("other")
    other.environment_variables = {"COLOUR": "red"}
    text = "import os\ndef init():\n    pass\ndef run(raw_data):\n    return os.environ['COLOUR']\n"
    service.update(inference_config=script(text, environment=other))
    healthy(service)
    assert service.run("1") == "red"


def test_another_model(workspace, service):
    write("m.txt", "one")
    model = Model.register(workspace, "m.txt", "updated")
    service.update(models=[model], inference_config=script(MODEL))
    healthy(service)
    assert service.run("1") == "one"
    write("m.txt", "two")
    model = Model.register(workspace, "m.txt", "updated")
    service.update(models=[model], inference_config=script(MODEL))
    healthy(service)
    assert service.run("1") == "two"


def test_an_update_that_fails_leaves_what_serves(service):
    service.update(inference_config=script(BROKEN))
    state, error = end_of(service)
    assert state == "Failed", state
    assert "no model in sight" in str(error) or "init" in str(error).lower()
    assert service.run("1") == {"echo": 1}


def test_limits_out_of_range_are_refused_with_their_field(arm, service):
    answer = arm.call(
        "PATCH", f"/modelmanagement/v1.0{arm.workspace}/services/{service.name}",
        json=[{"op": "replace", "path": "/numReplicas", "value": 0},
              {"op": "replace", "path": "/scoringTimeoutMs", "value": -1}],
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert answer.status_code == 400
    assert "numReplicas" in answer.text and "scoringTimeoutMs" in answer.text
    assert answer.json()["statusCode"] == 400


def test_a_patch_of_an_unknown_path_is_refused(arm, service):
    answer = arm.call(
        "PATCH", f"/modelmanagement/v1.0{arm.workspace}/services/{service.name}",
        json=[{"op": "replace", "path": "/noSuchThing", "value": 0}],
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert answer.status_code == 400 and "noSuchThing" in answer.text


def test_a_failing_init_says_why_and_keeps_its_log(workspace, cluster, request):
    service = deploy(workspace, cluster, "broken", script(BROKEN))
    request.addfinalizer(service.delete)
    with pytest.raises(WebserviceException) as error:
        service.wait_for_deployment()
    message = str(error.value)
    assert "Failed" in message and "get_logs" in message
    assert service.state in ("Failed", "Unhealthy")
    logs = service.get_logs()
    assert "the model is not where I look" in logs
    assert "no model in sight" in logs and "Traceback" in logs


def test_a_failed_service_can_be_put_right(workspace, cluster, request):
    service = deploy(workspace, cluster, "mended", script(BROKEN))
    request.addfinalizer(service.delete)
    assert end_of(service)[0] == "Failed"
    service = Model.deploy(
        workspace, "mended", [], script(ECHO),
        one_replica(), cluster, overwrite=True,
    )
    assert healthy(service).run("1") == {"echo": 1}


def test_an_environment_that_cannot_be_made_names_the_package(workspace, cluster, request):
    nowhere = Environment("nowhere")
    nowhere.python.conda_dependencies = CondaDependencies.create(
        python_version="3.11", pip_packages=["numpy==0.0.1"]
    )
    service = deploy(workspace, cluster, "unmade", script(ECHO, environment=nowhere))
    request.addfinalizer(service.delete)
    with pytest.raises(WebserviceException) as error:
        service.wait_for_deployment(show_output=True)
    assert "numpy" in str(error.value)


def test_a_service_moves_to_another_compute_without_a_gap(workspace, service, server, request):
    from azureml.core.compute import AksCompute, ComputeTarget
    from services import settled_compute

    config = AksCompute.provisioning_configuration(
        cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )
    other = settled_compute(ComputeTarget.create(workspace, "moved-to", config))

    def removed():
        service.delete()
        other.delete()

    request.addfinalizer(removed)
    key, before = service.get_keys()[0], replicas_of(server, service)
    statuses, is_over = [], threading.Event()

    def score():
        while not is_over.is_set():
            statuses.append(call(service, 1, key=key).status_code)

    thread = threading.Thread(target=score)
    thread.start()
    try:
        until(lambda: statuses, "the first answer", 30)
        service.update(is_migration=True, compute_target=other.name)
        assert service.state == "Migrating"
        healthy(service)
        moved = len(statuses)
        until(lambda: len(statuses) > moved, "an answer after the move", 30)
    finally:
        is_over.set()
        thread.join()
    assert set(statuses) == {200}
    assert service.compute_name == "moved-to"
    assert call(service, 1, key=key).json() == {"echo": 1}
    until(lambda: len(replicas_of(server, service)) == 1, "the old replica leaves")
    assert not before & replicas_of(server, service)
    service.update(is_migration=True, compute_target=other.name)
    assert service.state == "Migrated"
    with pytest.raises(WebserviceException, match="nowhere"):
        service.update(is_migration=True, compute_target="nowhere")
    with pytest.raises(ComputeTargetException, match="services still run on it"):
        other.delete()


def test_a_service_that_is_gone_does_not_move(workspace, cluster, capsys):
    service = healthy(deploy(workspace, cluster, "gone-away", script(ECHO)))
    service.delete()
    service.update(is_migration=True, compute_target=cluster.name)
    assert "No service with name gone-away found to migrate" in capsys.readouterr().out


def replicas_of(server, service):
    return {pid for pid, name in server.services().items() if name == service.name}
