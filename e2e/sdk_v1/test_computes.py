"""Create, attach, list, update, detach, delete, as an SDK user meets them."""

import uuid

import pytest
from arm import error_of
from azureml.core.compute import AksCompute, ComputeTarget, KubernetesCompute
from azureml.core.compute.aks import AksUpdateConfiguration
from azureml.exceptions import ComputeTargetException, WebserviceException
from services import ECHO, call, deploy, healthy, script, settled_compute
from wharf_process import until

DEV_TEST = AksCompute.ClusterPurpose.DEV_TEST


@pytest.fixture
def name():
    return f"c{uuid.uuid4().hex[:8]}"


@pytest.fixture
def attach(workspace, request):
    """Attaches the managed cluster `local`, and detaches it when the test ends."""

    def attach(name, **options):
        config = AksCompute.attach_configuration(
            resource_group=workspace.resource_group, cluster_name="local", **options
        )
        compute = ComputeTarget.attach(workspace, name, config)
        request.addfinalizer(lambda: detached(compute))
        return settled_compute(compute)

    return attach


def detached(compute):
    if compute.name in compute.workspace.compute_targets:
        compute.detach()
        compute.wait_for_completion(is_delete_operation=True)


def refused(workspace, name, **options):
    """The message with which a create is refused."""
    with pytest.raises(ComputeTargetException) as error:
        ComputeTarget.create(workspace, name, AksCompute.provisioning_configuration(**options))
    assert name not in workspace.compute_targets
    return str(error.value)


def test_create_wait_list_get_and_delete(workspace, name, capsys):
    config = AksCompute.provisioning_configuration(agent_count=2, cluster_purpose=DEV_TEST)
    compute = ComputeTarget.create(workspace, name, config)
    compute.wait_for_completion(show_output=True)
    assert 'operation "Succeeded"' in capsys.readouterr().out
    assert compute.provisioning_state == "Succeeded"
    assert compute.agent_count == 2
    assert compute.cluster_purpose == "DevTest"
    assert name in workspace.compute_targets
    assert ComputeTarget(workspace, name).cluster_resource_id == compute.cluster_resource_id
    compute.delete()
    compute.wait_for_completion(is_delete_operation=True)
    assert name not in workspace.compute_targets
    with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
        ComputeTarget(workspace, name)


def test_a_production_cluster_has_three_nodes_of_the_default_size(workspace, name):
    compute = settled_compute(
        ComputeTarget.create(workspace, name, AksCompute.provisioning_configuration())
    )
    assert (compute.agent_count, compute.agent_vm_size) == (3, "Standard_D3_v2")
    assert compute.cluster_purpose == "FastProd"
    compute.delete()


def test_deleting_takes_the_made_cluster_along(workspace, arm, name):
    config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    made = compute.cluster_resource_id.split("/")[-1]
    assert arm.cluster(made).status_code == 200
    compute.delete()
    compute.wait_for_completion(is_delete_operation=True)
    assert arm.cluster(made).status_code == 404


def test_attach_and_detach_leave_the_cluster_alone(workspace, arm, attach, name):
    before = arm.cluster("local").json()
    compute = attach(name)
    assert compute.cluster_resource_id.endswith("/managedClusters/local")
    compute.detach()
    compute.wait_for_completion(is_delete_operation=True)
    assert name not in workspace.compute_targets
    assert arm.cluster("local").json() == before
    attach(name)


def test_attach_by_resource_id(workspace, arm, name, request):
    config = AksCompute.attach_configuration(
        resource_id=f"{arm.group}/providers/Microsoft.ContainerService/managedClusters/local",
        cluster_purpose=DEV_TEST,
    )
    compute = ComputeTarget.attach(workspace, name, config)
    request.addfinalizer(lambda: detached(compute))
    assert settled_compute(compute).cluster_purpose == "DevTest"


def test_an_attached_compute_cannot_be_deleted(workspace, attach, arm, name):
    compute = attach(name)
    with pytest.raises(ComputeTargetException) as error:
        compute.delete()
    assert "detach" in str(error.value).lower()
    assert arm.cluster("local").status_code == 200
    assert ComputeTarget(workspace, name).provisioning_state == "Succeeded"


def test_a_second_attachment_names_the_first(workspace, attach, name):
    attach(name)
    other = f"{name}b"
    with pytest.raises(ComputeTargetException) as error:
        attach(other)
    assert f"`{name}`" in str(error.value) and workspace.name in str(error.value)
    assert other not in workspace.compute_targets


def test_an_unknown_cluster_is_named(workspace, name):
    config = AksCompute.attach_configuration(
        resource_group=workspace.resource_group, cluster_name="no-such-cluster"
    )
    with pytest.raises(ComputeTargetException) as error:
        ComputeTarget.attach(workspace, name, config)
    assert "no-such-cluster" in str(error.value)
    assert name not in workspace.compute_targets


@pytest.mark.parametrize("bad", ["ab", "1abc", "abc-", "a" * 25, "with_underscore"])
def test_names_have_a_rule(workspace, bad):
    message = refused(workspace, bad, cluster_purpose=DEV_TEST)
    assert bad in message and "name" in message


def test_a_name_is_taken_once(workspace, name):
    config = AksCompute.provisioning_configuration(agent_count=2, cluster_purpose=DEV_TEST)
    first = ComputeTarget.create(workspace, name, config)
    # A retry of the same request is answered with the same operation.
    again = ComputeTarget.create(workspace, name, config)
    assert again._operation_endpoint == first._operation_endpoint
    compute = settled_compute(first)
    bigger = AksCompute.provisioning_configuration(agent_count=5, cluster_purpose=DEV_TEST)
    attach = AksCompute.attach_configuration(
        resource_group=workspace.resource_group, cluster_name="local", cluster_purpose=DEV_TEST
    )
    for ask, what in [
        (lambda: ComputeTarget.create(workspace, name, bigger), "agentCount 5"),
        (lambda: ComputeTarget.attach(workspace, name, attach), "managedClusters/local"),
    ]:
        with pytest.raises(ComputeTargetException) as error:
            ask()
        message = str(error.value)
        assert "Response Code: 409" in message and "already exists" in message
        assert "agentCount 2" in message and what in message
    assert ComputeTarget(workspace, name).agent_count == 2
    compute.delete()


def test_production_wants_twelve_cores(workspace, name):
    message = refused(workspace, name, agent_count=2, vm_size="Standard_D3_v2")
    assert "12" in message and "8" in message


def test_development_wants_two_cores(workspace, name):
    message = refused(
        workspace, name, agent_count=1, vm_size="Standard_D1_v2", cluster_purpose=DEV_TEST
    )
    assert "2" in message


def test_an_unknown_size_is_named(workspace, name):
    assert "Standard_Zzz" in refused(workspace, name, vm_size="Standard_Zzz")


NETWORK = {
    "vnet_resourcegroup_name": "net",
    "vnet_name": "vnet",
    "subnet_name": "default",
    "service_cidr": "10.0.0.0/16",
    "dns_service_ip": "10.0.0.10",
    "docker_bridge_cidr": "172.17.0.1/16",
}


def test_network_values_are_kept(workspace, arm, name):
    config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST, **NETWORK)
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    body = arm.call("GET", f"{arm.workspace}/computes/{name}?api-version=2020-02-02").json()
    network = body["properties"]["properties"]["aksNetworkingConfiguration"]
    assert network["serviceCidr"] == NETWORK["service_cidr"]
    assert network["dnsServiceIP"] == NETWORK["dns_service_ip"]
    assert network["subnetId"].endswith("/virtualNetworks/vnet/subnets/default")
    compute.delete()


def test_the_dns_address_is_inside_the_service_range(workspace, name):
    message = refused(
        workspace, name, cluster_purpose=DEV_TEST, **(NETWORK | {"dns_service_ip": "10.9.0.10"})
    )
    assert "10.9.0.10" in message and "10.0.0.0/16" in message


def test_some_network_values_without_the_others_are_refused(arm, workspace, name):
    answer = arm.put_compute(name, {
        "computeType": "AKS",
        "properties": {
            "clusterPurpose": "DevTest",
            "aksNetworkingConfiguration": {"serviceCidr": "10.0.0.0/16"},
        },
    })
    assert answer.status_code == 400
    assert "aksNetworkingConfiguration" in answer.text
    assert name not in workspace.compute_targets


def test_an_internal_load_balancer_is_kept_and_shown(workspace, name):
    config = AksCompute.provisioning_configuration(
        cluster_purpose=DEV_TEST, load_balancer_type="InternalLoadBalancer"
    )
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    assert compute.load_balancer_type == "InternalLoadBalancer"
    compute.delete()


def test_update_turns_the_load_balancer_inward(workspace, attach, name):
    compute = attach(name)
    compute.update(AksUpdateConfiguration(load_balancer_type="InternalLoadBalancer"))
    settled_compute(compute)
    assert ComputeTarget(workspace, name).load_balancer_type == "InternalLoadBalancer"


def test_an_update_of_a_subnet_leaves_the_type(workspace, attach, name):
    compute = attach(name, load_balancer_type="InternalLoadBalancer", load_balancer_subnet="one")
    assert compute.load_balancer_subnet == "one"
    compute.update(
        AksUpdateConfiguration(
            load_balancer_type="InternalLoadBalancer", load_balancer_subnet="two"
        )
    )
    compute.wait_for_completion()
    assert (compute.load_balancer_type, compute.load_balancer_subnet) == (
        "InternalLoadBalancer", "two"
    )
    compute.update(AksUpdateConfiguration())
    compute.wait_for_completion()
    assert compute.load_balancer_subnet == "two"
    compute.update(AksUpdateConfiguration(load_balancer_type="PublicIp"))
    compute.wait_for_completion()
    assert (compute.load_balancer_type, compute.load_balancer_subnet) == ("PublicIp", None)


def test_credentials_of_a_local_cluster_are_empty_and_no_error(attach, name):
    credentials = attach(name).get_credentials()
    assert credentials.get("userKubeConfig") is None


def test_all_findings_come_in_one_answer(arm):
    answer = arm.put_compute("1-", {
        "computeType": "AKS",
        "properties": {"agentCount": 1, "agentVmSize": "Standard_Zzz", "clusterPurpose": "Some"},
    })
    assert answer.status_code == 400
    code, message, targets = error_of(answer)
    assert code and message
    for field in ("name", "clusterPurpose", "agentVmSize"):
        assert any(field in (target or "") for target in targets), (field, targets)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"a"', b"\xff\xfe", b'{"properties": 3}'])
def test_a_body_that_is_no_compute_is_a_400(arm, body):
    answer = arm.call(
        "PUT",
        f"{arm.workspace}/computes/abc?api-version=2020-02-02",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"]
    assert answer.headers.get("x-ms-request-id")


def cluster_id(arm, name="local"):
    return f"{arm.group}/providers/Microsoft.ContainerService/managedClusters/{name}"


def test_every_reading_method_of_an_aks_compute(workspace, attach, name):
    compute = attach(name, cluster_purpose=DEV_TEST)
    assert compute.get_status() == "Succeeded"
    document = compute.serialize()
    assert document["properties"]["properties"]["clusterPurpose"] == "DevTest"
    raw = ComputeTarget._get(workspace, name)
    again = AksCompute.deserialize(workspace, raw)
    assert again.serialize() == document
    assert name in repr(again)
    listed = [it for it in AksCompute.list(workspace) if it.name == name]
    assert [type(it) for it in listed] == [AksCompute]
    assert name in [it.name for it in ComputeTarget.list(workspace)]
    with pytest.raises(ComputeTargetException, match="DEPRECATED"):
        AksCompute.attach(workspace, name, compute.cluster_resource_id)
    with pytest.raises(ComputeTargetException, match="Invalid cluster payload"):
        KubernetesCompute.deserialize(workspace, raw)


def test_a_created_compute_is_detached_and_its_cluster_deleted(workspace, arm, name, request):
    config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    made = compute.cluster_resource_id.split("/")[-1]
    path = f"{cluster_id(arm, made)}?api-version=2024-09-01"
    refused = arm.call("DELETE", path)
    assert refused.status_code == 409 and f"`{name}`" in refused.text
    compute.detach()
    compute.wait_for_completion(is_delete_operation=True)
    assert arm.cluster(made).status_code == 200
    # What stays is a managed cluster like others, and can be attached again.
    config = AksCompute.attach_configuration(
        resource_group=workspace.resource_group, cluster_name=made, cluster_purpose=DEV_TEST
    )
    again = settled_compute(ComputeTarget.attach(workspace, name, config))
    again.detach()
    again.wait_for_completion(is_delete_operation=True)
    deleted = arm.call("DELETE", path)
    assert deleted.status_code == 202
    operation = deleted.headers["Azure-AsyncOperation"].removeprefix(arm.url)
    until(lambda: arm.call("GET", operation).json()["status"] == "Succeeded", "deleted", 30)
    assert arm.cluster(made).status_code == 404
    assert arm.call("DELETE", path).status_code == 204


def test_a_cluster_of_another_subscription_is_refused(workspace, arm, name):
    other = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/x/providers"
    config = AksCompute.attach_configuration(
        resource_id=f"{other}/Microsoft.ContainerService/managedClusters/y"
    )
    with pytest.raises(ComputeTargetException) as error:
        ComputeTarget.attach(workspace, name, config)
    assert "own subscription" in str(error.value)


def test_a_busy_name_says_what_is_under_way(workspace, arm, name):
    config = AksCompute.provisioning_configuration(cluster_purpose=DEV_TEST)
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    compute.delete()
    answer = arm.put_compute(name, {"computeType": "AKS", "properties": {"agentCount": 7}})
    # The removal may have been quicker; then the name is free.
    assert answer.status_code in (201, 409), answer.text
    if answer.status_code == 409:
        operation = compute._operation_endpoint.split("/")[-1].split("?")[0]
        assert "a delete is under way since" in answer.text and operation in answer.text
        compute.wait_for_completion(is_delete_operation=True)
    else:
        settled_compute(ComputeTarget(workspace, name)).delete()


def test_an_unknown_size_is_answered_with_near_ones(workspace, name):
    message = refused(workspace, name, vm_size="Standard_D3_v22")
    assert "did you mean `Standard_D3_v2`" in message


def test_a_gpu_size_carries_gpus(workspace, name):
    config = AksCompute.provisioning_configuration(
        agent_count=1, vm_size="standard_nc6s_v3", cluster_purpose=DEV_TEST
    )
    compute = settled_compute(ComputeTarget.create(workspace, name, config))
    assert compute.agent_vm_size == "Standard_NC6s_v3"
    with pytest.raises(WebserviceException) as error:
        deploy(workspace, compute, f"{name}-g", script(ECHO), gpu_cores=2)
    assert "containerResourceRequirements.gpu" in str(error.value)
    compute.delete()


def test_a_kubernetes_compute(workspace, arm, name, capsys):
    config = KubernetesCompute.attach_configuration(
        resource_id=cluster_id(arm), namespace="models", identity_type="SystemAssigned"
    )
    compute = ComputeTarget.attach(workspace, name, config)
    compute.wait_for_completion(show_output=True)
    assert isinstance(compute, KubernetesCompute)
    assert compute.get_status().provisioning_state == "Succeeded"
    assert compute.namespace == "models"
    assert compute.default_instance_type == "defaultinstancetype"
    assert compute.instance_types["defaultinstancetype"]["resources"]["limits"]["cpu"] == "2"
    assert compute.identity_type == "SystemAssigned"
    document = compute.serialize()
    assert document["identity"] == {"type": "SystemAssigned"}
    assert document["properties"]["computeType"] == "Kubernetes"
    assert KubernetesCompute.deserialize(workspace, compute.get()).serialize() == document
    assert "SystemAssigned" in repr(compute)
    assert [type(it) for it in KubernetesCompute.list(workspace) if it.name == name] == [
        KubernetesCompute
    ]
    again = ComputeTarget(workspace, name)
    again.refresh_state()
    again.wait_for_completion(show_output=True)
    assert 'Final state of "Succeeded"' in capsys.readouterr().out
    with pytest.raises(ComputeTargetException, match="detach"):
        compute.delete()

    service = healthy(deploy(workspace, again, f"{name}-k", script(ECHO)))
    assert call(service, {"a": 1}).json() == {"echo": {"a": 1}}
    with pytest.raises(ComputeTargetException, match=service.name):
        compute.detach()
    service.delete()
    until(lambda: service.name not in workspace.webservices, "the service is gone", 60)
    compute.detach()
    compute.wait_for_completion(is_delete_operation=True)
    assert name not in workspace.compute_targets


def test_a_kubernetes_compute_has_rules(workspace, arm, name):
    config = KubernetesCompute.attach_configuration(resource_id=cluster_id(arm), namespace="Bad_")
    with pytest.raises(ComputeTargetException) as error:
        ComputeTarget.attach(workspace, name, config)
    assert "properties.properties.namespace" in str(error.value)
    answer = arm.put_compute(name, {"computeType": "Kubernetes", "properties": {}})
    assert answer.status_code == 400 and "never created" in answer.text
    connected = cluster_id(arm).replace(
        "Microsoft.ContainerService/managedClusters", "Microsoft.Kubernetes/connectedClusters"
    )
    config = KubernetesCompute.attach_configuration(resource_id=connected)
    with pytest.raises(ComputeTargetException) as error:
        ComputeTarget.attach(workspace, name, config)
    assert "properties.resourceId" in str(error.value)


def test_lists_are_of_one_type_when_asked(arm, attach, name):
    attach(name)
    path = f"{arm.workspace}/computes?api-version=2020-02-02&computeType="

    def names(kind):
        answer = arm.call("GET", path + kind)
        assert answer.status_code == 200, answer.text
        assert "nextLink" not in answer.json()
        return [it["name"] for it in answer.json()["value"]]

    assert name in names("aks") and name not in names("Kubernetes")
    assert names("AmlCompute") == []
    assert arm.call("GET", path + "Toaster").status_code == 400
