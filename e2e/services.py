"""What tests deploy: one environment, a few scripts, and ways to wait for an end."""

import json
import time
from pathlib import Path

import requests
from azureml.core import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AksWebservice
from wharf_process import until

ECHO = """
import json

def init():
    print("echo is ready")

def run(raw_data):
    return {"echo": json.loads(raw_data)}
"""

# Does what it is told, so that many tests can share one service.
PROBE = """
import json
import os
import sys
import time

def init():
    print("probe says hello")
    print("and complains", file=sys.stderr)

def run(raw_data):
    wish = json.loads(raw_data)
    if wish.get("raise"):
        raise ValueError("asked to fail: " + wish["raise"])
    if wish.get("sleep"):
        time.sleep(wish["sleep"])
    if wish.get("print"):
        print(wish["print"])
    if wish.get("variable"):
        return os.environ.get(wish["variable"])
    return {"pid": os.getpid(), "cwd": os.getcwd()}
"""

BROKEN = """
def init():
    print("the model is not where I look")
    raise RuntimeError("no model in sight")

def run(raw_data):
    return raw_data
"""


def environment(name="e2e"):
    """The one environment that all tests share, so that it is built once."""
    environment = Environment(name)
    environment.python.conda_dependencies = CondaDependencies.create(
        python_version="3.11",
        pip_packages=["numpy", "inference-schema[numpy-support]", "joblib"],
    )
    return environment


def write(name, text):
    Path(name).write_text(text)
    return name


def script(text, name="score.py", **options):
    """An inference configuration with an entry script in the working directory."""
    return InferenceConfig(
        entry_script=write(name, text), environment=options.pop("environment", environment()), **options
    )


def one_replica(**options):
    return AksWebservice.deploy_configuration(
        **{"autoscale_enabled": False, "num_replicas": 1, "cpu_cores": 0.1, "memory_gb": 0.5, **options}
    )


def deploy(workspace, cluster, name, inference, models=(), **options):
    """Asks for a service and gives it as it is, without waiting."""
    return Model.deploy(
        workspace, name, list(models), inference, one_replica(**options), cluster
    )


def end_of(service, seconds=120):
    """Polls the service's operation more often than `wait_for_deployment`; gives its end."""

    def ended():
        state, error, _ = service._get_operation_state()
        return (state, error) if state in ("Succeeded", "Failed", "Cancelled", "TimedOut") else None

    return until(ended, f"operation of `{service.name}` ends", seconds)


def healthy(service, seconds=120):
    """Waits until the service's operation succeeded and gives the service."""
    state, error = end_of(service, seconds)
    assert state == "Succeeded", f"{service.name}: {state} {json.dumps(error, indent=1)}"
    service.update_deployment_state()
    assert service.state == "Healthy", service.state
    return service


def remove(service):
    service.delete()
    return service


def call(service, body, key=None, **options):
    """A plain POST with a key, the first one if none is given."""
    headers = {"Content-Type": "application/json"}
    key = service.get_keys()[0] if key is None else key
    if key:
        headers["Authorization"] = f"Bearer {key}"
    headers.update(options.pop("headers", {}))
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return requests.post(service.scoring_uri, data=data, headers=headers, timeout=90, **options)


def settled_compute(compute, seconds=60):
    """Waits until a compute is no longer on its way and gives it."""

    def ended():
        compute.refresh_state()
        return compute.provisioning_state in ("Succeeded", "Failed", "Canceled")

    until(ended, f"compute `{compute.name}` settles", seconds)
    assert compute.provisioning_state == "Succeeded", compute.provisioning_errors
    return compute


def timed(function):
    began = time.monotonic()
    value = function()
    return value, time.monotonic() - began
