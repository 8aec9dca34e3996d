"""`kill -9` of the server at random moments of a loop that the SDK drives.

Nothing that was acknowledged is lost, every operation ends, replicas that ran keep
their process ids, and nothing is left running when all is deleted.

`WHARF_CRASHES` says how often (3 in `make test`, 30 in `make crash`), `WHARF_SEED`
repeats a run.
"""

import os
import random
import statistics
import time

import pytest
import requests
from azureml.core import Workspace
from azureml.core.authentication import ServicePrincipalAuthentication
from azureml.core.compute import ComputeTarget
from azureml.core.webservice import Webservice
from driver import Driver, development
from services import ECHO, call, deploy, healthy, script, settled_compute
from wharf_process import until

CRASHES = int(os.environ.get("WHARF_CRASHES", "3"))
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
# Longer than a round of a driver takes.
LATEST_MOMENT = 4.0
DRIVERS = 2
# Replicas that run all the time (trust.md, B 26).
STEADY_REPLICAS = 20

pytestmark = pytest.mark.timeout(120 + 60 * CRASHES)


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
    cluster = settled_compute(ComputeTarget.create(workspace, "crash-cluster", development()))
    steady = healthy(
        deploy(workspace, cluster, "steady", script(ECHO), num_replicas=STEADY_REPLICAS)
    )
    key = steady.get_keys()[0]
    lasting = {pid for pid, name in server.services().items() if name == "steady"}
    assert len(lasting) == STEADY_REPLICAS

    drivers = [Driver(workspace, f"crash-{letter}") for letter in "abcdef"[:DRIVERS]]
    for driver in drivers:
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
        for driver in drivers:
            assert not driver.wrong, driver.wrong
    for driver in drivers:
        driver.stopped.set()
    for driver in drivers:
        driver.join(timeout=120)
        assert not driver.is_alive() and not driver.wrong, driver.wrong

    acknowledged = sum(len(driver.acknowledged) for driver in drivers)
    lost = [write for driver in drivers for write in driver.lost()]
    operations = {url: name for driver in drivers for url, name in driver.operations.items()}
    open_operations = [name for url, name in operations.items() if not ended(workspace, url)]
    kept = lasting & set(server.scorers())
    # Whatever is left, acknowledged or not, can be deleted, and nothing of it runs on.
    for service in Webservice.list(workspace):
        if service.name.startswith("crash-") or service.name == "steady":
            service.delete()
    for name, target in workspace.compute_targets.items():
        if name.startswith("crash-") and target.provisioning_state != "Deleting":
            target.delete()
    until(lambda: not computes(workspace), "all computes are gone", 60)
    until(lambda: not strangers(server, workspace), "no process is left", 30)
    orphans = strangers(server, workspace)

    broken = server.check()

    with capfd.disabled():
        print(
            f"\nkill -9: seed {SEED}, {CRASHES} crashes, "
            f"{sum(driver.rounds for driver in drivers)} whole rounds, "
            f"{sum(driver.interrupted for driver in drivers)} interrupted\n"
            f"  acknowledged writes lost: {len(lost)} of {acknowledged}\n"
            f"  operations that did not end: {len(open_operations)} of {len(operations)}\n"
            f"  replicas with the same process ids: {len(kept)} of {len(lasting)}\n"
            f"  ready again after {statistics.median(starts):.2f} s (median), "
            f"serving after {statistics.median(adoptions):.2f} s, slowest {max(adoptions):.2f} s\n"
            f"  orphan processes: {len(orphans)}, rules broken in the store: {len(broken)}"
        )
    assert not broken, broken
    assert not orphans, orphans
    assert not lost
    assert not open_operations
    assert kept == lasting


def ended(workspace, url):
    """Whether an operation comes to an end."""
    headers = workspace._auth.get_authentication_header()

    def state():
        answer = requests.get(url, headers=headers, timeout=30)
        assert answer.status_code == 200, (url, answer.status_code, answer.text)
        return answer.json()["state"] in ("Succeeded", "Failed", "Cancelled", "TimedOut")

    return until(state, f"{url} ends", 60)


def strangers(server, workspace):
    """Processes of this server's replicas, workers and what a script started included,
    that belong to no service: a replica and all it starts share a process group."""
    names = {service.name for service in Webservice.list(workspace)}
    known = {pid for pid, name in server.services().items() if name in names}
    found = {}
    for pid, words in server.leftovers().items():
        try:
            if os.getpgid(pid) not in known:
                found[pid] = words
        except ProcessLookupError:
            pass
    return found


def computes(workspace):
    """Computes of this test that are still there."""
    return [name for name in workspace.compute_targets if name.startswith("crash-")]
