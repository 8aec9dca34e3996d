"""The response of a ``@rawhttp`` script."""

from _wharf_worker.raw import AMLResponse  # noqa: F401
