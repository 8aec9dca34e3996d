"""Loads the user's script and finds out how to call its ``run``.

Rules and messages: azureml-inference-server-http 1.5.1, observed. The user's
folders come first on sys.path, and the script is in sys.modules as
``entry_module``; there it is not, which breaks pickling and dataclasses.
"""

import importlib.util
import inspect
import json
import logging
import logging.config
import os
import sys
import types

from . import forks, imports, raw

PLAIN = "plain"
SCHEMA = "schema"
RAW = "raw"


class ScriptError(Exception):
    """The script is at fault; its cause is the script's own exception."""


class Script(object):
    """A loaded script: ``run``, and how it wants its input."""

    # Swagger schemas of input and output, where the script is ours and knows them.
    schemas = None

    def __init__(self, run, kind, parameters, wants_headers):
        self.run = run
        self.kind = kind
        self.parameters = parameters
        self.wants_headers = wants_headers


def load(config):
    """Imports the script, looks at ``run``, calls ``init``."""
    root = config["app_root"]
    path = None
    if config["built_in_script"]:
        return _load_built_in(config)
    if config["entry_script"]:
        path = os.path.join(root, config["entry_script"].replace("/", os.sep))
        if not os.path.isfile(path):
            raise ScriptError("The entry script %s does not exist" % config["entry_script"])
    _prepare_path(config)
    imports.install(config["fallback"])
    _configure_logging(root, path)
    module = _import(path)
    for name in ("init", "run"):
        if not hasattr(module, name):
            raise ScriptError(
                "User script at %s does not have a %s() function defined."
                % (getattr(module, "__file__", "?"), name)
            )
    run = module.run
    # The SDK's driver only forwards, and loses the schema while it does.
    inner = getattr(module, "driver_module", None)
    if isinstance(inner, types.ModuleType) and hasattr(inner, "run"):
        run = inner.run
    script = _analyze(run)
    try:
        with forks.Guard():
            module.init()
    except BaseException as error:
        raise ScriptError("User's init function failed") from error
    return script


def _load_built_in(config):
    """A script of ours: its ``run`` is called like that of a plain one."""
    try:
        name = "%s.built_in.%s" % (__name__.rpartition(".")[0], config["built_in_script"])
        module = importlib.import_module(name)
        with forks.Guard():
            module.init(config["model_dir"])
    except ScriptError:
        raise
    except BaseException as error:
        raise ScriptError("The model cannot be loaded") from error
    script = _analyze(module.run)
    script.schemas = module.schemas()
    return script


def _prepare_path(config):
    root = config["app_root"]
    folders = [root]
    if config["source_directory"]:
        folders.append(os.path.join(root, config["source_directory"]))
    sys.path[0:0] = folders
    extra = os.environ.get("AZUREML_EXTRA_PYTHON_LIB_PATH")
    if extra:
        sys.path.append(os.path.join(root, extra))


def _configure_logging(root, path):
    """A ``logging.json`` in the app root or beside the script, as dictConfig."""
    folders = [root] + ([os.path.dirname(path)] if path else [])
    for folder in folders:
        name = os.path.join(folder, "logging.json")
        if os.path.isfile(name):
            try:
                with io_open(name) as file:
                    logging.config.dictConfig(json.load(file))
            except Exception as error:
                raise ScriptError("logging.json cannot be used") from error
            return


def io_open(name):
    """Text files are UTF-8 whatever the locale says."""
    return open(name, "r", encoding="utf-8")


def _import(path):
    failed = "Failed to import user script because it raised an unhandled exception"
    try:
        if path is None:
            with forks.Guard():
                return importlib.import_module("main")
        spec = importlib.util.spec_from_file_location("entry_module", path)
        if spec is None:
            raise ImportError("%s is not a Python file" % path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["entry_module"] = module
        with forks.Guard():
            spec.loader.exec_module(module)
        return module
    except BaseException as error:
        raise ScriptError(failed) from error


def _analyze(run):
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError) as error:
        raise ScriptError("run cannot be called") from error
    allowed = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(it.kind not in allowed for it in parameters):
        raise ScriptError("run() cannot accept positional-only arguments, *args, or **kwargs.")
    data = [it for it in parameters if it.name != "request_headers"]
    wants_headers = len(data) != len(parameters)
    if not data:
        if wants_headers:
            raise ScriptError('run() needs to accept an argument other than "request_headers".')
        raise ScriptError("run() needs to accept an argument for input data.")
    schema = schema_util()
    has_schema = schema is not None and schema.is_schema_decorated(run)
    if raw.is_requested() and has_schema:
        raise ScriptError("run() cannot be decorated with both @rawhttp and @input_schema")
    kind = RAW if raw.is_requested() else SCHEMA if has_schema else PLAIN
    return Script(run, kind, data, wants_headers)


def schema_util():
    """inference_schema's own register, real or ours, if the script uses it."""
    if "inference_schema" not in sys.modules:
        return None
    try:
        return importlib.import_module("inference_schema.schema_util")
    except ImportError:
        return None
