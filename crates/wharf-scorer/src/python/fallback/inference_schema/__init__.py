"""A stand-in for inference-schema, for environments without it. The decorators
and parameter types have the same names, conversions and swagger shapes as those
of inference-schema 1.8, observed; the code is our own."""

__version__ = "1.8+wharf"
