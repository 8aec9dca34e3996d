"""What a server asks about a decorated function. The facts are on the innermost
function, so that any decorator that keeps ``__wrapped__`` may come between."""

_FACTS = "_wharf_schema"


def facts(function):
    """The facts of a function as a dict, or None."""
    return getattr(_innermost(function), _FACTS, None)


def facts_to_fill(function):
    """The facts of a function, made if there are none."""
    inner = _innermost(function)
    if not hasattr(inner, _FACTS):
        setattr(inner, _FACTS, {"versions": {"2.0", "3.0", "3.1"}})
    return getattr(inner, _FACTS)


def _innermost(function):
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def is_schema_decorated(func):
    """Whether any of the decorators is on it."""
    return facts(func) is not None


def get_input_schema(func):
    """Schema of the JSON object that the function takes."""
    return (facts(func) or {}).get("input", {"type": "object"})


def get_output_schema(func):
    """Schema of the result."""
    return (facts(func) or {}).get("output", {"type": "object"})


def get_supported_versions(func):
    """Swagger versions that can show the samples."""
    return sorted((facts(func) or {"versions": {"2.0", "3.0", "3.1"}})["versions"])
