"""The base of all parameter types; users write their own."""

import abc


class AbstractParameterType(abc.ABC):
    """A sample, how to convert to its type, and how swagger shows it."""

    def __init__(self, sample_input):
        self.sample_input = sample_input
        self.sample_data_type = type(sample_input)

    @abc.abstractmethod
    def deserialize_input(self, input_data):
        """JSON data as the sample's type."""

    @abc.abstractmethod
    def input_to_swagger(self):
        """A schema object with an ``example``."""

    def supported_versions(self):
        """Swagger 2 cannot show a list of different types."""
        versions = ["3.0", "3.1"]
        if _is_uniform(self.input_to_swagger()["example"]):
            versions.append("2.0")
        return sorted(versions)


def _is_uniform(value):
    if isinstance(value, dict):
        return all(_is_uniform(it) for it in value.values())
    if isinstance(value, list):
        same = all(type(it) is type(value[0]) for it in value)
        return same and all(_is_uniform(it) for it in value if isinstance(it, list))
    return True
