"""``Model.get_model_path``, as azureml-core 1.61 does it without a workspace:
folder, order of versions, fallback to the working directory, and messages."""

import os

from azureml.exceptions import ModelNotFoundException, WebserviceException

MODELS = "azureml-models"
# Once, as there: scripts that change the variable later see no difference.
_ROOT = os.path.join(os.environ.get("AML_APP_ROOT", ""), MODELS)


class Model(object):
    """Only what works inside a deployment."""

    @staticmethod
    def get_model_path(model_name, version=None, _workspace=None):
        """The file or folder of a model of this deployment."""
        if version is not None and not isinstance(version, int):
            raise WebserviceException("version should be an int")
        if model_name is None:
            raise WebserviceException("model_name is None")
        folder = os.path.join(_ROOT, model_name)
        if os.path.exists(folder):
            wanted = version if version is not None else _newest(folder)
            folder = os.path.join(folder, str(wanted))
            if os.path.exists(folder):
                entries = os.listdir(folder)
                if len(entries) != 1:
                    raise WebserviceException(
                        "Dir {} can contain only 1 file or folder. Found {}".format(
                            folder, entries
                        )
                    )
                return os.path.join(folder, entries[0])
        if os.path.exists(os.path.join(".", model_name)):
            return model_name
        text = (
            "Model {} not found in cache at {} or in current working directory {}. "
            "For more info, set logging level to DEBUG."
        ).format(model_name, MODELS, os.getcwd())
        raise (ModelNotFoundException if version is None else WebserviceException)(text)


def _newest(folder):
    versions = [int(entry) for entry in os.listdir(folder)]
    if not versions:
        raise WebserviceException("versions is empty")
    return max(versions)
