"""The service's swagger documents, made once when the script is loaded.

Shapes observed on azureml-inference-server-http 1.5.1. Files of the user in the
application folder win.
"""

import json
import os
import sys

from . import script

_FILES = {
    "2": ("swagger.json", "swagger2.json"),
    "3": ("swagger3.json",),
    "3.1": ("swagger3.1.json",),
}
_ALIASES = {"2": ("2", "2.0"), "3": ("3", "3.0"), "3.1": ("3.1",)}
_HEALTH = "Simple health check endpoint to ensure the service is up at any given point."
_RUN = "Run web service's model and get the prediction output"
_FAILED = "The service failed to execute due to an error."
_SCORED = (
    "The service processed the input correctly and provided a result prediction, if applicable."
)
_PAYLOAD = "The input payload for executing the real-time machine learning service."
_UP = "If service is up and running, this response will be returned with the content 'Healthy'"
_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}
_BEARER = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "For example: Bearer abc123",
}


def documents(user, config):
    """Version -> JSON text. A version that cannot be had is absent."""
    schema = script.schema_util()
    versions = ["2.0", "3.0", "3.1"]
    parts = ({"type": "object", "example": {}}, {"type": "object", "example": {}})
    if user.schemas is not None:
        parts = user.schemas
    elif user.kind == script.SCHEMA:
        parts = (schema.get_input_schema(user.run), schema.get_output_schema(user.run))
        if hasattr(schema, "get_supported_versions"):
            versions = schema.get_supported_versions(user.run)
    # The service's own variables may differ from the script's wish for a name.
    prefix = os.environ.get("SERVICE_PATH_PREFIX", config["path_prefix"]).strip("/")
    prefix = "/" + prefix if prefix else ""
    made = {}
    for version in ("2", "3", "3.1"):
        document = _read(config["app_root"], version)
        if document is None and any(it in versions for it in _ALIASES[version]):
            document = _make(version, prefix, config, parts)
        if document is not None:
            try:
                made[version] = json.dumps(document)
            except (TypeError, ValueError) as error:
                sys.stderr.write("no swagger %s: %s\n" % (version, error))
    return made


def _read(root, version):
    for name in _FILES[version]:
        path = os.path.join(root, name)
        if os.path.isfile(path):
            try:
                with script.io_open(path) as file:
                    return json.load(file)
            except Exception as error:
                raise script.ScriptError("%s cannot be used" % name) from error
    return None


def _make(version, prefix, config, parts):
    name = config["service_name"] or "ML service"
    document = {
        "info": {
            "title": name,
            "description": "API specification for the Azure Machine Learning service " + name,
            "version": config["service_version"] or "1.0",
        }
    }
    old = version == "2"
    where = "#/definitions/" if old else "#/components/schemas/"
    ref = lambda name: {"$ref": where + name}  # noqa: E731
    content = lambda schema: (  # noqa: E731
        {"schema": schema} if old else {"content": {"application/json": {"schema": schema}}}
    )

    def answers(text, good):
        failed = dict(description=_FAILED, **content(ref("ErrorResponse")))
        return {"200": dict(description=text, **good), "default": failed}

    if old:
        healthy = {"schema": {"type": "string"}, "examples": {"application/json": "Healthy"}}
        payload = {"name": "serviceInputPayload", "in": "body", "description": _PAYLOAD}
        payload.update(content(ref("ServiceInput")))
        body = {"parameters": [payload]}
        number = {"type": "integer", "enum": [2, 3]}
        spec = {"schema": {"type": "string"}}
    else:
        text = {"type": "string", "example": "Healthy"}
        healthy = {"content": {"text/plain": {"schema": text}}}
        body = {"requestBody": dict(description=_PAYLOAD, **content(ref("ServiceInput")))}
        number = {"schema": {"type": "integer", "enum": [2, 3]}}
        spec = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    version_parameter = dict({"name": "version", "in": "query", "required": False}, **number)
    post = {"operationId": "RunMLService", "description": _RUN, "security": [{"Bearer": []}]}
    post.update(body)
    post["responses"] = answers(_SCORED, content(ref("ServiceOutput")))
    paths = {
        prefix + "/": {
            "get": {
                "operationId": "ServiceHealthCheck",
                "description": _HEALTH,
                "responses": answers(_UP, healthy),
            }
        },
        prefix + "/score": {"post": post},
        prefix + "/swagger.json": {
            "get": {
                "operationId": "GetSwaggerSpec",
                "description": "Get the Swagger specification.",
                "parameters": [version_parameter],
                "responses": answers("The Swagger specification.", spec),
            }
        },
    }
    schemas = {"ServiceInput": parts[0], "ServiceOutput": parts[1], "ErrorResponse": _ERROR}
    if old:
        document["swagger"] = "2.0"
        document["schemes"] = ["https"]
        document["consumes"] = document["produces"] = ["application/json"]
        document["securityDefinitions"] = {"Bearer": _BEARER}
        document["paths"] = paths
        document["definitions"] = schemas
    else:
        document["openapi"] = "3.0.3" if version == "3" else "3.1.0"
        document["paths"] = paths
        document["security"] = [{"Bearer": []}]
        document["components"] = {"schemas": schemas, "securitySchemes": {"Bearer": _BEARER}}
    return document
