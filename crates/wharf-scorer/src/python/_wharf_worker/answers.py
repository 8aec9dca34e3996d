"""Runs one request and makes the answer.

Statuses, messages and the header for a failed ``run`` are those of
azureml-inference-server-http 1.5.1, observed. Results go out as ``json.dumps``
makes them (ASCII escapes, ``NaN``, ``", "`` and ``": "``): clients depend on it.
Knowingly different: ``sys.exit`` in ``run`` is a failed run, not a bare page.
"""

import io
import json
import os
import signal
import sys
import time
import traceback

from . import forks, raw, script

_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_RUN_FAILED = "x-ms-run-function-failed"
_RUN = "An unexpected error occurred in scoring script. Check the logs for more info."
_INTERNAL = "An unexpected internal error occurred. Check the logs for more info."


class Refused(Exception):
    """The input cannot be given to ``run``."""

    def __init__(self, status, message):
        Exception.__init__(self, message)
        self.status = status


def to_json(value):
    """As the body of an answer."""
    return json.dumps(value).encode("ascii")


def _message(status, text, failed=False):
    header = {"status": status, "headers": [("content-type", _JSON)], "run_failed": failed}
    return header, to_json({"message": text})


def internal_error():
    """An answer that could not be made from what ``run`` returned."""
    return _message(500, _INTERNAL)


def _log(error):
    sys.stderr.write("Encountered Exception:\n")
    traceback.print_exception(type(error), error, error.__traceback__)


class Runner(object):
    """Calls the script's ``run``, with the scoring timeout."""

    def __init__(self, user, timeout_ms):
        self.user = user
        self.timeout_ms = timeout_ms
        self.alarmed = False
        self.app = None

    def _on_alarm(self, _signal, _frame):
        self.alarmed = True
        raise TimeoutError("Scoring timeout after %d ms" % self.timeout_ms)

    def run(self, request):
        """Returns (header, body) of the answer; the body is bytes, or an iterator of
        pieces that may still raise. Never raises itself."""
        try:
            return self._run(request)
        except Refused as refused:
            return _message(refused.status, str(refused))
        except BaseException as error:
            _log(error)
            return internal_error()

    def _run(self, request):
        arguments = self._arguments(request)
        if self.user.wants_headers:
            arguments["request_headers"] = request.header_dict()
        self.alarmed = False
        try:
            with self._flask(request):
                result, elapsed = self._timed(arguments)
        except TimeoutError as error:
            _log(error)
            text = "Scoring timeout after %d ms" % self.timeout_ms
            header, body = _message(500, text, True)
            header["timed_out"] = self.alarmed
            return header, body
        except BaseException as error:
            _log(error)
            return _message(500, _RUN, True)
        header, body = _wrap(result)
        header["exec_ms"] = elapsed * 1000.0
        return header, body

    def _timed(self, arguments):
        # A script may have taken the signal for itself.
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, self.timeout_ms / 1000.0)
        try:
            start = time.perf_counter()
            with forks.Guard():
                result = self.user.run(**arguments)
            elapsed = time.perf_counter() - start
            if not isinstance(result, raw.AMLResponse):
                result = _from_flask(result)
            elif not isinstance(result.response, (bytes, str)) and not _is_streamed(result):
                result.response = _joined(result.response)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return result, elapsed

    def _arguments(self, request):
        kind = self.user.kind
        first = self.user.parameters[0].name
        if kind == script.RAW:
            return {first: raw.AMLRequest(request)}
        if request.method == "GET":
            values = _query_values(request)
            if kind == script.PLAIN:
                return {first: json.dumps(values)}
            return self._by_name(values)
        if kind == script.PLAIN:
            # Flask reads forms away before the body is asked for.
            if request.mimetype() in raw.FORMS:
                return {first: ""}
            try:
                return {first: request.body.decode("utf-8")}
            except UnicodeDecodeError as error:
                raise Refused(400, "Input cannot be decoded as UTF-8: %s" % error)
        if not request.is_json():
            raise Refused(415, "Expects Content-Type to be application/json")
        try:
            values = json.loads(request.body)
        except json.JSONDecodeError as error:
            if not request.body:
                raise Refused(400, "POST body is empty. Expecting a JSON dictionary.")
            raise Refused(400, "POST body could not be decoded as JSON: %s" % error)
        if not isinstance(values, dict):
            raise Refused(400, "POST body should be a JSON dictionary.")
        return self._by_name(values)

    def _by_name(self, values):
        arguments = {}
        for parameter in self.user.parameters:
            value = values.get(parameter.name, parameter.default)
            if value is parameter.empty:
                text = "A value is not provided for the %r parameter." % parameter.name
                raise Refused(400, text)
            arguments[parameter.name] = value
        return arguments

    def _flask(self, request):
        """``flask.request`` works in ``run`` when the script uses Flask."""
        flask = sys.modules.get("flask")
        if flask is None or not hasattr(flask, "Flask"):
            return _Nothing()
        if self.app is None:
            self.app = flask.Flask("entry_module", root_path=os.getcwd())
        return self.app.request_context(_environ(request))


class _Nothing(object):
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return False


def _environ(request):
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.header_dict().items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            environ["HTTP_" + key] = value
    return environ


def _parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _query_values(request):
    values = {}
    for name, texts in raw.parse_query(request.query).lists():
        parsed = [_parse(text) for text in texts]
        values[name] = parsed[0] if len(parsed) == 1 else parsed
    return values


def _is_streamed(response):
    return hasattr(response.response, "__next__")


def _joined(parts):
    """A body given as something to iterate over; a dict gives its keys."""
    return b"".join(it.encode("utf-8") if isinstance(it, str) else bytes(it) for it in parts)


def _from_flask(result):
    """A response of Flask's as one of ours; anything else as it is."""
    wrappers = sys.modules.get("werkzeug.wrappers")
    base = getattr(wrappers, "Response", None)
    if not isinstance(base, type) or not isinstance(result, base):
        return result
    result.direct_passthrough = False
    if result.is_streamed:
        ours = raw.AMLResponse("", result.status_code)
        ours.response = iter(result.iter_encoded())
    else:
        ours = raw.AMLResponse(result.get_data(), result.status_code)
    ours.headers = raw.Headers(list(result.headers.items()))
    return ours


def _wrap(result):
    if not isinstance(result, raw.AMLResponse):
        body = to_json({} if result is None else result)
        return {"status": 200, "headers": [("content-type", _JSON)], "run_failed": False}, body
    failed = None
    headers = []
    for name, value in result.headers.items():
        if name.lower() == _RUN_FAILED:
            failed = str(value) == "True"
        elif "\r" in str(value) or "\n" in str(value):
            raise ValueError("a header value with a line break")
        else:
            headers.append((name, str(value)))
    status = result.status_code
    if status >= 500:
        failed = True
    body = result.response
    if isinstance(body, str):
        body = body.encode("utf-8")
    return {"status": status, "headers": headers, "run_failed": failed}, body
