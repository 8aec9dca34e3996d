"""``@rawhttp`` and the request that it asks for."""

from _wharf_worker.raw import AMLRequest, rawhttp  # noqa: F401
