"""Deploy, list, get, delete; what a script sees."""

import pytest
import requests
from azureml.core import Environment, Model
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AksWebservice, Webservice
from azureml.exceptions import WebserviceException
from services import ECHO, call, deploy, environment, healthy, one_replica, script, write

READER = """
import json
import os
from pathlib import Path
from helper import shout

def init():
    global text
    text = (Path(os.environ["AZUREML_MODEL_DIR"]) / "a.txt").read_text()

def run(raw_data):
    return {"text": shout(text), "data": Path(__file__).with_name("data.json").read_text()}
"""

BOTH = """
import os
from pathlib import Path

def init():
    global found
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    found = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

def run(raw_data):
    return found
"""

SCHEMA = """
import numpy
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    pass

@input_schema("data", NumpyParameterType(numpy.array([[1.0, 2.0]])))
@output_schema(StandardPythonParameterType([3.0]))
def run(data):
    return data.sum(axis=1).tolist()
"""


@pytest.fixture
def removed(request):
    """Deletes a service when the test ends."""

    def removed(service):
        request.addfinalizer(service.delete)
        return service

    return removed


def test_wait_shows_the_log_and_ends_healthy(workspace, cluster, removed, capsys):
    service = removed(deploy(workspace, cluster, "waited", script(ECHO), tags={"x": "y"}))
    service.wait_for_deployment(show_output=True)
    out = capsys.readouterr().out
    assert 'operation "Succeeded"' in out
    # Said once, however often the reconciler looked.
    _, _, operation = service._get_operation_state(True, 0)
    assert operation["streamingOperationLog"].count("Environment ready") == 1
    assert service.state == "Healthy"
    assert service.run('{"a": 1}') == {"echo": {"a": 1}}
    assert service.scoring_uri.endswith("/api/v1/service/waited/score")
    assert call(service, [1, "ä"]).json() == {"echo": [1, "ä"]}


def test_it_is_listed_and_got_by_name(workspace, probe):
    got = Webservice(workspace, "probe")
    assert isinstance(got, AksWebservice)
    assert got.compute_name == "e2e-cluster" and got.tags == {"a": "b"}
    assert got.scoring_uri == probe.scoring_uri
    assert "probe" in [s.name for s in Webservice.list(workspace, compute_type="AKS")]
    assert "probe" in workspace.webservices
    assert Webservice.list(workspace, tags=[["a", "no"]]) == []
    with pytest.raises(WebserviceException, match="WebserviceNotFound"):
        Webservice(workspace, "no-such-service")


def test_defaults_are_those_that_are_documented(probe):
    assert probe.num_replicas == 1
    assert probe.scoring_timeout_ms == 2000
    assert probe.max_concurrent_requests_per_container == 1
    assert probe.max_request_wait_time == 500
    assert probe.auth_enabled is True and not probe.token_auth_enabled
    resources = probe.container_resource_requirements
    assert (resources.cpu, resources.memory_in_gb) == (0.1, 0.5)
    assert probe.liveness_probe_requirements.period_seconds == 10
    assert probe.liveness_probe_requirements.initial_delay_seconds == 310


def test_a_source_directory_with_modules_data_and_a_model(workspace, cluster, folder, removed):
    (folder / "code").mkdir()
    write("code/score.py", READER)
    write("code/helper.py", "def shout(text):\n    return text.upper()\n")
    write("code/data.json", "{}")
    write("a.txt", "hello")
    model = Model.register(workspace, "a.txt", "text")
    inference = InferenceConfig(
        entry_script="score.py", source_directory="code", environment=environment()
    )
    service = removed(healthy(deploy(workspace, cluster, "sourced", inference, [model])))
    assert service.run("{}") == {"text": "HELLO", "data": "{}"}
    assert [m.id for m in service.models] == [model.id]


def test_two_models_lie_by_name_and_version(workspace, cluster, folder, removed):
    (folder / "net").mkdir()
    write("net/b.txt", "b")
    write("a.txt", "a")
    one = Model.register(workspace, "a.txt", "first")
    two = Model.register(workspace, "net", "second")
    service = removed(healthy(deploy(workspace, cluster, "both", script(BOTH), [one, two])))
    assert service.run("{}") == [
        f"first/{one.version}/a.txt", f"second/{two.version}/net/b.txt"
    ]


def test_schema_decorators_shape_input_output_and_swagger(workspace, cluster, removed):
    service = removed(healthy(deploy(workspace, cluster, "schema", script(SCHEMA))))
    assert service.run('{"data": [[1, 2], [3, 4]]}') == [3.0, 7.0]
    key = service.get_keys()[0]
    swagger = requests.get(
        service.swagger_uri, headers={"Authorization": f"Bearer {key}"}, timeout=10
    )
    assert swagger.status_code == 200
    assert "data" in swagger.text and "ServiceInput" in swagger.text
    wrong = call(service, {"nonsense": 1})
    assert wrong.status_code in (400, 502), wrong.text


def test_the_working_directory_and_variables_are_those_of_a_container(workspace, cluster, removed):
    named = environment("named")
    named.environment_variables = {"COLOUR": "blue"}
    text = (
        "import os\ndef init():\n    pass\ndef run(raw_data):\n"
        "    return [os.environ['COLOUR'], os.environ['AZUREML_ENTRY_SCRIPT'],"
        " os.getcwd() == os.environ['AML_APP_ROOT'], 'MSI_SECRET' in os.environ]\n"
    )
    service = removed(healthy(deploy(workspace, cluster, "vars", script(text, environment=named))))
    assert service.run("{}") == ["blue", "score.py", True, False]


def test_a_service_of_the_same_name_wants_overwrite(workspace, cluster, probe):
    with pytest.raises(WebserviceException) as error:
        deploy(workspace, cluster, "probe", script(ECHO))
    assert "probe" in str(error.value)
    assert "pid" in probe.run("{}")


def test_overwrite_replaces_code_and_keeps_the_address(workspace, cluster, removed):
    first = removed(healthy(deploy(workspace, cluster, "again", script(ECHO))))
    text = "def init():\n    pass\ndef run(raw_data):\n    return 'second'\n"
    second = Model.deploy(
        workspace, "again", [], script(text), one_replica(), cluster, overwrite=True
    )
    healthy(second)
    assert second.scoring_uri == first.scoring_uri
    assert second.run("{}") == "second"


@pytest.mark.parametrize("name", ["UPPER", "a_b", "1ab", "ab-", "ab", "a" * 33])
def test_names_of_services_have_a_rule(arm, name):
    answer = arm.call(
        "POST", f"/modelmanagement/v1.0{arm.workspace}/services",
        json={"name": name, "computeType": "AKS", "computeName": "e2e-cluster"},
    )
    assert answer.status_code == 400, answer.text
    assert "name" in answer.text


def test_an_unknown_compute_is_named_before_anything_is_built(workspace, cluster):
    with pytest.raises(WebserviceException) as error:
        Model.deploy(
            workspace, "lost", [], script(ECHO), one_replica(compute_target_name="nowhere")
        )
    assert "nowhere" in str(error.value)
    with pytest.raises(WebserviceException, match="WebserviceNotFound"):
        Webservice(workspace, "lost")


def test_what_cannot_be_mapped_is_refused_by_name(workspace, cluster):
    impossible = Environment("impossible")
    impossible.python.conda_dependencies.add_conda_package("r-base")
    with pytest.raises(WebserviceException) as error:
        service = deploy(workspace, cluster, "noway", script(ECHO, environment=impossible))
        service.wait_for_deployment()
    assert "r-base" in str(error.value)


def test_delete_ends_processes_and_address(workspace, cluster, server):
    before = set(server.scorers())
    service = healthy(deploy(workspace, cluster, "brief", script(ECHO)))
    started = set(server.scorers()) - before
    assert len(started) == 1
    key = service.get_keys()[0]
    service.delete()
    assert not started & set(server.scorers())
    assert call(service, {}, key=key).status_code == 404
    with pytest.raises(WebserviceException, match="WebserviceNotFound"):
        Webservice(workspace, "brief")
