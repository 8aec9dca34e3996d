"""Data frames."""

import io
import json

import pandas as pd

from .abstract_parameter_type import AbstractParameterType
from .standard_py_parameter_type import swagger_of

_ORIENTS = ("split", "records", "index", "columns", "values", "table")


class PandasParameterType(AbstractParameterType):
    """A data frame: column types and the number of columns are the sample's."""

    def __init__(
        self,
        sample_input,
        enforce_column_type=True,
        enforce_shape=True,
        apply_column_names=False,
        orient="records",
    ):
        if not isinstance(sample_input, pd.DataFrame):
            raise Exception("Invalid sample input provided, must provide a sample Pandas Dataframe.")
        if orient not in _ORIENTS:
            raise Exception("Invalid orient provided, must be one of %s" % (_ORIENTS,))
        AbstractParameterType.__init__(self, sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape
        self.apply_column_names = apply_column_names
        self.orient = orient

    def deserialize_input(self, input_data):
        """JSON of the given orient as a data frame."""
        if isinstance(input_data, pd.DataFrame):
            return input_data
        if not isinstance(input_data, (list, dict)):
            raise Exception(
                "Error, unable to convert input of type %s into Pandas Dataframe" % type(input_data)
            )
        text = io.StringIO(json.dumps(input_data))
        frame = pd.read_json(text, orient=self.orient, dtype=False)
        if self.apply_column_names:
            frame.columns = self.sample_input.columns.copy()
        if self.enforce_column_type:
            known = self.sample_input.dtypes.to_dict()
            types = {name: known.get(name, object) for name in frame.columns}
            for name, kind in types.items():
                if str(kind).startswith("timedelta"):
                    frame[name] = pd.to_timedelta(frame[name])
            frame = frame.astype(dtype=types)
        if self.enforce_shape and frame.shape[1] != self.sample_input.shape[1]:
            raise ValueError(
                "Invalid input data frame: %d columns are expected; input has %d"
                % (self.sample_input.shape[1], frame.shape[1])
            )
        return frame

    def input_to_swagger(self):
        """The sample as JSON of the orient, described."""
        sample = json.loads(self.sample_input.to_json(orient=self.orient, date_format="iso"))
        schema = swagger_of(sample)
        for name, kind in self.sample_input.dtypes.items():
            form = {"M": "date-time", "m": "timedelta"}.get(getattr(kind, "kind", ""))
            for described in self._columns(schema, str(name)) if form else ():
                described["format"] = form
        schema["format"] = "pandas.DataFrame:" + self.orient
        return schema

    def _columns(self, schema, name):
        """Where the schema speaks of a column."""
        if self.orient == "records":
            return [schema["items"]["properties"][name]]
        if self.orient == "index":
            return [row["properties"][name] for row in schema["properties"].values()]
        if self.orient == "columns":
            return list(schema["properties"][name]["properties"].values())
        if self.orient == "table":
            return [schema["properties"]["data"]["items"]["properties"][name]]
        return []
