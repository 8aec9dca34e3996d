"""Runs an ONNX graph with ONNX Runtime.

A request gives each input by its name, as nested arrays; the answer gives each
output likewise:

- ``{"X": [[1, 2]]}`` or ``{"inputs": {"X": [[1, 2]]}}``
- ``{"data": [[1, 2]]}`` or ``[[1, 2]]``, where the graph has one input
- the JSON of ONNX Runtime Server, ``{"inputs": {"X": {"dims": [1, 2], "dataType": 1,
  "floatData": [1, 2]}}}``, which is answered in that form
"""

import base64

from . import BadInput, answering, find_file, listed, note, rejected

# ONNX Runtime's words for types: numpy's word, and the number and the member of
# TensorProto (onnx.proto).
_TYPES = {
    "tensor(float)": ("float32", 1, "floatData"),
    "tensor(uint8)": ("uint8", 2, "int32Data"),
    "tensor(int8)": ("int8", 3, "int32Data"),
    "tensor(uint16)": ("uint16", 4, "int32Data"),
    "tensor(int16)": ("int16", 5, "int32Data"),
    "tensor(int32)": ("int32", 6, "int32Data"),
    "tensor(int64)": ("int64", 7, "int64Data"),
    "tensor(string)": ("object", 8, "stringData"),
    "tensor(bool)": ("bool", 9, "int32Data"),
    "tensor(float16)": ("float16", 10, None),
    "tensor(double)": ("float64", 11, "doubleData"),
    "tensor(uint32)": ("uint32", 12, "uint64Data"),
    "tensor(uint64)": ("uint64", 13, "uint64Data"),
}
_MEMBERS = ("floatData", "int32Data", "int64Data", "stringData", "doubleData", "uint64Data")

_session = None
_inputs = {}
_outputs = {}


def init(model_dir):
    global _session, _inputs, _outputs
    import onnxruntime

    path = find_file(model_dir, (".onnx",), "a graph")
    options = onnxruntime.SessionOptions()
    # Replicas share the machine: no thread burns a core while it waits for work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    _session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    _inputs = {it.name: it for it in _session.get_inputs()}
    _outputs = {it.name: it for it in _session.get_outputs()}
    for word, tensors in (("input", _inputs), ("output", _outputs)):
        for it in tensors.values():
            note("%s %s: %s %s" % (word, it.name, it.type, _shape(it.shape)))


@answering
def run(data):
    given, wanted, is_typed = _given(data)
    missing = [name for name in _inputs if name not in given]
    unknown = [name for name in given if name not in _inputs]
    if missing or unknown:
        told = []
        if missing:
            told.append("lacks %s" % listed(missing))
        if unknown:
            told.append("has %s, which the graph does not know" % listed(unknown))
        raise BadInput("The input %s; inputs: %s" % (" and ".join(told), _described()))
    feed = {name: _tensor(_inputs[name], value) for name, value in given.items()}
    try:
        results = _session.run(wanted, feed)
    except Exception as error:
        # Its errors for bad shapes have no type of their own.
        raise rejected(error)
    if is_typed:
        return {"outputs": {name: _typed(name, it) for name, it in zip(wanted, results)}}
    return {name: _plain(it) for name, it in zip(wanted, results)}


def _given(data):
    """Input name -> value, the outputs that are asked for, and whether tensors are
    spelled with dimensions and type."""
    every = list(_outputs)
    only = next(iter(_inputs)) if len(_inputs) == 1 else None
    if isinstance(data, dict):
        inputs = data.get("inputs")
        if "inputs" not in _inputs and isinstance(inputs, dict):
            wanted = data.get("outputFilter") or every
            known = isinstance(wanted, list) and all(it in _outputs for it in wanted)
            if not known:
                raise BadInput("`outputFilter` must name outputs: %s" % listed(_outputs))
            typed = [isinstance(it, dict) and "dims" in it for it in inputs.values()]
            return inputs, wanted, any(typed)
        if "data" in data and "data" not in _inputs and only is not None:
            return {only: data["data"]}, every, False
        return data, every, False
    if isinstance(data, list) and only is not None:
        return {only: data}, every, False
    raise BadInput(
        "The body must be an object with a member for each input; inputs: %s" % _described()
    )


def _described():
    named = ("%s (%s %s)" % (it.name, it.type, _shape(it.shape)) for it in _inputs.values())
    return ", ".join(named)


def _shape(shape):
    return "[%s]" % ", ".join(str(it) if isinstance(it, int) else "?" for it in shape)


def _tensor(wanted, value):
    import numpy

    kind = _TYPES.get(wanted.type)
    if kind is None:
        raise BadInput(
            "input `%s` is a %s, which JSON cannot give; deploy the model with an entry script"
            % (wanted.name, wanted.type)
        )
    if isinstance(value, dict):
        array = _from_proto(wanted, kind, value)
    else:
        array = _from_lists(wanted, kind, value)
    fits = len(array.shape) == len(wanted.shape) and all(
        it == asked or not isinstance(asked, int) for it, asked in zip(array.shape, wanted.shape)
    )
    if not fits:
        raise BadInput(
            "input `%s` must have the shape %s, has %s"
            % (wanted.name, _shape(wanted.shape), _shape(array.shape))
        )
    return numpy.ascontiguousarray(array)


def _from_lists(wanted, kind, value):
    import numpy

    try:
        array = numpy.array(value)
    except ValueError:
        raise BadInput("input `%s` is no tensor: its rows differ in length" % wanted.name)
    name = kind[0]
    allowed = {"f": "biuf", "i": "iu", "u": "iu", "b": "b", "O": "U"}[numpy.dtype(name).kind]
    if array.size and array.dtype.kind not in allowed:
        raise BadInput(
            "input `%s` must hold values of type %s in rows of equal length" % (wanted.name, name)
        )
    return _cast(wanted, array, name)


def _cast(wanted, array, name):
    import numpy

    if numpy.dtype(name).kind in "iu" and array.size:
        limits = numpy.iinfo(name)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise BadInput("input `%s` has values beyond those of %s" % (wanted.name, name))
    return array.astype(name)


def _from_proto(wanted, kind, value):
    """A TensorProto as protobuf's JSON spells it; whole numbers may be text there."""
    import numpy

    name, number, _ = kind
    try:
        dims = [int(it) for it in value["dims"]]
        if value.get("dataType", number) != number:
            raise BadInput(
                "input `%s` has dataType %s; the graph takes %d (%s)"
                % (wanted.name, value["dataType"], number, name)
            )
        if "rawData" in value:
            raw = base64.b64decode(value["rawData"], validate=True)
            array = numpy.frombuffer(raw, dtype=name)
        else:
            member = next((it for it in _MEMBERS if it in value), None)
            items = value.get(member, [])
            if name == "object":
                items = [base64.b64decode(it).decode("utf-8") for it in items]
            elif numpy.dtype(name).kind in "iub":
                items = [int(it) for it in items]
            array = _cast(wanted, numpy.array(items), name)
        return array.reshape(dims)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("input `%s` is no tensor: %s" % (wanted.name, error))


def _plain(value):
    """As JSON has it; sequences and maps are lists and objects already."""
    return value.tolist() if hasattr(value, "tolist") else value


def _typed(name, value):
    import numpy

    value = numpy.asarray(value)
    kind = _TYPES.get(_outputs[name].type)
    if kind is None:
        return _plain(value)
    typed = {"dims": [str(it) for it in value.shape], "dataType": kind[1]}
    if kind[2] is None:
        typed["rawData"] = base64.b64encode(value.tobytes()).decode("ascii")
    elif kind[0] == "object":
        items = (str(it).encode("utf-8") for it in value.ravel())
        typed[kind[2]] = [base64.b64encode(it).decode("ascii") for it in items]
    elif kind[2] in ("int64Data", "uint64Data"):
        typed[kind[2]] = [str(it) for it in value.ravel().tolist()]
    elif kind[2] == "int32Data":
        typed[kind[2]] = [int(it) for it in value.ravel().tolist()]
    else:
        typed[kind[2]] = value.ravel().tolist()
    return typed


def _schema(tensor, depth=0):
    if depth < len(tensor.shape):
        return {"type": "array", "items": _schema(tensor, depth + 1)}
    name = _TYPES.get(tensor.type, ("object",))[0]
    if name.startswith(("int", "uint")):
        return {"type": "integer"}
    if name.startswith("float"):
        return {"type": "number"}
    return {"type": "boolean"} if name == "bool" else {}


def _zeros(tensor):
    name = _TYPES.get(tensor.type, ("object",))[0]
    value = "" if name == "object" else False if name == "bool" else 0
    size = 1
    for it in reversed(tensor.shape):
        count = it if isinstance(it, int) else 1
        size *= count
        if size > 1000:
            return []  # an example is for people
        value = [value] * count
    return value


def schemas():
    request = {
        "type": "object",
        "required": list(_inputs),
        "properties": {name: _schema(it) for name, it in _inputs.items()},
        "example": {name: _zeros(it) for name, it in _inputs.items()},
    }
    return request, {
        "type": "object",
        "properties": {name: _schema(it) for name, it in _outputs.items()},
    }
