"""What the SDK's tests share: a workspace, a cluster, one probing service."""


import pytest
from arm import Arm
from azureml.core import Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from services import PROBE, deploy, healthy, script, settled_compute


@pytest.fixture(scope="session")
def workspace(server):
    return Workspace.from_config(path=str(server.data / "config.json"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Model.register and entry scripts want paths below the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def cluster(workspace):
    """A cluster made for the services of this session."""
    config = AksCompute.provisioning_configuration(
        cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )
    return settled_compute(ComputeTarget.create(workspace, "e2e-cluster", config))


@pytest.fixture(scope="session")
def probe(workspace, cluster, tmp_path_factory):
    """A service that does what it is told; its scoring time is 2 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("probe"))
        service = deploy(
            workspace, cluster, "probe", script(PROBE), scoring_timeout_ms=2000, tags={"a": "b"}
        )
        return healthy(service)


@pytest.fixture(scope="session")
def arm(server):
    return Arm(server)
