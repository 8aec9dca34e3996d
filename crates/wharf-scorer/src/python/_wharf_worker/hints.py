"""What people need to see when a script does not load: the last line of the
traceback, what it usually means, and what the model folder holds."""

import os
import sys
import traceback

_MOST_LINES = 200


def print_model_directory(folder):
    """The tree of the model folder, at most 200 lines, as Azure's server prints
    it: a wrong path to the model is the commonest error."""
    write = sys.stderr.write
    write("Model Directory Contents:\n")
    if not os.path.isdir(folder):
        write("%s does not exist\n" % folder)
        return
    lines = 0
    for root, folders, files in os.walk(folder):
        folders.sort()
        depth = root[len(folder):].count(os.sep)
        names = [os.path.basename(root.rstrip(os.sep)) + "/"]
        names += ["    " + name for name in sorted(files)]
        for name in names:
            lines += 1
            if lines > _MOST_LINES:
                write("... more than %d lines\n" % _MOST_LINES)
                return
            write("%s%s\n" % ("    " * depth, name))


def describe(error, config):
    """One line for the deployment's status."""
    cause = error.__cause__ if error.__cause__ is not None else error
    if cause is error and not isinstance(error, SyntaxError):
        line = str(error) or type(error).__name__
        if not type(error).__name__ == "ScriptError":
            line = "%s: %s" % (type(error).__name__, error)
    else:
        only = traceback.format_exception_only(type(cause), cause)
        line = only[-1].strip() if only else type(cause).__name__
        if isinstance(cause, SyntaxError):
            line += " (%s, line %s)" % (os.path.basename(cause.filename or "?"), cause.lineno)
        line = "%s: %s" % (error, line)
    hint = _hint(cause, config)
    if hint is None and (cause is not error or type(error).__name__ != "ScriptError"):
        # What only we say, for example that init() is missing, has none.
        hint = "The full traceback is in the log."
    return "%s. %s" % (line.rstrip("."), hint) if hint else line


def _hint(cause, config):
    if isinstance(cause, ImportError) and getattr(cause, "name", None):
        if isinstance(cause, ImportError) and type(cause).__name__ == "ModuleNotFoundError":
            top = cause.name.split(".")[0]
            return (
                "Add the package of the module %r to the environment; if it is a file of "
                "yours beside the script, name its folder with source_directory= in the "
                "InferenceConfig." % top
            )
    if isinstance(cause, FileNotFoundError):
        return (
            "AZUREML_MODEL_DIR is %s; what it holds is in the log. A model that was "
            "registered as a folder keeps the folder's name." % config["model_dir"]
        )
    if isinstance(cause, MemoryError):
        return "The memory limit of the deployment is too low for init()."
    if "binary incompatibility" in str(cause):
        return "A package was built for another numpy: pin numpy<2 or a newer package."
    return None
