"""What the SDK's tests share: a workspace, a cluster, one probing service."""

from pathlib import Path

import pytest
from arm import Arm
from azureml.core import Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from contract import CONTRACT
from recorder import RECORDER
from services import PROBE, deploy, healthy, script, settled_compute

# Whether no test of the SDK is left out of this session.
WHOLE = pytest.StashKey[bool]()

# Before any test module takes a method from a class.
RECORDER.install()
RECORDER.watchers.append(CONTRACT.watch)


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


def pytest_collection_modifyitems(config, items):
    """What looks at the whole session comes last, and knows whether it is whole."""
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    mine = {item.path.name for item in items if item.path.parent == Path(__file__).parent}
    option = config.option
    narrowed = option.keyword or option.markexpr or option.deselect or option.lf
    config.stash[WHOLE] = here <= mine and not narrowed and not any("::" in a for a in config.args)
    items.sort(key=lambda item: item.path.name == "test_methods.py")


def pytest_runtest_logstart(nodeid):
    RECORDER.test = nodeid


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        RECORDER.passed.add(report.nodeid)


@pytest.fixture
def whole_session(pytestconfig):
    if not pytestconfig.stash.get(WHOLE, False):
        pytest.skip("only a run of all tests can tell")
