"""What ``Model.get_model_path`` raises."""


class AzureMLException(Exception):
    """The base of all."""

    def __init__(self, message="", **_):
        Exception.__init__(self, message)
        self.message = message


class WebserviceException(AzureMLException):
    """Something about a web service."""


class ModelNotFoundException(WebserviceException):
    """The model is not in the deployment."""


class UserErrorException(AzureMLException):
    """The caller is at fault."""
