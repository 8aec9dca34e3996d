"""Scripts of ours, for models that are deployed without one.

Each module has ``init(model_dir)``, ``run(data)`` as a plain script has it, and
``schemas()``, the swagger schemas of what goes in and comes out. Nobody else can
look into these scripts, so bad input is told with its reason and status 400.
"""

import json
import os
import sys
import traceback

from .. import raw, script

_MOST_NAMES = 20


class BadInput(Exception):
    """What a caller sent cannot be used; the text says why and what can."""


def answering(run):
    """Parses the body for ``run``, and tells a caller what is wrong with it."""

    def answered(data):
        try:
            return run(_parsed(data))
        except BadInput as error:
            return raw.AMLResponse({"message": str(error)}, 400, json_str=True)

    return answered


def _parsed(text):
    if not text.strip():
        raise BadInput("The body is empty; it must be JSON")
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput("The body is not JSON: %s" % error)


def rejected(error):
    """The model itself rejected its input: its reason, and the trace in the log."""
    traceback.print_exception(type(error), error, error.__traceback__)
    return BadInput("The model rejected the input: %s" % _shortened(str(error)))


def _shortened(text):
    return text if len(text) <= 2000 else text[:2000] + "..."


def listed(names):
    """Names for a message."""
    names = ["`%s`" % name for name in names]
    more = ["and %d more" % (len(names) - _MOST_NAMES)] if len(names) > _MOST_NAMES else []
    return ", ".join(names[:_MOST_NAMES] + more)


def find_file(folder, suffixes, what):
    """The one file of the model; among several the one that ends like ``what``."""
    files = []
    for root, _, names in os.walk(folder):
        files += [os.path.join(root, name) for name in names]
    if len(files) == 1:
        return files[0]
    fitting = sorted(it for it in files if it.lower().endswith(suffixes))
    if len(fitting) == 1:
        return fitting[0]
    found = listed(os.path.relpath(it, folder) for it in (fitting or sorted(files)))
    raise script.ScriptError(
        "The model must have exactly one file that is %s (%s), it has %d%s. Register that file "
        "alone, or deploy the model with an entry script"
        % (what, ", ".join(suffixes), len(fitting), ": " + found if found else "")
    )


def note(text):
    """A line of the log."""
    sys.stdout.write(text + "\n")
