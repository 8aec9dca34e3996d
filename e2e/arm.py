"""Raw calls to the ARM surface, for what the SDK has no words for."""

import requests


class Arm:
    """Raw calls, for what the SDK has no words for. Signs in as the administrator."""

    def __init__(self, server):
        admin = server.admin()
        self.url = admin["serverUrl"]
        self.group = (
            f"/subscriptions/{admin['subscriptionId']}/resourceGroups/{admin['resourceGroup']}"
        )
        self.workspace = (
            f"{self.group}/providers/Microsoft.MachineLearningServices"
            f"/workspaces/{admin['workspaceName']}"
        )
        answer = requests.post(
            f"{self.url}/adfs/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": admin["clientId"],
                "client_secret": admin["clientSecret"],
                "scope": f"{self.url}/.default",
            },
            timeout=30,
        )
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token or self.token}"} | options.pop("headers", {})
        return requests.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, **options
        )

    def cluster(self, name):
        return self.call(
            "GET",
            f"{self.group}/providers/Microsoft.ContainerService/managedClusters/{name}"
            "?api-version=2024-09-01",
        )

    def put_compute(self, name, properties, **body):
        return self.call(
            "PUT",
            f"{self.workspace}/computes/{name}?api-version=2020-02-02",
            json={"location": "local", "properties": properties} | body,
        )


def error_of(answer):
    """Code, message and the targets of the details of an ARM error."""
    error = answer.json()["error"]
    return error["code"], error["message"], [d.get("target") for d in error.get("details") or []]
