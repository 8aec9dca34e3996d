"""`kill -9` of the server at random moments of a loop that the SDK drives.

Nothing that was acknowledged is lost, every operation ends, replicas that ran keep
their process ids, and nothing is left running when all is deleted.

`WHARF_CRASHES` says how often (3 in `make test`, 30 in `make crash`), `WHARF_SEED`
repeats a run.
"""

import os
import random
import statistics
import threading
import time

import pytest
import requests
from azureml.core import Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.webservice import Webservice
from azureml.exceptions import WebserviceException
from services import ECHO, call, deploy, end_of, healthy, script, settled_compute
from wharf_process import until

CRASHES = int(os.environ.get("WHARF_CRASHES", "3"))
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
# Longer than a deployment with its environment at hand takes.
LATEST_MOMENT = 4.0
# trust.md's bar: replicas are back within this time.
ADOPTION_SECONDS = 5.0

pytestmark = pytest.mark.timeout(120 + 60 * CRASHES)


class Driver(threading.Thread):
    """Deploys, updates and deletes one service over and over until told to stop, and
    writes down what the server acknowledged. An error while the server is away is
    what a client sees; it goes on."""

    def __init__(self, workspace, cluster):
        super().__init__(daemon=True)
        self.workspace = workspace
        self.cluster = cluster
        self.stopped = threading.Event()
        # Name of the service -> the tags that were acknowledged last, or None when
        # its delete was; a name whose last request has no answer is not in here.
        self.acknowledged = {}
        # Operations that were acknowledged: url -> what for.
        self.operations = {}
        self.rounds = 0
        self.interrupted = 0
        self.wrong = []

    def run(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            name = f"crash-{number}"
            try:
                self.one_round(name)
                self.rounds += 1
            except Exception as error:
                if not is_interruption(error):
                    self.wrong.append(error)
                    return
                self.interrupted += 1
                self.stopped.wait(0.05)

    def write(self, name, value, request):
        """Sends a write. Until its answer is here, either outcome is right."""
        self.acknowledged.pop(name, None)
        answer = request()
        self.acknowledged[name] = value
        return answer

    def one_round(self, name):
        service = self.write(
            name,
            {"step": "deployed"},
            lambda: deploy(
                self.workspace, self.cluster, name, script(ECHO), tags={"step": "deployed"}
            ),
        )
        self.must_succeed(service)
        self.write(
            name, {"step": "updated"}, lambda: service.update(tags={"step": "updated"})
        )
        self.must_succeed(service)
        self.write(name, None, service.delete)

    def must_succeed(self, service):
        """Follows the operation to its end: a crash is no reason to fail one."""
        if service._operation_endpoint:
            self.operations[service._operation_endpoint] = service.name
            state, error = end_of(service)
            assert state == "Succeeded", f"{service.name} ended {state}: {error}"


def is_interruption(error):
    """What a client sees of a server that is away, or that did what it could not
    answer any more: the SDK sends the request again, and then the name is taken."""
    if isinstance(error, AssertionError):
        return False
    text = f"{type(error).__name__} {error}"
    if "Response Code: 5" in text:
        return False
    return any(
        word in text
        for word in ("Connection", "RemoteDisconnected", "ServiceRequestError", "Response Code: 409")
    )


def test_kill_at_random_moments(server, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dice = random.Random(SEED)
    admin = server.admin()
    # Not `from_config`: where no token comes, that one asks a person to sign in.
    workspace = Workspace.get(
        admin["workspaceName"],
        auth=ServicePrincipalAuthentication("adfs", admin["clientId"], admin["clientSecret"]),
        subscription_id=admin["subscriptionId"],
        resource_group=admin["resourceGroup"],
    )
    config = AksCompute.provisioning_configuration(
        cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )
    cluster = settled_compute(ComputeTarget.create(workspace, "crash-cluster", config))
    steady = healthy(deploy(workspace, cluster, "steady", script(ECHO), num_replicas=2))
    key = steady.get_keys()[0]
    lasting = {pid for pid, name in server.services().items() if name == "steady"}
    assert len(lasting) == 2

    driver = Driver(workspace, cluster)
    driver.start()
    adoptions, starts = [], []
    for _ in range(CRASHES):
        time.sleep(dice.uniform(0.0, LATEST_MOMENT))
        server.kill()
        began = time.monotonic()
        server.start()
        starts.append(time.monotonic() - began)
        until(
            lambda: call(steady, 1, key=key).status_code == 200, "the steady service answers", 30
        )
        adoptions.append(time.monotonic() - began)
        assert lasting <= set(server.scorers()), "a replica that ran was replaced"
        assert not driver.wrong, driver.wrong
    driver.stopped.set()
    driver.join(timeout=120)
    assert not driver.is_alive() and not driver.wrong, driver.wrong

    lost = [
        (name, tags)
        for name, tags in driver.acknowledged.items()
        if not holds(workspace, name, tags)
    ]
    open_operations = [
        name for url, name in driver.operations.items() if not ended(workspace, url)
    ]
    kept = lasting & set(server.scorers())
    # Whatever is left, acknowledged or not, can be deleted, and nothing of it runs on.
    for service in Webservice.list(workspace):
        if service.name.startswith("crash-") or service.name == "steady":
            service.delete()
    until(lambda: not strays(server, workspace), "no process is left", 30)
    cluster.delete()

    with capfd.disabled():
        print(
            f"\nkill -9: seed {SEED}, {CRASHES} crashes, {driver.rounds} whole rounds, "
            f"{driver.interrupted} interrupted requests\n"
            f"  acknowledged writes lost: {len(lost)} of {len(driver.acknowledged)}\n"
            f"  operations that did not end: {len(open_operations)} of {len(driver.operations)}\n"
            f"  replicas with the same process ids: {len(kept)} of {len(lasting)}\n"
            f"  ready again after {statistics.median(starts):.2f} s (median), "
            f"serving after {statistics.median(adoptions):.2f} s, slowest {max(adoptions):.2f} s\n"
            f"  orphan processes: 0"
        )
    assert not lost
    assert not open_operations
    assert kept == lasting


def holds(workspace, name, tags):
    """Whether the server still says what it acknowledged."""
    try:
        service = Webservice(workspace, name)
    except WebserviceException as error:
        assert "WebserviceNotFound" in str(error), error
        return tags is None
    return tags is not None and service.tags == tags


def ended(workspace, url):
    """Whether an operation comes to an end."""
    headers = workspace._auth.get_authentication_header()

    def state():
        answer = requests.get(url, headers=headers, timeout=30)
        assert answer.status_code == 200, (url, answer.status_code, answer.text)
        return answer.json()["state"] in ("Succeeded", "Failed", "Cancelled", "TimedOut")

    return until(state, f"{url} ends", 60)


def strays(server, workspace):
    """Replicas of services that are not there any more."""
    names = {service.name for service in Webservice.list(workspace)}
    return {pid: name for pid, name in server.services().items() if name not in names}
