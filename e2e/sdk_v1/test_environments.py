"""Registered environments: versions, labels, lists; deployed ones; images there are none of."""

import uuid

import pytest
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.environment import DockerImageDetails
from azureml.exceptions import UserErrorException
from services import ECHO, deploy, environment, healthy, script


@pytest.fixture
def name():
    return f"e-{uuid.uuid4().hex[:8]}"


def packages(environment):
    return list(environment.python.conda_dependencies.pip_packages)


def make(name, *pip):
    made = Environment(name)
    made.python.conda_dependencies = CondaDependencies.create(
        python_version="3.11", pip_packages=list(pip)
    )
    made.environment_variables = {"STAGE": "test"}
    return made


def test_the_same_content_is_the_same_version(workspace, name):
    first = make(name, "numpy").register(workspace)
    assert (first.name, first.version) == (name, "1")
    assert make(name, "numpy").register(workspace).version == "1"
    assert make(name, "numpy", "scipy").register(workspace).version == "2"
    assert packages(Environment.get(workspace, name)) == ["numpy", "scipy"]
    found = Environment.get(workspace, name, version="1")
    assert packages(found) == ["numpy"]
    assert found.environment_variables == {"STAGE": "test"}
    # What was got is what was registered: again is the same.
    assert Environment.get(workspace, name).register(workspace).version == "2"


def test_a_chosen_version_never_changes(workspace, name):
    chosen = make(name, "numpy")
    chosen.version = "7"
    assert chosen.register(workspace).version == "7"
    assert chosen.register(workspace).version == "7"
    other = make(name, "scipy")
    other.version = "7"
    with pytest.raises(Exception) as error:
        other.register(workspace)
    assert "Code: 409" in str(error.value) and "versions never change" in str(error.value)
    assert make(name, "scipy").register(workspace).version == "8"


def test_labels_move_and_latest_is_always_there(workspace, name):
    for package in ("numpy", "scipy"):
        make(name, package).register(workspace)
    Environment.label(workspace, name, "1", ["gold"])
    assert Environment.get(workspace, name, label="gold").version == "1"
    Environment.label(workspace, name, "2", ["gold"])
    assert Environment.get(workspace, name, label="gold").version == "2"
    assert Environment.get(workspace, name, label="latest").version == "2"
    with pytest.raises(Exception) as error:
        Environment.get(workspace, name, label="silver")
    assert f"environment `{name}@silver` was not found" in str(error.value)


def test_they_are_listed_in_their_latest_version(workspace, name):
    for package in ("numpy", "scipy"):
        make(name, package).register(workspace)
    listed = Environment.list(workspace)
    assert listed[name].version == "2" and packages(listed[name]) == ["scipy"]
    assert workspace.environments[name].version == "2"


def test_a_list_goes_on_over_pages(workspace, name):
    for number in range(105):
        Environment(f"{name}-{number:03}").register(workspace)
    listed = Environment.list(workspace)
    assert sum(it.startswith(name) for it in listed) == 105


def test_a_clone_and_files_come_back(workspace, name, folder):
    make(name, "numpy").register(workspace)
    clone = Environment.get(workspace, name).clone(f"{name}-clone").register(workspace)
    assert (clone.name, clone.version) == (f"{name}-clone", "1")
    (folder / "requirements.txt").write_text("numpy==2.2.6\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.11, {pip: [numpy]}]\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    for made in (
        Environment.from_pip_requirements(f"{name}-pip", "requirements.txt"),
        Environment.from_conda_specification(f"{name}-conda", "conda.yml"),
        Environment.from_docker_image(f"{name}-image", "example.org/a:1"),
        Environment.from_dockerfile(f"{name}-dockerfile", "Dockerfile"),
    ):
        registered = made.register(workspace)
        found = Environment.get(workspace, made.name)
        assert registered.version == found.version == "1"
        assert found.docker.base_image == made.docker.base_image
        assert found.docker.base_dockerfile == made.docker.base_dockerfile
    found.save_to_directory("saved")
    assert Environment.load_from_directory("saved").name == f"{name}-dockerfile"


def test_a_registered_environment_is_deployed(workspace, cluster, name):
    environment(name).register(workspace)
    inference = script(ECHO, environment=Environment.get(workspace, name))
    service = healthy(deploy(workspace, cluster, name, inference))
    try:
        assert service.run('{"a": 1}') == {"echo": {"a": 1}}
        assert service.environment.name == name and service.environment.version == "1"
    finally:
        service.delete()


def test_what_is_not_there_is_told(workspace, name):
    with pytest.raises(Exception) as error:
        Environment.get(workspace, name)
    assert "Code: 404" in str(error.value)
    assert f"environment `{name}` was not found" in str(error.value)
    with pytest.raises(Exception) as error:
        Environment.get(workspace, "AzureML-Minimal")
    assert "none of Azure's own environments are kept here" in str(error.value)
    with pytest.raises(Exception) as error:
        make("AzureML-mine", "numpy").register(workspace)
    assert "Code: 400" in str(error.value) and "choose another name" in str(error.value)


def test_images_are_refused_with_what_to_do(workspace, name, folder):
    made = make(name, "numpy")
    with pytest.raises(Exception) as error:
        made.build(workspace)
    assert "Error building image. Code: 400" in str(error.value)
    assert "give the environment to InferenceConfig and deploy" in str(error.value)
    with pytest.raises(Exception) as error:
        made.build(workspace, image_build_compute="cpu")
    assert "Code: 400" in str(error.value)
    registered = Environment.get(workspace, name)
    for ask in (
        lambda: registered.build_local(workspace),
        lambda: Environment.get_image_details(registered, workspace),
        lambda: Environment.get_image_details(made, workspace),
    ):
        with pytest.raises(Exception) as error:
            ask()
        assert "are not built as images here" in str(error.value)
    with pytest.raises(UserErrorException) as error:
        make(f"{name}-unknown", "numpy").build_local(workspace)
    assert "is not registered" in str(error.value)
    assert not DockerImageDetails().image_exist


def test_a_private_wheel_is_kept_like_any_file(workspace, folder, name):
    wheel = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    (folder / wheel).write_text("wheel")
    # Its address is no place to install from: other hosts are refused by name.
    assert Environment.add_private_pip_wheel(workspace, wheel).endswith(f"/{wheel}")
