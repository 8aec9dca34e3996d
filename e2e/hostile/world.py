"""A valid request for every route, against a world in which they are valid."""

import json
import uuid

from raw import SCRIPT, Raw
from wharf_process import until
from wire import Request

JSON = ("Content-Type", "application/json")
PATCH = ("Content-Type", "application/json-patch+json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
# The role `Reader` (Azure's built-in roles).
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
KUBECONFIG = """apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {server: "https://cluster.example:6443"}
users:
- name: u
  user: {token: "t"}
contexts:
- name: x
  context: {cluster: c, user: u}
current-context: x
"""
ENVIRONMENT = {
    "name": "corpus",
    "version": None,
    "environmentVariables": {"EXAMPLE": "1"},
    "python": {
        "userManagedDependencies": False,
        "interpreterPath": "python",
        "condaDependencies": {
            "name": "corpus",
            "channels": ["conda-forge"],
            "dependencies": ["python=3.11", {"pip": ["numpy==1.26.4"]}],
        },
    },
    "docker": {"enabled": False, "baseImage": "image", "baseDockerfile": None},
    "spark": {"packages": []},
    "inferencingStackVersion": None,
}
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"name": {"type": "string", "defaultValue": "made"}},
    "variables": {"where": "[concat('lo', 'cal')]"},
    "resources": [
        {
            "type": "Microsoft.MachineLearningServices/workspaces",
            "name": "[parameters('name')]",
            "location": "[variables('where')]",
            "tags": {"a": "b"},
            "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', 'v')]"],
            "identity": {"type": "SystemAssigned"},
            "properties": {"friendlyName": "made"},
        },
        {"type": "Microsoft.KeyVault/vaults", "name": "v", "location": "local"},
    ],
    "outputs": {"name": {"type": "string", "value": "[parameters('name')]"}},
}


class World:
    """What the valid requests speak of: a compute, a model, a service, a principal."""

    def __init__(self, server):
        self.raw = raw = Raw(server)
        self.admin = server.admin()
        self.host = raw.url.removeprefix("https://")
        cluster = raw.put_compute("corpus", clusterPurpose="DevTest")
        self.end(cluster)
        self.files = {}
        for name, text in (("driver.py", SCRIPT), ("score.py", SCRIPT), ("iris", "a model")):
            put, self.files[name] = raw.upload(name, text.encode())
            assert put.ok, put.text
        assert raw.register("iris", self.files["iris"]).ok
        self.end(raw.create_service("served", "corpus", self.files))
        asset = raw.call(
            "POST",
            f"{raw.management}/assets",
            json={"name": "corpus", "artifacts": [{"prefix": self.files["iris"]}]},
        )
        self.asset = asset.json()["id"]
        principal = raw.call(
            "PUT",
            "/providers/Wharf.Authorization/principals/helper",
            json={"properties": {"role": "reader", "scopes": [raw.group]}},
        )
        assert principal.ok, principal.text
        self.principal = principal.json()
        second = raw.call(
            "PUT", raw.workspace.rsplit("/", 1)[0] + "/second?api-version=2020-02-02", json={}
        )
        assert second.ok, second.text
        environments = f"/environment/v1.0{raw.workspace}/environments/corpus"
        answer = raw.call("PUT", environments, json=ENVIRONMENT)
        assert answer.ok, answer.text
        _, self.blob, _ = raw.announce("blob.bin")
        answer = raw.session().put(
            self.blob, data=b"0123456789", headers={"x-ms-blob-type": "BlockBlob"}, timeout=30
        )
        assert answer.ok, answer.text

    def end(self, answer):
        assert answer.ok, answer.text
        where = next(
            (answer.headers[n] for n in ("Azure-AsyncOperation", "Operation-Location") if n in answer.headers),
            None,
        )

        def ended():
            body = self.raw.call("GET", where).json()
            return body if (body.get("status") or body["state"]) not in OPEN else None

        if where:
            body = until(ended, f"{where} ends", 120)
            assert (body.get("status") or body["state"]) == "Succeeded", body

    def segments(self):
        """What stands for each name of a template."""
        return {
            "subscription": self.admin["subscriptionId"],
            "group": self.admin["resourceGroup"],
            "workspace": self.admin["workspaceName"],
            "id": self.admin["workspaceName"],
            "tenant": "common",
            "provider": "Microsoft.MachineLearningServices",
            "location": "local",
            "compute": "corpus",
            "cluster": "absent",
            "deployment": "corpus",
            "connection": "absent",
            "operation": "absent",
            "principal": "helper",
            "origin": "LocalUpload",
            "container": "crash",
            "*path": "iris",
            "asset": self.asset,
            "model": "iris%3A1",
            "service": "served",
            "image": "absent",
            "environment": "corpus",
            "version": "1",
            "label": "latest",
            "dataset": "absent",
            "datastore": "workspaceblobstore",
        }

    def request(self, route):
        """A valid request of the route, or one that is refused for a plain reason."""
        segments = self.segments()
        # What is deleted by name, or would be, is not what the other routes need.
        if route.method == "DELETE":
            for name in ("compute", "model", "service", "principal", "deployment", "workspace"):
                if route.template.endswith(f"{{{name}}}"):
                    segments[name] = "absent"
        if route.template.endswith("/computes/{compute}") and route.method == "PUT":
            segments["compute"] = "another"
        if route.template.endswith("/workspaces/{workspace}") and route.method in ("PUT", "PATCH"):
            segments["workspace"] = "second"
        if route.template.endswith("/principals/{principal}") and route.method == "PUT":
            segments["principal"] = "newcomer"
        if route.template.endswith("/{assignment}"):
            # An id is one role in one place: each place has its own.
            segments["assignment"] = str(uuid.uuid5(uuid.NAMESPACE_URL, route.template))
        path = route.template
        for name, value in segments.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path or route.surface == "Blob", f"no value for a name of {route}"
        host, headers = self.host, ()
        if route.access == "Token":
            headers = (("Authorization", f"Bearer {self.raw.token}"),)
        if route.surface == "Blob":
            host, path = self.blob.removeprefix("https://").split("/", 1)
            path = f"/{path}"
        elif route.surface == "Arm":
            path += "?api-version=2020-02-02"
        body, more = self.body(route)
        request = Request(route.method, host, path, (*headers, *more), body, surface=route.surface)
        if route.surface == "SignIn" and "/msi/" in path:
            secret = ("secret", self.admin["clientSecret"])
            request = request.but("", headers=(*request.headers, secret))
            if route.method == "GET":
                request = request.but("", path=f"{path}?resource={self.raw.url}")
        return request

    def body(self, route):
        if route.method in ("GET", "HEAD", "DELETE"):
            return b"", ()
        if route.surface == "Blob":
            return b"0123456789", (("x-ms-blob-type", "BlockBlob"),)
        if route.surface == "SignIn":
            if "/msi/" in route.template:
                return f"resource={self.raw.url}".encode(), (FORM,)
            form = (
                f"grant_type=client_credentials&client_id={self.admin['clientId']}"
                f"&client_secret={self.admin['clientSecret']}&scope={self.raw.url}/.default"
            )
            return form.encode(), (FORM,)
        end = route.template.rsplit("/workspaces/{workspace}", 1)[-1]
        value = self.of_workspace(route.method, end)
        if value is None:
            value = self.of_place(route.template)
        headers = (PATCH,) if isinstance(value, list) else (JSON,)
        return json.dumps(value).encode(), headers

    def of_workspace(self, method, end):
        """The bodies that the SDK sends below a workspace, by the end of the path."""
        service = self.service("fresh")
        label = [
            {"op": "replace", "path": "/kvTags", "value": {"stage": "live"}},
            {"op": "replace", "path": "/description", "value": "flowers"},
        ]
        return {
            ("POST", "/assets"): {
                "name": "a",
                "artifacts": [{"prefix": self.files["iris"]}],
                "kvTags": {"a": "b"},
            },
            ("POST", "/models"): {
                "name": "rose",
                "url": f"aml://asset/{self.asset}",
                "mimeType": "application/json",
                "unpack": False,
                "datasets": [],
                "kvTags": {"a": "b"},
                "properties": {"c": "d"},
                "description": "red",
                "framework": "ScikitLearn",
                "frameworkVersion": "1.0",
                "resourceRequirements": {"cpu": 1, "memoryInGB": 1, "gpu": None},
                "sampleInputDatasetId": None,
            },
            ("PATCH", "/models/{model}"): label,
            ("PATCH", "/services/{service}"): [
                *label,
                {"op": "replace", "path": "/maxQueueWaitMs", "value": 700},
                {"op": "add", "path": "/properties/new", "value": "1"},
            ],
            ("POST", "/services"): service,
            ("POST", "/services/validate/resource"): service,
            ("POST", "/services/validate/name/{service}"): {},
            ("POST", "/services/validate"): {
                "type": "Create",
                "serviceName": "fresh",
                "createRequest": service,
                "updateRequest": None,
            },
            ("POST", "/services/migrate"): {
                "serviceName": "served",
                "computeTarget": f"{self.raw.workspace}/computes/corpus",
            },
            ("POST", "/services/{service}/regenerateKeys"): {
                "keyType": "Secondary",
                "keyValue": "chosen-by-the-corpus",
            },
            ("PUT", "/environments/{environment}"): ENVIRONMENT,
            ("PUT", "/environments/{environment}/versions/{version}"): ENVIRONMENT,
            ("PUT", "/environments/{environment}/versions/{version}/metadata"): {
                "Labels": ["good"]
            },
            ("POST", "/artifacts/batch/metadata/{origin}/{container}"): {
                "paths": [{"path": "a/file.bin"}, {"path": "b.bin"}]
            },
            ("PUT", "/computes/{compute}"): {
                "location": "local",
                "tags": {"a": "b"},
                "identity": {"type": "SystemAssigned"},
                "properties": {
                    "computeType": "AKS",
                    "description": "corpus",
                    "resourceId": None,
                    "properties": {
                        "clusterPurpose": "DevTest",
                        "agentCount": 2,
                        "agentVmSize": "Standard_D3_v2",
                        "sslConfiguration": {"status": "Disabled"},
                        "loadBalancerType": "PublicIp",
                        "aksNetworkingConfiguration": None,
                    },
                },
            },
            ("PUT", ""): {
                "location": "local",
                "tags": {"team": "a"},
                "identity": {"type": "SystemAssigned"},
                "properties": {"friendlyName": "second", "storageAccount": "/the/store"},
            },
            ("PATCH", ""): {"tags": {"team": "b"}, "properties": {"description": "why"}},
        }.get((method, end))

    def of_place(self, template):
        """Bodies of what is no part of a workspace; `{}` where none is read."""
        assigned = {
            "properties": {
                "roleDefinitionId": READER,
                "principalId": self.principal["properties"]["principalId"],
            }
        }
        for part, value in (
            ("/deployments/", {"properties": {"mode": "Incremental", "parameters": {}, "template": TEMPLATE}}),
            (
                "/managedClusters/{cluster}",
                {
                    "location": "hall",
                    "tags": {"site": "7"},
                    "properties": {
                        "importProfile": {"kubeconfig": KUBECONFIG},
                        "agentPoolProfiles": [{"count": 2, "vmSize": "Standard_D4_v2"}],
                        "kubernetesVersion": "1.34.0",
                    },
                },
            ),
            ("/roleAssignments/", assigned),
            ("/principals/", {"properties": {"role": "reader", "scopes": [self.raw.group]}}),
        ):
            if part in template and not template.endswith(("/renewSecret", "Credential")):
                return value
        return {"location": "local", "tags": {"a": "b"}}

    def service(self, name):
        return {
            "name": name,
            "description": None,
            "kvTags": {"a": "b"},
            "properties": {"hasInferenceSchema": "False"},
            "keys": {"primaryKey": None, "secondaryKey": None},
            "computeType": "AKS",
            "computeName": "corpus",
            "location": None,
            "numReplicas": 1,
            "environmentImageRequest": {
                "driverProgram": "driver.py",
                "assets": [
                    {
                        "id": file,
                        "url": f"aml://artifact/{self.files[file]}",
                        "mimeType": "application/x-python",
                    }
                    for file in ("driver.py", "score.py")
                ],
                "modelIds": ["iris:1"],
                "environment": ENVIRONMENT | {"environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"}},
            },
            "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5},
            "maxConcurrentRequestsPerContainer": 1,
            "maxQueueWaitMs": 500,
            "scoringTimeoutMs": 1000,
            "autoScaler": {
                "autoscaleEnabled": False,
                "minReplicas": 1,
                "maxReplicas": 2,
                "targetUtilization": 70,
                "refreshPeriodInSeconds": 1,
            },
            "livenessProbeRequirements": {
                "periodSeconds": 10,
                "initialDelaySeconds": 1,
                "timeoutSeconds": 2,
                "failureThreshold": 3,
                "successThreshold": 1,
            },
            "authEnabled": True,
            "aadAuthEnabled": False,
            "appInsightsEnabled": False,
            "dataCollection": {"storageEnabled": False},
        }


OPEN = ("NotStarted", "Running", "InProgress", "Creating", "Updating", "Deleting", "Accepted", "Started")
