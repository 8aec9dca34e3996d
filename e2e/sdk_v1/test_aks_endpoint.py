"""`AksEndpoint`: several versions behind one address, with shares of the traffic."""

import json
import threading
import uuid

import pytest
import requests
from azureml.core.model import Model
from azureml.core.webservice import AksEndpoint, AksWebservice, Webservice
from azureml.exceptions import WebserviceException
from services import BROKEN, call, deploy, end_of, healthy, one_replica, script
from wharf_process import until

NAMED = """
def init():
    print("this is {name}")

def run(raw_data):
    return "{name}"
"""


def named(name):
    return script(NAMED.format(name=name), name=f"{name}.py")


def config(version, **options):
    return AksEndpoint.deploy_configuration(
        **{
            "autoscale_enabled": False,
            "num_replicas": 1,
            "cpu_cores": 0.1,
            "memory_gb": 0.5,
            "max_request_wait_time": 5000,
            "version_name": version,
            **options,
        }
    )


def add(endpoint, version, inference, **options):
    """`create_version` cannot be told sizes (its own bug), so it takes the defaults."""
    options = {"autoscale_enabled": False, "num_replicas": 1, **options}
    endpoint.create_version(
        version_name=version, models=[], inference_config=inference,
        max_request_wait_time=5000, **options,
    )
    return healthy(endpoint)


@pytest.fixture
def endpoint(workspace, cluster):
    """An endpoint with one version."""
    name = f"ab{uuid.uuid4().hex[:8]}"
    made = Model.deploy(workspace, name, [], named("one"), config("one", tags={"a": "b"}), cluster)
    yield healthy(made)
    made.delete()


def patch(endpoint, *operations):
    """A patch as nobody's client sends it; gives the answer."""
    headers = {"Content-Type": "application/json-patch+json", **endpoint._auth.get_authentication_header()}
    operations = [dict(zip(("op", "path", "value"), operation)) for operation in operations]
    return requests.patch(endpoint._mms_endpoint, json=operations, headers=headers, timeout=30)


def refused(endpoint, *operations):
    answer = patch(endpoint, *operations)
    assert answer.status_code == 400, answer.text
    return answer.json()["message"]


def answers(endpoint, count):
    """How often each version answered; every call must."""
    session, found = requests.Session(), {}
    headers = {"Authorization": f"Bearer {endpoint.get_keys()[0]}"}
    for _ in range(count):
        answer = session.post(endpoint.scoring_uri, data="1", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        found[answer.json()] = found.get(answer.json(), 0) + 1
    return found


class Load:
    """Scores from several threads until it is told to stop."""

    def __init__(self, endpoint, threads=3):
        self.failed, self.answered = [], {}
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._uri, self._key = endpoint.scoring_uri, endpoint.get_keys()[0]
        self._threads = [threading.Thread(target=self._score) for _ in range(threads)]

    def _score(self):
        session = requests.Session()
        headers = {"Authorization": f"Bearer {self._key}"}
        while not self._stop.is_set():
            answer = session.post(self._uri, data="1", headers=headers, timeout=30)
            with self._lock:
                if answer.status_code == 200:
                    said = answer.json()
                    self.answered[said] = self.answered.get(said, 0) + 1
                else:
                    self.failed.append((answer.status_code, answer.text))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_an_endpoint_with_one_version(workspace, endpoint):
    assert isinstance(endpoint, AksEndpoint) and endpoint.compute_type == "AKSENDPOINT"
    version = endpoint.versions["one"]
    assert version.is_default and version.version_type == "Treatment"
    assert version.num_replicas == 1 and version.state == "Healthy"
    assert endpoint.run("1") == "one"
    assert endpoint.tags == {"a": "b"}
    found = Webservice(workspace, endpoint.name)
    assert isinstance(found, AksEndpoint) and list(found.versions) == ["one"]
    names = [it.name for it in Webservice.list(workspace, compute_type="AKSENDPOINT")]
    assert endpoint.name in names
    names = [it.name for it in Webservice.list(workspace, compute_type="AKS")]
    assert endpoint.name not in names
    assert endpoint.name in [it.name for it in Webservice.list(workspace)]
    assert endpoint.serialize()["computeType"] == "AKSENDPOINT"
    first, second = endpoint.get_keys()
    endpoint.regen_key("Primary")
    assert endpoint.get_keys()[0] != first and endpoint.get_keys()[1] == second
    assert "this is one" in endpoint.get_logs()
    swagger = requests.get(
        endpoint.swagger_uri,
        headers={"Authorization": f"Bearer {endpoint.get_keys()[0]}"},
        timeout=30,
    )
    assert swagger.status_code == 200 and "swagger" in swagger.json()


def test_it_is_waited_for_and_read_again(workspace, endpoint):
    endpoint.wait_for_deployment()
    endpoint.update_deployment_state()
    assert Webservice(workspace, endpoint.name).serialize() == endpoint.serialize()


@pytest.mark.parametrize("change", [
    lambda endpoint: endpoint.add_tags({"team": "blue"}),
    lambda endpoint: endpoint.remove_tags(["a"]),
    lambda endpoint: endpoint.add_properties({"owner": "me"}),
], ids=["add_tags", "remove_tags", "add_properties"])
def test_changes_by_update_end_in_the_sdk(endpoint, change):
    """They call `AksEndpoint.update`, which raises before it sends anything."""
    with pytest.raises(TypeError, match="_validate_update"):
        change(endpoint)


def test_traffic_is_shared_as_asked(endpoint):
    add(endpoint, "two", named("two"), traffic_percentile=30)
    assert endpoint.versions["two"].traffic_percentile == 30
    assert not endpoint.versions["two"].is_default
    count = 1500
    found = answers(endpoint, count)
    # Six sigma of 1500 draws at 30 % are 106; ten are allowed.
    assert abs(found["two"] - 0.3 * count) < 178, found
    assert found["one"] + found["two"] == count

    endpoint.update_version("two", traffic_percentile=0)
    healthy(endpoint)
    assert answers(endpoint, 50) == {"one": 50}
    endpoint.update_version("one", traffic_percentile=0)
    healthy(endpoint)
    # What nobody asks for is the default's.
    assert answers(endpoint, 50) == {"one": 50}
    endpoint.update_version("two", traffic_percentile=100)
    healthy(endpoint)
    assert answers(endpoint, 50) == {"two": 50}


def test_default_and_control_move_and_versions_go(endpoint, server):
    before = set(server.scorers())
    add(endpoint, "two", named("two"), is_default=True, is_control_version_type=True)
    one, two = endpoint.versions["one"], endpoint.versions["two"]
    assert two.is_default and not one.is_default
    assert (one.version_type, two.version_type) == ("Treatment", "Control")
    assert answers(endpoint, 30) == {"two": 30}
    logs = endpoint.get_logs()
    assert "this is one" in logs and "this is two" in logs
    with pytest.raises(WebserviceException, match="default"):
        endpoint.delete_version("two")
    endpoint.update_version("one", is_default=True, is_control_version_type=True)
    healthy(endpoint)
    assert endpoint.versions["one"].is_default
    assert endpoint.versions["two"].version_type == "Treatment"
    endpoint.delete_version("two")
    healthy(endpoint)
    assert list(endpoint.versions) == ["one"]
    until(lambda: set(server.scorers()) == before, "the replica of the version leaves")
    assert answers(endpoint, 30) == {"one": 30}
    with pytest.raises(WebserviceException, match="delete the endpoint"):
        endpoint.delete_version("one")
    with pytest.raises(WebserviceException, match="there is no version"):
        endpoint.delete_version("two")


def test_nothing_fails_while_versions_come_change_and_go(endpoint, server):
    scorers = set(server.scorers())
    with Load(endpoint) as load:
        add(endpoint, "two", named("two"), traffic_percentile=50)
        # Weights alone start nothing anew.
        running = set(server.scorers())
        endpoint.update_version("two", traffic_percentile=20, description="a fifth", tags={"x": "y"})
        healthy(endpoint)
        assert set(server.scorers()) == running
        assert endpoint.versions["two"].tags == {"x": "y"}
        assert endpoint.versions["two"].description == "a fifth"
        # New code of one leaves the other alone.
        endpoint.update_version("two", models=[], inference_config=named("three"))
        healthy(endpoint)
        assert scorers < set(server.scorers())
        endpoint.update_version("two", is_default=True)
        healthy(endpoint)
        endpoint.update_version("two", num_replicas=2)
        healthy(endpoint)
        endpoint.update_version("one", is_default=True)
        healthy(endpoint)
        endpoint.delete_version("two")
        healthy(endpoint)
        until(lambda: set(server.scorers()) == scorers, "the version's replicas leave")
    assert not load.failed, load.failed[:3]
    assert {"one", "two", "three"} <= set(load.answered), load.answered


def test_a_version_that_fails_disturbs_nobody(endpoint):
    with Load(endpoint, threads=2) as load:
        endpoint.create_version(
            version_name="bad", models=[], inference_config=script(BROKEN, name="bad.py"),
            autoscale_enabled=False, num_replicas=1, traffic_percentile=60,
        )
        state, error = end_of(endpoint)
        assert state == "Failed" and "version `bad`" in json.dumps(error), error
        endpoint.update_deployment_state()
        assert endpoint.state == "Unhealthy"
        assert endpoint.versions["bad"].state == "Failed"
        assert endpoint.versions["one"].state == "Healthy"
        # Whoever asks for something else hears of a success.
        endpoint.update_version("one", description="fine")
        assert end_of(endpoint)[0] == "Succeeded"
        # Better code makes it whole.
        endpoint.update_version("bad", models=[], inference_config=named("good"))
        healthy(endpoint)
    assert not load.failed, load.failed[:3]
    assert set(answers(endpoint, 100)) == {"one", "good"}


CRASHES = """
import json, os, pathlib
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

FLAG = pathlib.Path({flag!r})

def init():
    print("this is the trial")
    if FLAG.exists():
        raise RuntimeError("it crashed before")

@input_schema("wish", StandardPythonParameterType("live"))
def run(wish):
    if wish == "die":
        FLAG.touch()
        os._exit(3)
    return "trial"
"""


def test_the_default_answers_for_a_version_that_crashed(workspace, endpoint, folder):
    headers = {"Authorization": f"Bearer {endpoint.get_keys()[0]}"}

    def swagger():
        answer = requests.get(endpoint.swagger_uri, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trial():
        return Webservice(workspace, endpoint.name).versions["trial"]

    before, flag = swagger(), folder / "crashed"
    crashing = script(CRASHES.format(flag=str(flag)), name="crashes.py")
    add(endpoint, "trial", crashing, traffic_percentile=100)
    assert call(endpoint, {"wish": "live"}).json() == "trial"
    # What describes the endpoint is the default version's, whoever has the traffic.
    assert swagger() == before
    # A version is asked for its lines, keys and address as if it were a service.
    assert "this is one" in endpoint.get_logs()
    logs = trial().get_logs()
    assert "this is the trial" in logs and "this is one" not in logs
    assert trial().run(json.dumps({"wish": "live"})) == "trial"

    assert call(endpoint, {"wish": "die"}).status_code == 502
    until(lambda: trial().state == "Unhealthy", "all its replicas are down")
    assert answers(endpoint, 30) == {"one": 30}
    until(lambda: "it crashed before" in trial().get_logs(), "its log says why")
    assert "replica" in trial().error["message"]
    flag.unlink()
    until(lambda: trial().state == "Healthy", "the version is back")
    until(lambda: call(endpoint, {"wish": "live"}).json() == "trial", "it has its share again")
    assert trial().error is None and Webservice(workspace, endpoint.name).error is None


def test_a_service_becomes_an_endpoint_and_a_service_again(workspace, cluster, server):
    """One name, two kinds: `overwrite=True` changes the kind, nothing else does."""
    name, scorers = f"kind{uuid.uuid4().hex[:8]}", set(server.scorers())
    service = healthy(deploy(workspace, cluster, name, named("plain"), max_request_wait_time=5000))
    keys, uri = service.get_keys(), service.scoring_uri
    with pytest.raises(WebserviceException, match=name):
        Model.deploy(workspace, name, [], named("one"), config("one"), cluster)
    with Load(service) as load:
        made = Model.deploy(
            workspace, name, [], named("one"), config("one"), cluster, overwrite=True
        )
        endpoint = healthy(made)
        assert isinstance(endpoint, AksEndpoint) and list(endpoint.versions) == ["one"]
        until(lambda: len(set(server.scorers()) - scorers) == 1, "the service's replica leaves")
        assert answers(endpoint, 20) == {"one": 20}
        assert (endpoint.get_keys(), endpoint.scoring_uri) == (keys, uri)
        add(endpoint, "two", named("two"), traffic_percentile=50)
        # It moves as a whole, as a service does.
        endpoint._migrate_service(cluster.name)
        assert endpoint.state == "Migrated"
        again = healthy(Model.deploy(
            workspace, name, [], named("plain_again"), one_replica(max_request_wait_time=5000),
            cluster, overwrite=True,
        ))
        assert isinstance(Webservice(workspace, name), AksWebservice) and not hasattr(again, "versions")
        until(lambda: len(set(server.scorers()) - scorers) == 1, "the versions' replicas leave")
    assert not load.failed, load.failed[:3]
    assert answers(again, 20) == {"plain_again": 20}
    assert (again.get_keys(), again.scoring_uri) == (keys, uri)
    again.delete()
    until(lambda: set(server.scorers()) == scorers, "all replicas leave")


def test_what_a_patch_would_break_is_refused(endpoint):
    assert "no version is the default" in refused(
        endpoint, ("replace", "/versions/one/isDefault", False)
    )
    assert "sum to" not in refused(endpoint, ("replace", "/versions/one/trafficPercentile", 101))
    assert "there are: one" in refused(endpoint, ("replace", "/versions/two/isDefault", True))
    assert "belongs to a version" in refused(endpoint, ("replace", "/numReplicas", 2))
    before = Webservice(endpoint.workspace, endpoint.name).serialize()
    assert before == endpoint.serialize()


def test_the_endpoint_itself_changes_by_a_patch(workspace, endpoint):
    """`AksEndpoint.update` sends nothing (its own bug); the wire works."""
    with pytest.raises(TypeError):
        endpoint.update(description="new")
    answer = patch(
        endpoint,
        ("replace", "/authEnabled", False),
        ("replace", "/kvTags", {"stage": "gold"}),
        ("add", "/properties/owner", "me"),
        ("replace", "/description", "new"),
    )
    assert answer.status_code in (200, 202), answer.text
    until(lambda: call(endpoint, 1, key="").status_code == 200, "anybody may score")
    found = Webservice(workspace, endpoint.name)
    assert (found.description, found.tags) == ("new", {"stage": "gold"})
    assert found.properties["owner"] == "me" and not found.auth_enabled


def test_a_token_opens_it(workspace, cluster):
    name = f"ab{uuid.uuid4().hex[:8]}"
    made = Model.deploy(
        workspace, name, [], named("one"), config("one", token_auth_enabled=True), cluster
    )
    try:
        healthy(made)
        assert made.token_auth_enabled
        assert made.run("1") == "one"
        token = made.get_access_token()
        assert call(made, 1, key=token.access_token).json() == "one"
        token, refresh_after = made.get_token()
        assert call(made, 1, key=token).json() == "one" and refresh_after
    finally:
        made.delete()
