"""Answers with a scikit-learn model.

The request is ``{"data": [[...], ...], "method": "predict"}``, the answer is
``{"predict": [...]}``, as in Azure's own samples. Without a method it is
``predict_proba`` where the model has it, else ``predict``.
"""

import pickle

from .. import script
from . import BadInput, answering, find_file, listed, note, rejected

_SUFFIXES = (".joblib", ".pkl", ".pickle", ".sav", ".dill")
_METHODS = (
    "predict_proba",
    "predict",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)

_model = None
_methods = ()


def init(model_dir):
    global _model, _methods
    path = find_file(model_dir, _SUFFIXES, "a pickle")
    _model = _load(path)
    _methods = tuple(it for it in _METHODS if callable(getattr(_model, it, None)))
    if not _methods:
        raise script.ScriptError(
            "The file holds a %s, which has none of the methods %s. Register an estimator, or "
            "deploy the model with an entry script" % (type(_model).__name__, ", ".join(_METHODS))
        )
    note("loaded a %s with %s" % (type(_model).__name__, ", ".join(_methods)))


def _load(path):
    import dill
    import joblib

    def with_pickle(name):
        with open(name, "rb") as file:
            return pickle.load(file)

    def with_dill(name):
        with open(name, "rb") as file:
            return dill.load(file)

    reasons = []
    for name, load in (("joblib", joblib.load), ("pickle", with_pickle), ("dill", with_dill)):
        try:
            return load(path)
        except Exception as error:
            reasons.append("%s: %s: %s" % (name, type(error).__name__, error))
            last = error
    raise script.ScriptError(
        "The model's file cannot be loaded (%s). Say with model_framework_version= of "
        "Model.register which scikit-learn saved it" % "; ".join(reasons)
    ) from last


@answering
def run(data):
    if not isinstance(data, dict) or "data" not in data:
        raise BadInput(
            'The body must be an object with `data`, for example {"data": [[1.0, 2.0]]}'
        )
    method = data.get("method")
    if method is None:
        method = _methods[0]
    elif method not in _methods:
        raise BadInput(
            "`method` is %r; this model has %s" % (method, listed(_methods))
        )
    rows = _rows(data["data"])
    try:
        result = getattr(_model, method)(rows)
    except (TypeError, ValueError, KeyError) as error:
        raise rejected(error)
    return {method: _plain(result)}


def _width():
    return getattr(_model, "n_features_in_", None)


def _columns():
    names = getattr(_model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _rows(data):
    """What the model takes: an array, or a frame where it knows names of columns."""
    if not isinstance(data, list):
        raise BadInput("`data` must be an array of rows, for example [[1.0, 2.0], [3.0, 4.0]]")
    if not data:
        raise BadInput("`data` has no rows")
    if all(isinstance(row, dict) for row in data):
        return _records(data)
    if all(isinstance(row, str) for row in data):
        return data  # texts, as a vectorizer takes them
    if not all(isinstance(row, list) for row in data):
        raise BadInput(
            "`data` must be an array of rows, each an array of values; one row alone is [[...]]"
        )
    wanted = _width()
    for at, row in enumerate(data):
        width = len(data[0]) if wanted is None else wanted
        if len(row) != width:
            raise BadInput(
                "row %d of `data` has %d values; %s"
                % (at, len(row), "the model takes %d" % width if wanted else "the first has %d" % width)
            )
    columns = _columns()
    if columns is not None:
        import pandas

        return pandas.DataFrame(data, columns=columns)
    import numpy

    try:
        return numpy.array(data)
    except ValueError as error:
        raise BadInput("`data` is no table: %s" % error)


def _records(data):
    import pandas

    frame = pandas.DataFrame(data)
    columns = _columns()
    if columns is None:
        wanted = _width()
        if wanted is not None and frame.shape[1] != wanted:
            raise BadInput(
                "the rows of `data` have %d columns; the model takes %d" % (frame.shape[1], wanted)
            )
        return frame.to_numpy()
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise BadInput("the rows of `data` lack the columns %s" % listed(missing))
    return frame[columns]


def _plain(result):
    """As JSON has it."""
    if isinstance(result, (list, tuple)):
        return [_plain(it) for it in result]
    if hasattr(result, "toarray"):  # sparse
        result = result.toarray()
    if hasattr(result, "to_numpy"):
        result = result.to_numpy()
    return result.tolist() if hasattr(result, "tolist") else result


def schemas():
    value = {"type": "number", "format": "double"}
    if _columns() is not None:
        value = {}
    width = _width() or 1
    rows = {"type": "array", "items": {"type": "array", "items": value}}
    example = {"data": [[0.0] * min(width, 1000)], "method": _methods[0]}
    request = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": dict(rows, format="numpy.ndarray"),
            "method": {"type": "string", "enum": list(_methods)},
        },
        "example": example,
    }
    results = {name: {"type": "array", "items": {}} for name in _methods}
    return request, {"type": "object", "properties": results}
