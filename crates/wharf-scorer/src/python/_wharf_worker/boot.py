"""Start of a worker: takes the socket, loads the script, runs requests.

Requests run in the main thread, because signals, and so the scoring timeout,
reach only that one. A thread beside it does nothing but notice that the scorer
is gone.
"""

import faulthandler
import io
import os
import select
import signal
import sys
import threading
import traceback

from . import answers, frames, hints, raw, script, swagger

# These are imported here, before folders of the user are on sys.path: later
# imports in our modules must find them in sys.modules.
import importlib.util  # noqa: F401
import logging.config  # noqa: F401


def _take_socket():
    """Moves the socket away from standard input, which scripts may read."""
    fd = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return fd


def _die_with_the_scorer(fd):
    """Three nets: the kernel's (also when no Python code runs), a thread's, and
    the end of the stream in the main loop."""
    try:
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
    except Exception:
        pass

    def watch():
        poll = select.poll()
        poll.register(fd, 0)
        while True:
            for _, event in poll.poll():
                if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    os._exit(0)

    threading.Thread(target=watch, name="wharf-watch", daemon=True).start()


def _leave_stopping_to_the_scorer():
    """A signal to the whole group means: drain. The scorer ends us when it is done.
    Processes that a script forks keep the usual meaning."""
    worker = os.getpid()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def ignore(number, _frame):
        if os.getpid() != worker:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in numbers:
        signal.signal(number, ignore)
    if not hasattr(os, "register_at_fork"):
        return  # Python 3.6
    # Python forgets what its handlers heard before a fork is over, and a pool of
    # ``multiprocessing`` that ends a process which it has just forked waits for ever.
    # So the kernel keeps it until the usual meaning is back.
    masks = threading.local()

    def before():
        masks.old = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def after():
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.old)

    def after_in_child():
        for number in numbers:
            if signal.getsignal(number) is ignore:
                signal.signal(number, signal.SIG_DFL)
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after_in_child)


def _limit_memory(size):
    if size:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard != resource.RLIM_INFINITY:
            size = min(size, hard)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _print_by_line():
    """Prints reach the log at the end of each line, also when we crash later."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream.flush()
        setattr(
            sys,
            name,
            io.TextIOWrapper(
                stream.detach(), encoding="utf-8", errors="backslashreplace", line_buffering=True
            ),
        )
    sys.__stdout__ = sys.stdout
    sys.__stderr__ = sys.stderr
    faulthandler.enable(sys.stderr)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def _fail(channel, error, config):
    """Says why, first in the log, then to the scorer, and ends with 3 as Azure's
    server does."""
    if not isinstance(error, script.ScriptError):
        traceback.print_exception(type(error), error, error.__traceback__)
    elif error.__cause__ is not None:
        cause = error.__cause__
        traceback.print_exception(type(cause), cause, cause.__traceback__)
    sys.stderr.write("%s\n" % error)
    hints.print_model_directory(config["model_dir"])
    _flush()
    message = hints.describe(error, config)
    channel.write(b"F", {"message": message[:4000]})
    os._exit(3)


def _send(channel, answer, result):
    if isinstance(result, bytes):
        return channel.write(b"A", answer, result)
    try:
        return channel.stream(answer, result)
    except BaseException:
        # The scorer has cut the stream; if it is gone itself, the next read tells.
        traceback.print_exc()
        return True


def main():
    """Never returns."""
    channel = frames.Channel(_take_socket())
    _die_with_the_scorer(channel.fd)
    _print_by_line()
    _leave_stopping_to_the_scorer()
    try:
        _, config, _ = channel.read()
        channel.largest_header = config["largest_header"]
        channel.largest_body = config["largest_body"]
        try:
            _limit_memory(config["address_space_bytes"])
            user = script.load(config)
            documents = swagger.documents(user, config)
        except BaseException as error:
            _fail(channel, error, config)
        runner = answers.Runner(user, config["scoring_timeout_ms"])
        _flush()
        body = answers.to_json(documents)
        channel.write(b"I", {"raw": user.kind == script.RAW}, body)
        while True:
            _, header, body = channel.read()
            answer, result = runner.run(raw.Incoming(header, body))
            _flush()
            if not _send(channel, answer, result):
                sys.stderr.write("run() answered more than a reply may hold\n")
                channel.write(b"A", *answers.internal_error())
    except frames.Closed:
        pass
    except OSError:
        traceback.print_exc()
    _flush()
    os._exit(0)
