"""Raw calls without retries: an interruption is seen, not hidden."""

import threading

import requests
from wharf_process import until

COMPUTES = "api-version=2020-02-02"
SCRIPT = "def init():\n    pass\n\ndef run(data):\n    return 1\n"
BROKEN = "def init():\n    raise RuntimeError('no model')\n\ndef run(data):\n    return 1\n"


class Raw:
    """A client of one server; addresses and secrets stay over its restarts. Each
    thread has connections of its own."""

    def __init__(self, server):
        admin = server.admin()
        self.url = admin["serverUrl"]
        self.ca = admin["caFile"]
        self.group = (
            f"/subscriptions/{admin['subscriptionId']}/resourceGroups/{admin['resourceGroup']}"
        )
        self.workspace = (
            f"{self.group}/providers/Microsoft.MachineLearningServices"
            f"/workspaces/{admin['workspaceName']}"
        )
        self.management = f"/modelmanagement/v1.0{self.workspace}"
        self.local = threading.local()
        answer = self.session().get(
            f"{self.url}/msi/token",
            params={"api-version": "2017-09-01", "resource": self.url},
            headers={"secret": admin["clientSecret"]},
            timeout=30,
        )
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    def session(self):
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.verify = self.ca
            self.local.session.trust_env = False
        return self.local.session

    def call(self, method, path, **options):
        options.setdefault("timeout", 30)
        url = path if path.startswith("https:") else f"{self.url}{path}"
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.session().request(method, url, headers=headers, **options)

    # Computes.

    def compute_path(self, name):
        return f"{self.workspace}/computes/{name}?{COMPUTES}"

    def put_compute(self, name, **properties):
        body = {"computeType": "AKS", "properties": properties}
        if cluster := properties.pop("cluster", None):
            body["resourceId"] = (
                f"{self.group}/providers/Microsoft.ContainerService/managedClusters/{cluster}"
            )
        return self.call(
            "PUT", self.compute_path(name), json={"location": "local", "properties": body}
        )

    def update_compute(self, name, **properties):
        """Reads it and puts it back changed, as `update` of the SDK does."""
        answer = self.call("GET", self.compute_path(name))
        if not answer.ok:
            return answer
        document = answer.json()
        document["properties"]["properties"].update(properties)
        return self.call("PUT", self.compute_path(name), json=document)

    def delete_compute(self, name, action="Delete"):
        return self.call(
            "DELETE", f"{self.compute_path(name)}&underlyingResourceAction={action}"
        )

    def computes(self):
        return self.pages(f"{self.workspace}/computes?{COMPUTES}")

    def pages(self, path):
        found = []
        while path:
            answer = self.call("GET", path)
            assert answer.status_code == 200, (path, answer.status_code, answer.text)
            page = answer.json()
            found += page["value"]
            path = page.get("nextLink")
        return found

    # Files and models.

    def announce(self, name):
        """Where to upload a file, and its id."""
        answer = self.call(
            "POST",
            f"/artifact/v2.0{self.workspace}/artifacts/batch/metadata/LocalUpload/crash",
            json={"paths": [{"path": name}]},
        )
        if answer.status_code != 200:
            return answer, None, None
        body = answer.json()
        uri = body["artifactContentInformation"][name]["contentUri"]
        return answer, uri, body["artifacts"][name]["artifactId"]

    def upload(self, name, data):
        """A file in one request. Its answer, and its id."""
        answer, uri, artifact = self.announce(name)
        if uri is None:
            return answer, None
        headers = {"x-ms-blob-type": "BlockBlob"}
        put = self.session().put(uri, data=data, headers=headers, timeout=30)
        return put, artifact

    def upload_blocks(self, name, parts):
        """A file in blocks. The answer of the first request that failed, or the last."""
        answer, uri, artifact = self.announce(name)
        if uri is None:
            return answer, None
        listed = ""
        for number, part in enumerate(parts):
            block = f"{number:03d}Aw=="[:4]
            answer = self.session().put(
                f"{uri}&comp=block&blockid={block}", data=part, timeout=30
            )
            if answer.status_code != 201:
                return answer, None
            listed += f"<Latest>{block}</Latest>"
        answer = self.session().put(
            f"{uri}&comp=blocklist",
            data=f'<?xml version="1.0"?><BlockList>{listed}</BlockList>',
            timeout=30,
        )
        return answer, artifact

    def register(self, name, artifact):
        asset = self.call(
            "POST",
            f"{self.management}/assets",
            json={"name": name, "artifacts": [{"prefix": artifact}]},
        )
        if not asset.ok:
            return asset
        return self.call(
            "POST",
            f"{self.management}/models",
            json={
                "name": name,
                "mimeType": "application/octet-stream",
                "unpack": False,
                "url": f"aml://asset/{asset.json()['id']}",
            },
        )

    # Services.

    def service_path(self, name):
        return f"{self.management}/services/{name}"

    def create_service(self, name, compute, files, script="score.py", replicas=1, **more):
        """`files`: ids of `driver.py` and of the scripts, as `upload` gave them."""
        body = more | {
            "name": name,
            "computeType": "AKS",
            "computeName": compute,
            "numReplicas": replicas,
            "autoScaler": {"autoscaleEnabled": False},
            "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5},
            "environmentImageRequest": {
                "driverProgram": "driver.py",
                "assets": [
                    {
                        "id": file,
                        "url": f"aml://artifact/{files[file]}",
                        "mimeType": "application/x-python",
                    }
                    for file in ("driver.py", script)
                ],
                "environment": {
                    "name": "bare",
                    "environmentVariables": {"AZUREML_ENTRY_SCRIPT": script},
                    "python": {
                        "userManagedDependencies": False,
                        "condaDependencies": {
                            "name": "bare",
                            "channels": [],
                            "dependencies": ["python=3.11"],
                        },
                    },
                },
            },
        }
        return self.call("POST", f"{self.management}/services", json=body)

    def tag_service(self, name, tag):
        return self.call(
            "PATCH",
            self.service_path(name),
            json=[{"op": "replace", "path": "/kvTags", "value": {"step": tag}}],
            headers={"Content-Type": "application/json-patch+json"},
        )

    def revise_service(self, name, cpu):
        """A new revision: its replicas are replaced."""
        resources = {"cpu": cpu, "memoryInGB": 0.5}
        return self.call(
            "PATCH",
            self.service_path(name),
            json=[{"op": "replace", "path": "/containerResourceRequirements", "value": resources}],
            headers={"Content-Type": "application/json-patch+json"},
        )

    def scale_service(self, name, replicas):
        return self.call(
            "PATCH",
            self.service_path(name),
            json=[{"op": "replace", "path": "/numReplicas", "value": replicas}],
            headers={"Content-Type": "application/json-patch+json"},
        )

    def delete_service(self, name):
        return self.call("DELETE", self.service_path(name))

    def services(self):
        return self.pages(f"{self.management}/services?expand=true")


def steady_service(raw):
    """A compute `base` with a service `steady` that answers 1."""
    files = {}
    for name, text in (("driver.py", "pass\n"), ("score.py", SCRIPT)):
        answer, files[name] = raw.upload(name, text.encode())
        assert answer.status_code == 201, answer.text
    for answer in (raw.put_compute("base"), raw.create_service("steady", "base", files)):
        assert answer.ok, answer.text
        where = operation_of(answer)
        end = until(lambda: end_in(raw.call("GET", where)), f"{where} ends", 90)
        assert end == "Succeeded", (where, end)


def scorer(raw, name):
    """Scores a service once per call, and gives the status."""
    service = raw.call("GET", raw.service_path(name)).json()
    keys = raw.call("POST", raw.service_path(name) + "/listkeys").json()
    headers = {"Authorization": f"Bearer {keys['primaryKey']}"}
    return lambda: raw.session().post(
        service["scoringUri"], data=b"{}", headers=headers, timeout=30
    ).status_code


def operation_of(answer):
    """Where the operation of an answer is polled, if there is one."""
    for name in ("Azure-AsyncOperation", "Operation-Location"):
        if where := answer.headers.get(name):
            return where
    return None


def end_in(answer):
    """The end that a poll shows, or None."""
    body = answer.json()
    state = body.get("status") or body.get("state")
    if state in ("Succeeded", "Failed", "Canceled", "Cancelled", "TimedOut"):
        return state
    return None
