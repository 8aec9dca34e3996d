"""Writes small ONNX files without a package for it: field numbers are those of
`onnx.proto` (ir_version 8, opset 13)."""

import struct

FLOAT, INT64 = 1, 7


def _number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field, value):
    return _number(field << 3) + _number(value)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _number(field << 3 | 2) + _number(len(value)) + value


def _tensor(name, rows):
    """A matrix of floats."""
    dims = b"".join(_int(1, it) for it in (len(rows), len(rows[0])))
    raw = b"".join(struct.pack("<f", it) for row in rows for it in row)
    return dims + _int(2, FLOAT) + _bytes(8, name) + _bytes(9, raw)


def _value(name, kind, shape):
    """A named input or output; a text in its shape is free."""
    dims = (_bytes(2, it) if isinstance(it, str) else _int(1, it) for it in shape)
    shape = b"".join(_bytes(1, dim) for dim in dims)
    tensor = _bytes(1, _int(1, kind) + _bytes(2, shape))
    return _bytes(1, name) + _bytes(2, tensor)


def _node(kind, inputs, outputs):
    return b"".join(_bytes(1, it) for it in inputs) + b"".join(
        _bytes(2, it) for it in outputs
    ) + _bytes(4, kind)


def _model(nodes, constants, inputs, outputs):
    graph = b"".join(_bytes(1, it) for it in nodes) + _bytes(2, "graph")
    graph += b"".join(_bytes(5, it) for it in constants)
    graph += b"".join(_bytes(11, it) for it in inputs)
    graph += b"".join(_bytes(12, it) for it in outputs)
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _int(2, 13))


def linear(weights):
    """`Y = X @ weights`, for any number of rows."""
    return _model(
        [_node("MatMul", ["X", "W"], ["Y"])],
        [_tensor("W", weights)],
        [_value("X", FLOAT, ["rows", len(weights)])],
        [_value("Y", FLOAT, ["rows", len(weights[0])])],
    )


def sum_of_two():
    """`sum = left + right`, both of three whole numbers."""
    return _model(
        [_node("Add", ["left", "right"], ["sum"])],
        [],
        [_value("left", INT64, [3]), _value("right", INT64, [3])],
        [_value("sum", INT64, [3])],
    )
