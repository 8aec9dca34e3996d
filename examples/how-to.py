"""The documented flow of an inference cluster, with the SDK alone.

Create a cluster, attach another, register a model, deploy it, score it, read the
logs, update it, and put everything away. Nothing here knows of Wharf: the same
lines run wherever `Workspace.from_config()` leads.
"""

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import joblib
import requests
import sklearn
from azureml.core import Environment, Workspace
from azureml.core.compute import AksCompute, ComputeTarget
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AksWebservice
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

SCORE = '''
import json
import os

import joblib
import numpy


def init():
    global model
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "diabetes.pkl")
    model = joblib.load(path)
    print("model loaded from", os.path.basename(path))


def run(raw_data):
    data = numpy.array(json.loads(raw_data)["data"])
    print("scoring", len(data), "rows")
    return model.predict(data).round(1).tolist()
'''

STARTED = time.monotonic()


@contextmanager
def step(title):
    """Prints what happens now, and how long it took."""
    began = time.monotonic()
    print(f"\n[{began - STARTED:5.1f} s] {title}", flush=True)
    yield
    print(f"          done in {time.monotonic() - began:.1f} s", flush=True)


def main():
    with step("Open the workspace of config.json"):
        ws = Workspace.from_config()
        print(f"          {ws.name} in resource group {ws.resource_group}")

    with step("Create an inference cluster for development"):
        config = AksCompute.provisioning_configuration(
            agent_count=1,
            vm_size="Standard_D3_v2",
            cluster_purpose=AksCompute.ClusterPurpose.DEV_TEST,
        )
        created = ComputeTarget.create(ws, "dev-cluster", config)
        created.wait_for_completion(show_output=True)

    with step("Attach the managed cluster `local`"):
        config = AksCompute.attach_configuration(
            resource_group=ws.resource_group, cluster_name="local"
        )
        attached = ComputeTarget.attach(ws, "how-to", config)
        attached.wait_for_completion(show_output=True)
        for name, target in ws.compute_targets.items():
            print(f"          {name}: {target.provisioning_state}")

    with step("Train a model and register it"):
        data, target = load_diabetes(return_X_y=True)
        joblib.dump(Ridge(alpha=0.05).fit(data, target), "diabetes.pkl")
        model = Model.register(
            ws,
            model_path="diabetes.pkl",
            model_name="diabetes",
            model_framework=Model.Framework.SCIKITLEARN,
            model_framework_version=sklearn.__version__,
            tags={"area": "diabetes"},
        )
        print(f"          {model.id}")

    with step("Deploy it"):
        Path("score.py").write_text(SCORE)
        environment = Environment("diabetes")
        environment.python.conda_dependencies = CondaDependencies.create(
            python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
            conda_packages=["numpy", f"scikit-learn={sklearn.__version__}"],
        )
        service = Model.deploy(
            ws,
            "diabetes",
            [model],
            InferenceConfig(entry_script="score.py", environment=environment),
            AksWebservice.deploy_configuration(
                cpu_cores=0.1, memory_gb=0.5, num_replicas=1, autoscale_enabled=False
            ),
            attached,
        )
        service.wait_for_deployment(show_output=True)
        print(f"          {service.state} at {service.scoring_uri}")

    body = json.dumps({"data": data[:2].tolist()})
    with step("Score it with service.run"):
        print(f"          {service.run(body)}")

    with step("Score it with requests and a key"):
        primary, _ = service.get_keys()
        answer = requests.post(
            service.scoring_uri,
            data=body,
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {primary}",
            },
            timeout=30,
        )
        answer.raise_for_status()
        print(f"          {answer.status_code} {answer.json()}")

    with step("Read the log"):
        for line in service.get_logs().splitlines()[-6:]:
            print(f"          {line}")

    with step("Update it to two replicas and a new tag"):
        service.update(num_replicas=2, tags={"area": "diabetes", "size": "two"})
        service.wait_for_deployment(show_output=True)
        print(f"          {service.state}, {service.num_replicas} replicas, {service.tags}")
        print(f"          {service.run(body)}")

    with step("Delete the service and the model"):
        service.delete()
        model.delete()

    with step("Detach the attached cluster, which stays; delete the created one"):
        attached.detach()
        attached.wait_for_completion(show_output=True, is_delete_operation=True)
        created.delete()
        created.wait_for_completion(show_output=True, is_delete_operation=True)
        print(f"          compute targets left: {list(ws.compute_targets)}")

    print(f"\nDone in {time.monotonic() - STARTED:.1f} s.")


if __name__ == "__main__":
    main()
