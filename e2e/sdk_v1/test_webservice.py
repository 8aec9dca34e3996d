"""Every public method of a service, and every parameter with what it does."""

import json
import os
import signal
import threading
import uuid

import pytest
from azureml.core import Model
from azureml.core.image import ContainerImage, Image
from azureml.core.webservice import AksWebservice, LocalWebservice, Webservice
from azureml.exceptions import WebserviceException
from services import ECHO, PROBE, call, deploy, end_of, environment, healthy, script, write
from wharf_process import until

STUCK = """
import time

def init():
    print("init begins and does not end")
    time.sleep(600)

def run(raw_data):
    return raw_data
"""


@pytest.fixture
def service(workspace, cluster, request):
    """A healthy service of its own."""
    name = f"w{uuid.uuid4().hex[:8]}"
    service = healthy(deploy(workspace, cluster, name, script(PROBE), properties={"born": "here"}))
    request.addfinalizer(service.delete)
    return service


def replicas_of(server, service):
    return {pid for pid, name in server.services().items() if name == service.name}


def test_update_takes_every_parameter(workspace, service):
    service.update(
        autoscale_enabled=True, autoscale_min_replicas=1, autoscale_max_replicas=2,
        autoscale_refresh_seconds=2, autoscale_target_utilization=60, collect_model_data=True,
        cpu_cores=0.2, cpu_cores_limit=1.5, memory_gb=0.6, memory_gb_limit=2,
        enable_app_insights=True, scoring_timeout_ms=3000, replica_max_concurrent_requests=2,
        max_request_wait_time=900, tags={"a": "b"}, properties={"more": "x/y"},
        description="all of it", period_seconds=5, initial_delay_seconds=20, timeout_seconds=3,
        success_threshold=2, failure_threshold=4, namespace="team-a",
    )
    healthy(service)
    found = Webservice(workspace, service.name)
    scaler, resources = found.autoscaler, found.container_resource_requirements
    probe = found.liveness_probe_requirements
    assert scaler.autoscale_enabled is True
    assert (scaler.min_replicas, scaler.max_replicas) == (1, 2)
    assert (scaler.refresh_period_seconds, scaler.target_utilization) == (2, 60)
    assert found.num_replicas is None
    assert (resources.cpu, resources.cpu_limit) == (0.2, 1.5)
    assert (resources.memory_in_gb, resources.memory_in_gb_limit) == (0.6, 2)
    assert (found.scoring_timeout_ms, found.max_request_wait_time) == (3000, 900)
    assert found.max_concurrent_requests_per_container == 2
    assert found.tags == {"a": "b"} and found.description == "all of it"
    assert found.properties["born"] == "here" and found.properties["more"] == "x/y"
    assert (probe.period_seconds, probe.initial_delay_seconds, probe.timeout_seconds) == (5, 20, 3)
    assert (probe.success_threshold, probe.failure_threshold) == (2, 4)
    assert found.namespace == "team-a" and found.enable_app_insights is True
    assert found.data_collection.storage_enabled is True
    # Two workers share a limit of one and a half cores.
    assert call(found, {"variable": "OMP_NUM_THREADS"}).json() == "1"
    # A fixed number again; what was not named stays.
    found.update(autoscale_enabled=False, num_replicas=1, enable_app_insights=False)
    healthy(found)
    assert found.num_replicas == 1 and found.autoscaler.autoscale_enabled is False
    assert found.scoring_timeout_ms == 3000 and found.enable_app_insights is False


def test_tags_and_properties_by_their_own_calls(workspace, service):
    service.add_tags({"stage": "gold", "owner": "me"})
    healthy(service)
    service.remove_tags(["owner"])
    healthy(service)
    service.add_properties({"licence": "MIT"})
    healthy(service)
    found = Webservice(workspace, service.name)
    assert found.tags == {"stage": "gold"}
    assert found.properties["licence"] == "MIT" and found.properties["born"] == "here"
    with pytest.raises(WebserviceException, match="can only be added"):
        found.update(properties={"born": "elsewhere"})


def test_lists_by_every_filter(workspace, cluster, folder, request):
    write("listed.txt", "x")
    model = Model.register(workspace, "listed.txt", "listed-model")
    service = deploy(
        workspace, cluster, "filtered", script(ECHO), [model],
        tags={"stage": "gold"}, properties={"team": "red"},
    )
    request.addfinalizer(service.delete)
    healthy(service)

    def names(**filters):
        return [found.name for found in Webservice.list(workspace, **filters)]

    for filters in (
        {"compute_type": "AKS"}, {"model_name": "listed-model"}, {"model_id": model.id},
        {"tags": ["stage"]}, {"tags": [["stage", "gold"]]}, {"properties": [["team", "red"]]},
        {"tags": ["stage"], "properties": ["team"], "model_id": model.id},
    ):
        assert "filtered" in names(**filters), filters
    for filters in (
        {"compute_type": "ACI"}, {"model_name": "another"}, {"model_id": "listed-model:99"},
        {"tags": [["stage", "raw"]]}, {"properties": ["nothing"]},
        {"image_name": "x"}, {"image_id": "x:1"}, {"image_digest": "sha256:0"},
    ):
        assert names(**filters) == [], filters


def test_it_is_written_out_and_read_back(workspace, service):
    found = Webservice(workspace, service.name)
    text = json.loads(json.dumps(found.serialize(), default=str))
    assert text["name"] == service.name and text["computeName"] == service.compute_name
    assert text["scoringUri"] == service.scoring_uri and text["authEnabled"] is True
    payload = Webservice._get(workspace, service.name)
    again = AksWebservice.deserialize(workspace, payload)
    assert again.scoring_uri == service.scoring_uri and again.state == "Healthy"
    assert "name=" in repr(found)


def test_logs_of_replicas_and_of_what_went_before(service):
    call(service, {"print": "the answer is 42"})
    logs = until(lambda: "the answer is 42" in (text := service.get_logs()) and text, "the line", 20)
    assert "probe says hello" in logs and "and complains" in logs
    assert len(service.get_logs(num_lines=1).splitlines()) == 1
    assert "nvironment" in service.get_logs(init=True)
    with pytest.raises(WebserviceException, match="tail"):
        service.get_logs(num_lines=-1)


def test_keys_follow_their_rules(service):
    first, second = service.get_keys()
    service.regen_key("Primary", set_key="a-key-of-my-own")
    assert service.get_keys() == ("a-key-of-my-own", second)
    assert call(service, {}, key=first).status_code == 401
    assert call(service, {}, key="a-key-of-my-own").status_code == 200
    service.regen_key("secondary")
    assert service.get_keys()[1] not in (first, second)
    for bad in ("short", "with a space", "x" * 257):
        with pytest.raises(WebserviceException) as error:
            service.regen_key("Primary", set_key=bad)
        assert "keyValue" in str(error.value) and bad not in str(error.value)
    with pytest.raises(WebserviceException, match="Valid options"):
        service.regen_key("Third")
    assert service.get_keys()[0] == "a-key-of-my-own"


def test_a_name_that_is_taken_is_told_before_the_deployment(workspace, service):
    with pytest.raises(WebserviceException, match="is there already"):
        Webservice.check_for_existing_webservice(workspace, service.name)
    Webservice.check_for_existing_webservice(workspace, service.name, overwrite=True)
    Webservice.check_for_existing_webservice(workspace, "nobody-has-this")


def test_images_say_what_to_do_instead(workspace, cluster, folder):
    write("score.py", ECHO)
    write("m.txt", "x")
    write("env.yml", "name: x\ndependencies:\n- python=3.11\n")
    config = ContainerImage.image_configuration("score.py", "python", conda_file="env.yml")
    for make in (
        lambda: Webservice.deploy(
            workspace, "by-image", ["m.txt"], config, deployment_target=cluster
        ),
        lambda: Webservice.deploy_from_model(
            workspace, "by-image", [], config, deployment_target=cluster
        ),
        lambda: Image.create(workspace, "by-image", [], config),
    ):
        with pytest.raises(WebserviceException, match="Model.deploy"):
            make()
    assert Image.list(workspace) == []
    # One that was made elsewhere.
    image = type("Elsewhere", (), {"id": "iris:1", "image_flavor": "WebApiContainer",
                                   "creation_state": "Succeeded", "image_type": "Docker"})()
    with pytest.raises(WebserviceException) as error:
        Webservice.deploy_from_image(
            workspace, "by-image", image, AksWebservice.deploy_configuration(), cluster
        )
    assert "imageId" in str(error.value) and "not supported" in str(error.value)


def test_local_deployments_are_not_for_these_calls(workspace):
    local = LocalWebservice.deploy_configuration(port=8890)
    with pytest.raises(WebserviceException, match="local"):
        Webservice.deploy(workspace, "local-one", [], None, local)


def test_a_hung_replica_is_started_again_as_the_probe_says(workspace, cluster, server, request):
    service = deploy(
        workspace, cluster, f"h{uuid.uuid4().hex[:8]}", script(PROBE), initial_delay_seconds=1,
        period_seconds=1, timeout_seconds=1, failure_threshold=2, success_threshold=1,
    )
    request.addfinalizer(service.delete)
    healthy(service)
    (hung,) = replicas_of(server, service)
    os.kill(hung, signal.SIGSTOP)
    until(lambda: hung not in replicas_of(server, service), "the hung one goes", 60)
    until(lambda: call(service, {}).status_code == 200, "another one answers", 60)
    assert replicas_of(server, service) != {hung}


def test_an_init_that_hangs_ends_with_what_the_probe_saw(workspace, cluster, request):
    service = deploy(
        workspace, cluster, f"s{uuid.uuid4().hex[:8]}", script(STUCK), initial_delay_seconds=1,
        period_seconds=1, timeout_seconds=1, failure_threshold=1,
    )
    request.addfinalizer(service.delete)
    state, error = end_of(service)
    assert state == "Failed" and "health probes" in json.dumps(error), error


def test_autoscaling_follows_the_load_between_its_bounds(workspace, cluster, server, request):
    service = deploy(
        workspace, cluster, f"a{uuid.uuid4().hex[:8]}", script(PROBE), autoscale_enabled=True,
        num_replicas=None, autoscale_min_replicas=1, autoscale_max_replicas=3,
        autoscale_target_utilization=50, autoscale_refresh_seconds=1,
        max_request_wait_time=60_000,
    )
    request.addfinalizer(service.delete)
    healthy(service)
    assert len(replicas_of(server, service)) == 1
    key, is_over = service.get_keys()[0], threading.Event()

    def load():
        while not is_over.is_set():
            assert call(service, {"sleep": 0.3}, key=key).status_code == 200

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(replicas_of(server, service)) == 3, "three replicas", 60)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    # The most that there may be is fewer now.
    service.update(autoscale_enabled=True, autoscale_max_replicas=2)
    healthy(service)
    until(lambda: len(replicas_of(server, service)) <= 2, "one leaves", 60)
    service.update(autoscale_enabled=True, autoscale_min_replicas=2)
    healthy(service)
    assert len(replicas_of(server, service)) == 2


def test_wrong_values_come_back_all_at_once(arm, service):
    patch = [
        {"op": "replace", "path": "/containerResourceRequirements/cpuLimit", "value": 0.05},
        {"op": "replace", "path": "/containerResourceRequirements/gpu", "value": -1},
        {"op": "replace", "path": "/livenessProbeRequirements/periodSeconds", "value": 0},
        {"op": "replace", "path": "/namespace", "value": "Not-A-Namespace"},
        {"op": "replace", "path": "/autoScaler", "value":
            {"autoscaleEnabled": True, "minReplicas": 3, "maxReplicas": 2, "targetUtilization": 101}},
        {"op": "replace", "path": "/numReplicas", "value": None},
        {"op": "remove", "path": "/kvTags/absent"},
        {"op": "test", "path": "/name", "value": "another"},
        {"op": "replace", "path": "/computeName", "value": "x"},
        {"op": "replace", "path": "/imageId", "value": "x:1"},
        {"op": "replace", "path": "/state", "value": "Healthy"},
    ]
    answer = arm.call(
        "PATCH", f"/modelmanagement/v1.0{arm.workspace}/services/{service.name}",
        json=patch, headers={"Content-Type": "application/json-patch+json"},
    )
    assert answer.status_code == 400, answer.text
    for field in ("cpuLimit", "gpu", "periodSeconds", "namespace", "minReplicas",
                  "targetUtilization", "/kvTags/absent", "/name", "/computeName", "/imageId",
                  "/state"):
        assert field in answer.text, field


def test_an_environment_and_a_model_change_in_one_update(workspace, service, folder):
    write("new.txt", "new")
    model = Model.register(workspace, "new.txt", "new-model")
    changed = environment("changed")
    changed.environment_variables = {"COLOUR": "green"}
    service.update(models=[model], inference_config=script(PROBE, environment=changed))
    healthy(service)
    assert call(service, {"variable": "COLOUR"}).json() == "green"
    found = Webservice(workspace, service.name)
    assert [m.id for m in found.models] == [model.id]
    assert found.environment.environment_variables["COLOUR"] == "green"
