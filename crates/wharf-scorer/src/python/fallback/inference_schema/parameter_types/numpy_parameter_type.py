"""Arrays."""

import numpy as np

from .abstract_parameter_type import AbstractParameterType


class NumpyParameterType(AbstractParameterType):
    """An array: dtype and all dimensions but the first are those of the sample."""

    def __init__(self, sample_input, enforce_column_type=True, enforce_shape=True):
        if not isinstance(sample_input, np.ndarray):
            raise Exception("Invalid sample input provided, must provide a sample Numpy array.")
        AbstractParameterType.__init__(self, sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape

    def deserialize_input(self, input_data):
        """Nested lists as an array."""
        if isinstance(input_data, np.ndarray):
            return input_data
        if not isinstance(input_data, list):
            raise Exception(
                "Error, unable to convert input of type %s into Numpy Array" % type(input_data)
            )
        dtype = self.sample_input.dtype
        if dtype.names:
            input_data = [
                tuple(it[name] for name in dtype.names) if isinstance(it, dict) else tuple(it)
                for it in input_data
            ]
        array = np.array(input_data, dtype=dtype if self.enforce_column_type else None)
        if self.enforce_shape:
            wanted = self.sample_input.shape
            if len(array.shape) != len(wanted) or array.shape[1:] != wanted[1:]:
                raise ValueError(
                    "Invalid input array: the sample has shape %s, the input has %s"
                    % (wanted, array.shape)
                )
        return array

    def input_to_swagger(self):
        """One array for each dimension around the item."""
        schema = _item(self.sample_input.dtype)
        for _ in self.sample_input.shape:
            schema = {"type": "array", "items": schema}
        schema["example"] = _example(self.sample_input)
        schema["format"] = "numpy.ndarray"
        return schema


def _example(value):
    """As JSON can carry it."""
    if isinstance(value, np.ndarray):
        return [_example(it) for it in value]
    if isinstance(value, np.void) and value.dtype.names:
        return {name: _example(value[name]) for name in value.dtype.names}
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    return value if isinstance(value, (int, float, bool, str)) else str(value)


def _item(dtype):
    if dtype.names:
        properties = {name: _item(dtype[name]) for name in dtype.names}
        return {"type": "object", "properties": properties}
    if dtype.subdtype is not None:
        schema = _item(dtype.subdtype[0])
        for _ in dtype.subdtype[1]:
            schema = {"type": "array", "items": schema}
        return schema
    if dtype.kind in "iu":
        return {"type": "integer", "format": dtype.name}
    if dtype.kind == "f":
        return {"type": "number", "format": "double" if dtype.itemsize >= 8 else "float"}
    simple = {
        "b": {"type": "boolean"},
        "O": {"type": "object"},
        "U": {"type": "string"},
        "S": {"type": "string", "format": "binary"},
        "V": {"type": "string", "format": "binary"},
        "M": {"type": "string", "format": "date-time"},
        "m": {"type": "string", "format": "timedelta"},
    }
    if dtype.kind not in simple:
        raise TypeError(
            "We currently do not support extracting schema from data of type %s" % dtype.name
        )
    return dict(simple[dtype.kind])
