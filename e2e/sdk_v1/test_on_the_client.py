"""What the SDK does by itself, and what it does not let through to the server."""

import pytest
from azureml.core import Environment, Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.environment import DockerBuildContext
from azureml.core.model import Model
from azureml.core.private_endpoint import PrivateEndPointConfig
from azureml.core.webservice import LocalWebservice, Webservice
from azureml.exceptions import ComputeTargetException, UserErrorException
from services import one_replica, script, write


def test_a_workspace_by_its_constructor_is_the_same(workspace):
    same = Workspace(workspace.subscription_id, workspace.resource_group, workspace.name)
    assert same.get_details() == workspace.get_details()
    assert same.service_context.workspace_name == workspace.name
    same = Workspace.get(workspace.name, subscription_id=workspace.subscription_id,
                         resource_group=workspace.resource_group)
    assert same.get_details() == workspace.get_details()


def test_setup_asks_nothing_where_a_configuration_is(workspace, folder, monkeypatch):
    def ask(*_):
        raise AssertionError("it asks")

    monkeypatch.setattr("builtins.input", ask)
    workspace.write_config(path=str(folder))
    Workspace.setup()


def test_environments_from_every_source(folder):
    write("env.yml", "name: x\ndependencies:\n- python=3.11\n- pip:\n  - numpy\n")
    write("requirements.txt", "numpy\n")
    write("Dockerfile", "FROM scratch\n")
    by_conda = Environment.from_conda_specification("a", "env.yml")
    packages = list(by_conda.python.conda_dependencies.pip_packages)
    assert packages == ["numpy"]
    by_pip = Environment.from_pip_requirements("b", "requirements.txt")
    assert list(by_pip.python.conda_dependencies.pip_packages) == ["numpy"]
    assert Environment.from_docker_image("c", "an/image:1").docker.base_image == "an/image:1"
    assert "FROM scratch" in Environment.from_dockerfile("d", "Dockerfile").docker.base_dockerfile
    context = DockerBuildContext()
    assert Environment.from_docker_build_context("f", context).docker.build_context is context
    copy = by_conda.clone("e")
    assert (copy.name, by_conda.name) == ("e", "a")
    by_conda.environment_variables = {"A": "1"}
    assert by_conda.environment_variables == {"A": "1"}
    by_conda.save_to_directory("kept")
    assert Environment.load_from_directory("kept").name == "a"


def test_an_environment_of_a_conda_that_is_not_here(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(FileNotFoundError, match="conda"):
        Environment.from_existing_conda_environment("x", "nowhere")


def test_a_configuration_is_printed(workspace, folder, cluster, capsys):
    Model.print_configuration([], script("def init(): pass\n"), one_replica(), cluster)
    printed = capsys.readouterr().out
    assert cluster.name in printed and "score.py" in printed


def test_attach_by_the_old_call_says_what_to_call(workspace):
    with pytest.raises(ComputeTargetException, match="attach_configuration"):
        AksCompute.attach(workspace, "old", "/subscriptions/x")


def test_computes_are_read_by_the_class_of_their_kind(workspace):
    assert ComputeTarget.deserialize(workspace, {"properties": {"computeType": "AKS"}}) is None


def test_tracking_needs_a_package_that_is_not_here(workspace):
    with pytest.raises(UserErrorException, match="azureml-mlflow"):
        workspace.get_mlflow_tracking_uri()


def test_a_key_vault_is_named_without_a_call(workspace):
    assert workspace.get_default_keyvault().workspace is workspace


def test_a_local_deployment_needs_docker_here(workspace, folder):
    with pytest.raises(Exception) as error:
        Webservice.deploy_local_from_model(
            workspace, "local-one", [], None, LocalWebservice.deploy_configuration(port=8890)
        )
    assert "ocker" in str(error.value)


def test_private_endpoints_are_refused(workspace):
    config = PrivateEndPointConfig("inside", "a-net", "a-subnet")
    with pytest.raises(Exception) as error:
        workspace.add_private_endpoint(config, show_output=False)
    assert "vnet and subnet was not found" in str(error.value)
