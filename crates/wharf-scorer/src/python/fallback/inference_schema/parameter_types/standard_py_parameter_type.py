"""Plain Python values, also nested."""

import base64
import datetime
import json

from .abstract_parameter_type import AbstractParameterType

_SIMPLE = {
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
}


class StandardPythonParameterType(AbstractParameterType):
    """int, float, bool, str, bytes, dates, lists and dicts of them."""

    def __init__(self, sample_input):
        AbstractParameterType.__init__(self, sample_input)
        wraps = lambda it: isinstance(it, AbstractParameterType)  # noqa: E731
        self.sample_data_type_map = {}
        self.sample_data_type_list = []
        if self.sample_data_type is dict:
            self.sample_data_type_map = {k: v for k, v in sample_input.items() if wraps(v)}
        elif self.sample_data_type in (list, tuple):
            self.sample_data_type_list = [it for it in sample_input if wraps(it)]

    def deserialize_input(self, input_data):
        """The type must be the sample's; an int may stand for a float."""
        kind = self.sample_data_type
        if kind is datetime.date:
            input_data = datetime.datetime.strptime(input_data, "%Y-%m-%d").date()
        elif kind is datetime.datetime:
            input_data = _parse_time(input_data)
        elif kind is datetime.time:
            input_data = _parse_time("2000-01-01T" + input_data).timetz()
        elif kind in (bytes, bytearray):
            input_data = kind(base64.b64decode(input_data.encode("utf-8")))
        if kind is float and type(input_data) is int:
            return input_data
        if not isinstance(input_data, kind):
            raise ValueError(
                "Invalid input data type to parse. Expected: %s but got %s"
                % (kind, type(input_data))
            )
        return input_data

    def input_to_swagger(self):
        """The schema of the sample."""
        if self.sample_input is None:
            raise ValueError("Sample input cannot be None")
        schema = swagger_of(self.sample_input)
        try:
            json.dumps(schema)
        except TypeError as error:
            raise TypeError(
                "Invalid python data sample provided: ensure that the data is fully JSON "
                "serializable to be able to generate swagger schema from it. Actual error: %s"
                % error
            )
        return schema


def _parse_time(text):
    text = text.replace("T", " ").replace("Z", " +0000").replace(" +", "+")
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        for zone in ("", "%z"):
            try:
                return datetime.datetime.strptime(text, form + zone)
            except ValueError:
                pass
    raise ValueError("Unknown string format: %s" % text)


def _with_zone(value):
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.timezone.utc)


def swagger_of(value):
    """Schema of any Python value, with its example."""
    if isinstance(value, AbstractParameterType):
        return value.input_to_swagger()
    kind = type(value)
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind], example=value)
    if kind in (bytes, bytearray):
        text = base64.b64encode(value).decode("ascii")
        return {"type": "string", "format": "byte", "example": text}
    if kind is datetime.date:
        text = value.strftime("%Y-%m-%d")
        return {"type": "string", "format": "date", "example": text}
    if kind is datetime.datetime:
        text = _with_zone(value).strftime("%Y-%m-%d %H:%M:%S.%f %z")
        return {"type": "string", "format": "date-time", "example": text}
    if kind is datetime.time:
        text = _with_zone(value).strftime("%H:%M:%S.%f %z")
        return {"type": "string", "format": "time", "example": text}
    if kind in (list, tuple, range):
        items = [swagger_of(it) for it in value]
        example = [it.pop("example") for it in items]
        last = items[-1] if items else {"type": "object"}
        return {"type": "array", "items": last, "example": example}
    if kind is dict:
        properties = {name: swagger_of(it) for name, it in value.items()}
        example = {name: it.pop("example") for name, it in properties.items()}
        required = list(properties)
        return {
            "type": "object",
            "required": required,
            "properties": properties,
            "example": example,
        }
    return {"type": "object", "example": value}
