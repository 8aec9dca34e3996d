"""Imports the packages that were asked for, once.

A resolver says which versions claim to fit, not that they do. Arguments: normalised
distribution names. Ends with 1 when one cannot be imported; the line that says so
starts with ``cannot import``. Runs on Python 3.6 too.
"""

import csv
import importlib
import os
import re
import sys
import sysconfig
import traceback

# Folders beside the package that some distributions install by mistake.
STRAYS = {"test", "tests", "doc", "docs", "example", "examples", "benchmarks", "scripts"}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def records():
    """Normalised distribution name -> paths of its files."""
    found = {}
    for folder in {sysconfig.get_paths()[key] for key in ("purelib", "platlib")}:
        for name in sorted(os.listdir(folder)):
            if name.endswith(".dist-info"):
                record = os.path.join(folder, name, "RECORD")
                if os.path.exists(record):
                    with open(record, encoding="utf-8", newline="") as file:
                        paths = [row[0] for row in csv.reader(file) if row]
                    found[normal(name[: -len(".dist-info")].rsplit("-", 1)[0])] = paths
    return found


def modules(name, paths):
    """What to import for a distribution; nothing when that cannot be told."""
    found = set()
    for path in paths:
        head, _, rest = path.partition("/")
        if rest == "__init__.py":
            found.add(head)
        elif not rest and re.search(r"\.(py|so|pyd)$", head):
            found.add(head.split(".")[0])
    found = {it for it in found if it.isidentifier() and not it.startswith("_")} - STRAYS
    same = {it for it in found if normal(it) == name}
    if same:
        return same
    return found if len(found) == 1 else set()


def main(names):
    files = records()
    failed = False
    for name in names:
        for module in sorted(modules(name, files.get(name, ()))):
            print("Importing " + module, flush=True)
            try:
                importlib.import_module(module)
            except BaseException as error:
                traceback.print_exc()
                sys.stderr.flush()
                text = " ".join(str(error).split())
                kind = type(error).__name__
                print("cannot import `%s` (%s): %s: %s" % (module, name, kind, text), flush=True)
                failed = True
    # Threads that a package started do not hold us up.
    os._exit(1 if failed else 0)


main(sys.argv[1:])
