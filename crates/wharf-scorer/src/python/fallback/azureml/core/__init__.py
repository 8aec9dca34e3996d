"""A stand-in for azureml-core with what a script needs where no workspace is:
``Model.get_model_path``. Installed, the real package is used instead."""

from azureml.core.model import Model  # noqa: F401


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(
        "azureml-core is not installed and Wharf's stand-in has no %s; "
        "add azureml-core to the environment" % name
    )
