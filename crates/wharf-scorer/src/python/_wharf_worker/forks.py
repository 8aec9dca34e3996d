"""Processes that a script forked and that come back to us.

A copy of the worker has its socket too. If it went on, it would answer the same
request once more, and read the next one away. So it ends where the script's code
ends.
"""

import os
import sys
import traceback

_WORKER = os.getpid()


def end(error=None):
    """Ends this process, unless it is the worker itself. As at the end of any Python
    program an exception makes the status; nothing is cleaned up, for what there is
    to clean up is the worker's."""
    if os.getpid() == _WORKER:
        return
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        try:
            traceback.print_exception(type(error), error, error.__traceback__)
            sys.stderr.flush()
        except Exception:
            pass
    os._exit(status & 0xFF)


class Guard(object):
    """Goes around a call of the script's code: only the worker comes out of it."""

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        end(error)
        return False
