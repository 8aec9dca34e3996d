"""The road of a scoring request, as clients and the SDK see it."""

import os
import signal
import threading
import time

import pytest
import requests
from azureml.exceptions import WebserviceException
from services import ECHO, PROBE, call, deploy, healthy, script
from wharf_process import until


def test_a_run_that_raises_is_a_502_with_the_reason(probe):
    answer = call(probe, {"raise": "on purpose"})
    assert answer.status_code == 502
    with pytest.raises(WebserviceException) as error:
        probe.run('{"raise": "on purpose"}')
    assert "502" in str(error.value)
    assert "asked to fail: on purpose" in probe.get_logs()
    # And the next one is served.
    assert call(probe, {}).status_code == 200


def test_a_slow_run_is_a_504(probe):
    began = time.monotonic()
    answer = call(probe, {"sleep": 30})
    assert answer.status_code == 504
    assert time.monotonic() - began < 20
    until(lambda: call(probe, {}).status_code == 200, "it serves again", 30)


def test_one_slot_and_a_short_queue_are_a_503_with_retry_after(probe):
    until(lambda: call(probe, {}).status_code == 200, "the probe is free", 30)
    key = probe.get_keys()[0]
    answers = []

    def send():
        answers.append(call(probe, {"sleep": 1.5}, key=key))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 503, 503]
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("key", ["wrong", "", "a b"])
def test_a_wrong_key_is_a_401(probe, key):
    assert call(probe, {}, key=key).status_code == 401


def test_an_arm_token_is_no_key(probe, arm):
    assert call(probe, {}, key=arm.token).status_code == 401


def test_an_unknown_service_is_a_404(probe):
    url = probe.scoring_uri.replace("/probe/", "/no-such-service/")
    key = probe.get_keys()[0]
    answer = requests.post(url, data="{}", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    assert answer.status_code == 404


def test_health_needs_no_key(probe):
    base = probe.scoring_uri.split("/api/")[0]
    assert requests.get(base + "/", timeout=10).status_code == 200


def test_answers_carry_a_request_id(probe):
    answer = call(probe, {}, headers={"x-ms-request-id": "e2e-1"})
    assert answer.headers["x-ms-request-id"]


def test_regenerated_keys_replace_the_old_at_once(workspace, cluster, request):
    service = healthy(deploy(workspace, cluster, "keys", script(ECHO)))
    request.addfinalizer(service.delete)
    primary, secondary = service.get_keys()
    assert primary != secondary
    assert call(service, 1, key=secondary).status_code == 200
    service.regen_key("Primary")
    fresh, same = service.get_keys()
    assert fresh != primary and same == secondary
    assert call(service, 1, key=primary).status_code == 401
    assert call(service, 1, key=fresh).status_code == 200
    service.regen_key("Secondary", set_key="chosen-by-the-user-0123456789abcdef")
    assert service.get_keys()[1] == "chosen-by-the-user-0123456789abcdef"
    assert call(service, 1, key="chosen-by-the-user-0123456789abcdef").status_code == 200


def test_without_authentication_no_key_is_needed(workspace, cluster, request):
    service = healthy(deploy(workspace, cluster, "open", script(ECHO), auth_enabled=False))
    request.addfinalizer(service.delete)
    assert call(service, 1, key="").json() == {"echo": 1}
    assert service.run("1") == {"echo": 1}


def test_two_replicas_serve_side_by_side(workspace, cluster, request, server):
    service = healthy(deploy(workspace, cluster, "pair", script(PROBE), num_replicas=2))
    request.addfinalizer(service.delete)
    key = service.get_keys()[0]
    pids = []
    threads = [
        threading.Thread(target=lambda: pids.append(call(service, {"sleep": 1}, key=key).json()))
        for _ in range(2)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two at once, each in a process of its own: neither waited for the other.
    assert len({answer["pid"] for answer in pids}) == 2
    assert time.monotonic() - began < 60


def test_concurrency_within_a_replica(workspace, cluster, request):
    service = healthy(
        deploy(workspace, cluster, "many", script(PROBE), replica_max_concurrent_requests=2)
    )
    request.addfinalizer(service.delete)
    key = service.get_keys()[0]
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(call(service, {"sleep": 1}, key=key)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in statuses] == [200, 200]


def test_logs_hold_both_streams(probe):
    call(probe, {"print": "a line of its own"})
    logs = probe.get_logs()
    assert "probe says hello" in logs
    assert "and complains" in logs
    assert "a line of its own" in logs
    assert len(probe.get_logs(num_lines=1).splitlines()) == 1


def test_a_replica_that_dies_is_started_again(workspace, cluster, request, server):
    before = set(server.scorers())
    service = healthy(deploy(workspace, cluster, "mortal", script(PROBE)))
    request.addfinalizer(service.delete)
    (victim,) = set(server.scorers()) - before
    key = service.get_keys()[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: call(service, {}, key=key).status_code == 200, "it serves again", 60)
    assert victim not in server.scorers()
