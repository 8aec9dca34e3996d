"""``@input_schema`` and ``@output_schema``."""

import copy
import functools
import inspect

from . import schema_util
from .parameter_types.abstract_parameter_type import AbstractParameterType


def _check(kind, name):
    if not isinstance(kind, AbstractParameterType):
        raise Exception("Error, provided %s must be a subclass of the AbstractParameterType." % name)


def input_schema(param_name, param_type, convert_to_provided_type=True, optional=False):
    """Describes one parameter, and converts what comes for it."""
    _check(param_type, "param_type")

    def decorate(function):
        facts = schema_util.facts_to_fill(function)
        names = list(inspect.signature(function).parameters)
        if "input" not in facts:
            facts["input"] = {
                "type": "object",
                "properties": {name: {} for name in names},
                "example": {name: "" for name in names},
            }
        schema = copy.deepcopy(param_type.input_to_swagger())
        facts["input"]["example"][param_name] = schema.pop("example")
        facts["input"]["properties"][param_name] = schema
        facts["versions"] &= set(param_type.supported_versions())

        @functools.wraps(function)
        def converted(*args, **kwargs):
            if convert_to_provided_type:
                args = list(args)
                if param_name in kwargs:
                    if kwargs[param_name] or not optional:
                        kwargs[param_name] = _convert(kwargs[param_name], param_type)
                elif not optional:
                    if param_name not in names:
                        raise Exception(
                            'Error, provided param_name "%s" is not in the decorated function.'
                            % param_name
                        )
                    place = names.index(param_name)
                    args[place] = _convert(args[place], param_type)
            return function(*args, **kwargs)

        return converted

    return decorate


def output_schema(output_type):
    """Describes the result. It is documentation: nothing is enforced."""
    _check(output_type, "output_type")

    def decorate(function):
        facts = schema_util.facts_to_fill(function)
        if "output" in facts:
            raise Exception("Error, output schema already defined for function: %s." % function)
        facts["output"] = output_type.input_to_swagger()
        facts["versions"] &= set(output_type.supported_versions())

        @functools.wraps(function)
        def same(*args, **kwargs):
            return function(*args, **kwargs)

        return same

    return decorate


def _convert(value, kind):
    """Dicts and lists are walked; only what a sample wraps is converted."""
    sample = kind.sample_data_type
    if sample is dict:
        _expect(isinstance(value, dict), sample, value)
        for name, inner in getattr(kind, "sample_data_type_map", {}).items():
            if name in value:
                value[name] = _convert(value[name], inner)
        return value
    if sample in (list, tuple):
        _expect(isinstance(value, (list, tuple)), sample, value)
        inner = getattr(kind, "sample_data_type_list", [])
        return [_convert(item, inner[0]) for item in value] if inner else value
    return value if isinstance(value, sample) else kind.deserialize_input(value)


def _expect(is_right, sample, value):
    if not is_right:
        raise ValueError(
            "Invalid input data type to parse. Expected: %s but got %s" % (sample, type(value))
        )
