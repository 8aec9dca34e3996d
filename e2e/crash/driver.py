"""A loop of create, register, deploy, update and delete that the SDK drives, and a
record of what the server acknowledged."""

import threading
from pathlib import Path

from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.model import Model
from azureml.core.webservice import Webservice
from azureml.exceptions import ComputeTargetException, WebserviceException
from services import deploy, end_of, script, settled_compute

LOADS_ITS_MODEL = """
from azureml.core.model import Model

def init():
    global text
    with open(Model.get_model_path(NAME)) as file:
        text = file.read()

def run(raw_data):
    return text
"""


def development():
    return AksCompute.provisioning_configuration(
        cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST
    )


class Driver(threading.Thread):
    """Goes round until told to stop. An error while the server is away is what a
    client sees; the next round begins with new names."""

    def __init__(self, workspace, prefix):
        super().__init__(daemon=True)
        self.workspace = workspace
        self.prefix = prefix
        self.stopped = threading.Event()
        # (kind, name) -> what was acknowledged last, or None when its delete was. A
        # write that has no answer yet is not in here: either outcome is right.
        self.acknowledged = {}
        # Operations of services that were acknowledged: url -> name.
        self.operations = {}
        self.rounds = 0
        self.interrupted = 0
        self.wrong = None

    def run(self):
        number = 0
        while not self.stopped.is_set():
            number += 1
            try:
                self.one_round(f"{self.prefix}-{number}")
                self.rounds += 1
            except Exception as error:
                if not is_interruption(error):
                    self.wrong = error
                    return
                self.interrupted += 1
                self.stopped.wait(0.05)

    def write(self, kind, name, value, request):
        self.acknowledged.pop((kind, name), None)
        answer = request()
        self.acknowledged[kind, name] = value
        return answer

    def one_round(self, name):
        compute = self.write(
            "compute",
            name,
            "there",
            lambda: ComputeTarget.create(self.workspace, name, development()),
        )
        settled_compute(compute)
        text = f"the text of {name}"
        file = Path(f"{name}.txt")
        file.write_text(text)
        model = self.write(
            "model", name, text, lambda: Model.register(self.workspace, str(file), name)
        )
        entry = script(LOADS_ITS_MODEL.replace("NAME", repr(name)), name=f"{self.prefix}.py".replace("-", "_"))
        service = self.write(
            "service",
            name,
            {"step": "deployed"},
            lambda: deploy(
                self.workspace, compute, name, entry, models=[model], tags={"step": "deployed"}
            ),
        )
        self.must_succeed(service)
        self.write(
            "service", name, {"step": "updated"}, lambda: service.update(tags={"step": "updated"})
        )
        self.must_succeed(service)
        self.write("service", name, None, service.delete)
        self.write("compute", name, None, compute.delete)

    def must_succeed(self, service):
        """Follows the operation to its end: a crash is no reason to fail one."""
        if service._operation_endpoint:
            self.operations[service._operation_endpoint] = service.name
            state, error = end_of(service)
            assert state == "Succeeded", f"{service.name} ended {state}: {error}"

    def lost(self):
        """What was acknowledged and is not so any more."""
        look = {"compute": self.compute, "model": self.model, "service": self.service}
        return [
            (kind, name, value)
            for (kind, name), value in self.acknowledged.items()
            if look[kind](name) != value
        ]

    def service(self, name):
        try:
            return Webservice(self.workspace, name).tags
        except WebserviceException as error:
            assert "WebserviceNotFound" in str(error), error
            return None

    def compute(self, name):
        try:
            compute = ComputeTarget(self.workspace, name)
        except ComputeTargetException as error:
            assert "ComputeTargetNotFound" in str(error), error
            return None
        # A delete is acknowledged before it is done.
        return None if compute.provisioning_state == "Deleting" else "there"

    def model(self, name):
        model = Model(self.workspace, name)
        return Path(model.download(target_dir="downloads", exist_ok=True)).read_text()


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
