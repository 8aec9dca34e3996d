"""What scripts import and may find absent.

Two different needs. ``azureml.contrib.services`` must always be ours: the real one
hands out Flask's request, and only the server that runs us knows how ``run`` is
called. ``inference_schema`` and ``azureml.core.model`` must be ours only when the
real ones are absent: the folder with them is the last one on sys.path.
"""

import importlib.abc
import importlib.util
import os
import sys

_PREFIX = "azureml.contrib.services."
_OURS = (_PREFIX + "aml_request", _PREFIX + "aml_response")
# The names under which the server itself offers the same classes.
_SERVER = {
    "azureml_inference_server_http.api.aml_request": _OURS[0],
    "azureml_inference_server_http.api.aml_response": _OURS[1],
}


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, path=None, target=None):
        ours = _SERVER.get(name, name)
        if ours not in _OURS:
            return None
        file = os.path.join(self.folder, *ours.split(".")) + ".py"
        return importlib.util.spec_from_file_location(name, file)


def install(folder):
    """``folder`` holds the packages."""
    sys.path.append(folder)
    sys.meta_path.insert(0, _Finder(folder))
