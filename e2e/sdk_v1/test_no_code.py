"""Models that are deployed without a script: scikit-learn and ONNX."""

import json
import pickle

import joblib
import numpy
import onnx_file
import pytest
import requests
import sklearn
from azureml.core import Model
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.core.webservice import AksWebservice
from azureml.exceptions import UserErrorException, WebserviceException
from services import call, healthy, one_replica
from sklearn.linear_model import LinearRegression, LogisticRegression

ROWS = [[0.0, 0.0], [1.0, 1.0], [9.0, 9.0], [10.0, 10.0]]
CLASSES = [0, 0, 1, 1]
WEIGHTS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture(scope="module")
def classifier():
    return LogisticRegression().fit(numpy.array(ROWS), CLASSES)


def register(workspace, name, file, framework, version=None, **options):
    return Model.register(
        workspace, file, name, model_framework=framework, model_framework_version=version, **options
    )


def deploy(workspace, cluster, name, model, config=None):
    return Model.deploy(workspace, name, [model], None, config or one_replica(), cluster)


@pytest.fixture(scope="module")
def scikit(workspace, cluster, classifier, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("scikit"))
        joblib.dump(classifier, "model.joblib")
        model = register(
            workspace, "no-code-scikit", "model.joblib", Model.Framework.SCIKITLEARN,
            sklearn.__version__,
            resource_configuration=ResourceConfiguration(cpu=0.2, memory_in_gb=0.7),
        )
        config = AksWebservice.deploy_configuration(autoscale_enabled=False, num_replicas=1)
        service = healthy(deploy(workspace, cluster, "no-code-scikit", model, config), 240)
    yield service
    service.delete()


@pytest.fixture(scope="module")
def onnx(workspace, cluster, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("onnx")
        patch.chdir(folder)
        (folder / "linear.onnx").write_bytes(onnx_file.linear(WEIGHTS))
        model = register(workspace, "no-code-onnx", "linear.onnx", Model.Framework.ONNX, "1.17")
        service = healthy(deploy(workspace, cluster, "no-code-onnx", model), 240)
    yield service
    service.delete()


def refusal(service, body):
    answer = call(service, body)
    assert answer.status_code == 400, (answer.status_code, answer.text)
    return answer.json()["message"]


def swagger(service):
    key = service.get_keys()[0]
    answer = requests.get(
        service.swagger_uri, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["definitions"]


def test_a_classifier_answers_as_in_process(scikit, classifier):
    answer = scikit.run(json.dumps({"data": ROWS, "method": "predict"}))
    assert answer == {"predict": CLASSES}
    # Probabilities where the model has them and no method is named.
    answer = scikit.run(json.dumps({"data": ROWS}))
    assert list(answer) == ["predict_proba"]
    wanted = classifier.predict_proba(numpy.array(ROWS))
    numpy.testing.assert_allclose(answer["predict_proba"], wanted)


def test_the_size_that_the_model_was_registered_with_is_the_default(scikit):
    sizes = scikit.container_resource_requirements
    assert (sizes.cpu, sizes.memory_in_gb) == (0.2, 0.7)


def test_its_environment_has_the_version_that_saved_the_model(scikit):
    log = scikit.get_logs()
    assert "loaded a LogisticRegression" in log
    assert "InconsistentVersionWarning" not in log


def test_its_swagger_has_the_width_of_the_model(scikit):
    given = swagger(scikit)["ServiceInput"]
    assert given["example"] == {"data": [[0.0, 0.0]], "method": "predict_proba"}
    assert "predict" in given["properties"]["method"]["enum"]


def test_a_classifier_says_what_is_wrong_with_its_input(scikit):
    for body, says in [
        ("", "empty"),
        ("{", "not JSON"),
        ([[1, 2]], "object with `data`"),
        ({"rows": [[1, 2]]}, "object with `data`"),
        ({"data": []}, "no rows"),
        ({"data": [1, 2]}, "[[...]]"),
        ({"data": [[1, 2], [1]]}, "row 1 of `data` has 1 values; the model takes 2"),
        ({"data": [["a", "b"]]}, "The model rejected the input"),
        ({"data": [[1, None]]}, "The model rejected the input"),
        ({"data": [[1, 2]], "method": "fit"}, "`predict`"),
    ]:
        assert says in refusal(scikit, body), body


def test_a_pipeline_with_names_of_columns_takes_records(workspace, cluster, folder):

    model = LinearRegression().fit(numpy.array(ROWS), [0.0, 2.0, 18.0, 20.0])
    model.feature_names_in_ = numpy.array(["a", "b"], dtype=object)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    model = register(
        workspace, "no-code-named", "model.pkl", Model.Framework.SCIKITLEARN, sklearn.__version__
    )
    service = healthy(deploy(workspace, cluster, "no-code-named", model), 240)
    try:
        answer = service.run(json.dumps({"data": [{"b": 3.0, "a": 3.0, "c": 0}, {"a": 4.0, "b": 4.0}]}))
        # No probabilities: a regression predicts.
        numpy.testing.assert_allclose(answer["predict"], [6.0, 8.0])
        numpy.testing.assert_allclose(service.run('{"data": [[5, 5]]}')["predict"], [10.0])
        assert "lack the columns `b`" in refusal(service, {"data": [{"a": 1}]})
    finally:
        service.delete()


def test_a_graph_takes_its_input_in_every_form(onnx):
    wanted = {"Y": [[7.0, 10.0]]}
    for body in (
        {"X": [[1, 2]]},
        {"inputs": {"X": [[1, 2]]}},
        {"data": [[1.0, 2.0]]},
        [[1, 2]],
    ):
        assert onnx.run(json.dumps(body)) == wanted, body
    tensor = {"dims": ["1", "2"], "dataType": 1, "floatData": [1, 2]}
    answer = onnx.run(json.dumps({"inputs": {"X": tensor}, "outputFilter": ["Y"]}))
    assert answer == {"outputs": {"Y": {"dims": ["1", "2"], "dataType": 1, "floatData": [7, 10]}}}
    assert onnx.run('{"X": [[1, 0], [0, 1]]}') == {"Y": WEIGHTS}


def test_a_graph_says_what_is_wrong_with_its_input(onnx):
    for body, says in [
        ("", "empty"),
        ("[", "not JSON"),
        ("7", "a member for each input"),
        ({}, "lacks `X`; inputs: X (tensor(float) [?, 2])"),
        ({"X": [[1, 2]], "Z": 1}, "has `Z`, which the graph does not know"),
        ({"X": [[1, 2, 3]]}, "must have the shape [?, 2], has [1, 3]"),
        ({"X": [1, 2]}, "must have the shape [?, 2], has [2]"),
        ({"X": [[1, 2], [3]]}, "rows differ in length"),
        ({"X": [["a", "b"]]}, "values of type float32"),
        ({"inputs": {"X": {"dims": [1, 2], "dataType": 7, "int64Data": [1, 2]}}}, "dataType 7"),
        ({"inputs": {"X": {"dims": [2, 2], "floatData": [1, 2]}}}, "is no tensor"),
        ({"inputs": {"X": [[1, 2]]}, "outputFilter": ["Z"]}, "must name outputs: `Y`"),
    ]:
        assert says in refusal(onnx, body), body


def test_a_graphs_swagger_has_its_inputs(onnx):
    given = swagger(onnx)["ServiceInput"]
    assert given["example"] == {"X": [[0, 0]]}
    assert given["required"] == ["X"]


def test_a_graph_is_exchanged_for_one_with_two_inputs(workspace, onnx, folder):
    (folder / "sum.onnx").write_bytes(onnx_file.sum_of_two())
    model = register(workspace, "no-code-onnx", "sum.onnx", Model.Framework.ONNX)
    onnx.update(models=[model])
    onnx.wait_for_deployment()
    assert onnx.state == "Healthy"
    body = {"left": [1, 2, 3], "right": [10, 20, 30]}
    assert onnx.run(json.dumps(body)) == {"sum": [11, 22, 33]}
    assert "values of type int64" in refusal(onnx, {"left": [1.5, 2, 3], "right": [1, 2, 3]})
    assert "a member for each input" in refusal(onnx, [1, 2, 3])


def test_what_cannot_be_served_without_a_script_is_told(workspace, cluster, folder):
    (folder / "saved").write_text("a")
    for framework, says in [
        (Model.Framework.TENSORFLOW, "convert it to ONNX"),
        (Model.Framework.MULTI, "without a script ScikitLearn and Onnx are served"),
    ]:
        model = register(workspace, "no-code-refused", "saved", framework)
        with pytest.raises(WebserviceException) as error:
            deploy(workspace, cluster, "no-code-refused", model)
        assert says in str(error.value) and "inference configuration" in str(error.value)
    # The client itself refuses the others, and more than one model.
    model = register(workspace, "no-code-refused", "saved", Model.Framework.PYTORCH)
    with pytest.raises(UserErrorException):
        deploy(workspace, cluster, "no-code-refused", model)


def test_a_file_that_is_no_model_fails_with_its_reason(workspace, cluster, folder):
    (folder / "model.pkl").write_text("no pickle")
    model = register(
        workspace, "no-code-broken", "model.pkl", Model.Framework.SCIKITLEARN, sklearn.__version__
    )
    service = deploy(workspace, cluster, "no-code-broken", model)
    try:
        with pytest.raises(WebserviceException) as error:
            service.wait_for_deployment()
        assert "cannot be loaded (joblib: " in str(error.value)
    finally:
        service.delete()
