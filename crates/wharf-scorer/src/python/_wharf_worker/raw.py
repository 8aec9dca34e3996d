"""Requests as ``@rawhttp`` scripts see them, and the responses they make.

``AMLRequest`` has what scripts use of Flask's request, without Flask.
"""

import io
import json
import sys
from urllib.parse import parse_qsl, unquote_plus

_STATE = {"requested": False}
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MOST_PARTS = 1000


def rawhttp(function):
    """Marks ``run`` as one that wants the request itself. It is one flag for the
    whole script, as in Azure's server."""
    _STATE["requested"] = True
    return function


def is_requested():
    """Whether the script used ``@rawhttp``."""
    return _STATE["requested"]


class Headers(object):
    """Header fields: names in any case, several values for one name."""

    def __init__(self, fields=()):
        self._fields = list(fields)

    def getlist(self, name):
        return [value for key, value in self._fields if key.lower() == name.lower()]

    def get(self, name, default=None, type=None):
        values = self.getlist(name)
        if not values:
            return default
        try:
            return type(values[0]) if type else values[0]
        except ValueError:
            return default

    def __getitem__(self, name):
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __setitem__(self, name, value):
        self.remove(name)
        self.add(name, value)

    def __delitem__(self, name):
        self.remove(name)

    def __contains__(self, name):
        return bool(self.getlist(name))

    def __iter__(self):
        return iter(self._fields)

    def __len__(self):
        return len(self._fields)

    def __repr__(self):
        return "Headers(%r)" % (self._fields,)

    def remove(self, name):
        self._fields = [it for it in self._fields if it[0].lower() != name.lower()]

    def add(self, name, value):
        self._fields.append((name, value))

    add_header = add

    def set(self, name, value):
        self[name] = value

    def update(self, other):
        for name, value in dict(other).items():
            self[name] = value

    def setdefault(self, name, value):
        if name not in self:
            self.add(name, value)
        return self[name]

    def keys(self):
        return [name for name, _ in self._fields]

    def values(self):
        return [value for _, value in self._fields]

    def items(self):
        return list(self._fields)


class MultiDict(dict):
    """Several values for one name; the plain access gives the first."""

    def __init__(self, pairs=()):
        dict.__init__(self)
        for name, value in pairs:
            dict.setdefault(self, name, []).append(value)

    def __iter__(self):
        # Without it, dict(form) copies the lists behind our back.
        return dict.__iter__(self)

    def __getitem__(self, name):
        return dict.__getitem__(self, name)[0]

    def get(self, name, default=None, type=None):
        if name not in self:
            return default
        try:
            return type(self[name]) if type else self[name]
        except ValueError:
            return default

    def getlist(self, name):
        return list(dict.__getitem__(self, name)) if name in self else []

    def lists(self):
        return [(name, self.getlist(name)) for name in self]

    def values(self):
        return [self[name] for name in self]

    def items(self, multi=False):
        if multi:
            return [(name, value) for name in self for value in self.getlist(name)]
        return [(name, self[name]) for name in self]

    def to_dict(self, flat=True):
        return dict(self.items()) if flat else dict(self.lists())


def parse_query(text):
    """Names and values of a query string or a form."""
    return MultiDict(parse_qsl(text, keep_blank_values=True, errors="replace"))


class Incoming(object):
    """A request as it came from the scorer."""

    def __init__(self, header, body):
        self.method = header["method"]
        self.path = unquote_path(header["path"])
        self.query = header["query"]
        self.fields = header["headers"]
        self.body = body

    def header_dict(self):
        """Names in the spelling that WSGI servers give them."""
        found = {}
        for name, value in self.fields:
            name = "-".join(part.capitalize() for part in name.split("-"))
            found[name] = found[name] + "," + value if name in found else value
        return found

    def header(self, name):
        for key, value in self.fields:
            if key.lower() == name:
                return value
        return ""

    def mimetype(self):
        return self.header("content-type").split(";")[0].strip().lower()

    def is_json(self):
        kind = self.mimetype()
        return kind == "application/json" or (
            kind.startswith("application/") and kind.endswith("+json")
        )


def unquote_path(path):
    return unquote_plus(path.replace("+", "%2B"))


class AMLRequest(object):
    """The request of a ``@rawhttp`` script."""

    def __init__(self, incoming=None):
        self._in = incoming or Incoming(
            {"method": "GET", "path": "/", "query": "", "headers": []}, b""
        )
        self._stream = None
        self._form = None

    def __getattr__(self, name):
        # Only for what is not below: a script that imports Flask has the rest too.
        flask = sys.modules.get("flask")
        if name.startswith("_") or flask is None or not flask.has_request_context():
            text = "this request has no %r; with 'import flask' in the script it has all of Flask's"
            raise AttributeError(text % name)
        return getattr(flask.request, name)

    @property
    def method(self):
        return self._in.method

    @property
    def path(self):
        return self._in.path

    @property
    def full_path(self):
        return "%s?%s" % (self._in.path, self._in.query)

    @property
    def host(self):
        return self._in.header("host") or "localhost"

    @property
    def scheme(self):
        return "http"

    @property
    def is_secure(self):
        return False

    @property
    def host_url(self):
        return "http://%s/" % self.host

    url_root = host_url

    @property
    def base_url(self):
        return "http://%s%s" % (self.host, self._in.path)

    @property
    def url(self):
        return self.base_url + ("?" + self._in.query if self._in.query else "")

    @property
    def query_string(self):
        return self._in.query.encode("latin-1")

    @property
    def headers(self):
        return Headers(self._in.header_dict().items())

    @property
    def args(self):
        return parse_query(self._in.query)

    @property
    def content_type(self):
        return self._in.header("content-type") or None

    @property
    def mimetype(self):
        return self._in.mimetype()

    @property
    def content_length(self):
        return len(self._in.body)

    @property
    def remote_addr(self):
        return None

    @property
    def cookies(self):
        pairs = self._in.header("cookie").split(";")
        return dict(it.strip().split("=", 1) for it in pairs if "=" in it)

    @property
    def stream(self):
        if self._stream is None:
            self._stream = io.BytesIO(self._in.body)
        return self._stream

    @property
    def data(self):
        return b"" if self.mimetype in FORMS else self._in.body

    def get_data(self, cache=True, as_text=False, parse_form_data=False):
        body = self.data if parse_form_data else self._in.body
        return body.decode("utf-8", "replace") if as_text else body

    @property
    def is_json(self):
        return self._in.is_json()

    @property
    def json(self):
        return self.get_json()

    def get_json(self, force=False, silent=False, cache=True):
        if not (force or self.is_json):
            if silent:
                return None
            raise ValueError("Content-Type was not 'application/json'")
        try:
            return json.loads(self._in.body)
        except ValueError:
            if silent:
                return None
            raise

    def _read_form(self):
        if self._form is None:
            self._form = (MultiDict(), MultiDict())
            if self.mimetype == FORMS[0]:
                self._form = (parse_query(self._in.body.decode("utf-8", "replace")), MultiDict())
            elif self.mimetype == FORMS[1]:
                kind = self._in.header("content-type")
                self._form = _parse_multipart(kind, self._in.body)
        return self._form

    @property
    def form(self):
        return self._read_form()[0]

    @property
    def files(self):
        return self._read_form()[1]

    @property
    def values(self):
        pairs = self.args.items(multi=True)
        return MultiDict(pairs + self.form.items(multi=True))


class UploadedFile(object):
    """A file of a form; reads like one."""

    def __init__(self, name, filename, content_type, content):
        self.name = name
        self.filename = filename
        self.content_type = self.mimetype = content_type
        self.content_length = len(content)
        self.stream = io.BytesIO(content)

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __iter__(self):
        return iter(self.stream)

    def save(self, target, buffer_size=16384):
        if hasattr(target, "write"):
            target.write(self.stream.read())
        else:
            with open(target, "wb") as file:
                file.write(self.stream.read())


def _parameters(value):
    """``form-data; name="a"; filename="b"`` -> {"name": "a", "filename": "b"}"""
    found = {}
    rest = value.partition(";")[2]
    while rest:
        name, _, rest = rest.partition("=")
        rest = rest.lstrip()
        if rest.startswith('"'):
            text = []
            position = 1
            while position < len(rest) and rest[position] != '"':
                if rest[position] == "\\" and rest[position + 1:position + 2] in ('"', "\\"):
                    position += 1
                text.append(rest[position])
                position += 1
            found[name.strip().lower()] = "".join(text)
            rest = rest[position + 1:].partition(";")[2]
        else:
            text, _, rest = rest.partition(";")
            found[name.strip().lower()] = text.strip()
    return found


def _parse_multipart(kind, body):
    boundary = _parameters(kind).get("boundary", "")
    if not boundary:
        raise ValueError("multipart/form-data without a boundary")
    mark = b"--" + boundary.encode("latin-1")
    form, files = [], []
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)[1:]
    if len(pieces) > _MOST_PARTS:
        raise ValueError("a form of more than %d parts" % _MOST_PARTS)
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        head, found, content = piece.partition(b"\r\n\r\n")
        if not found:
            continue
        fields = {}
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, found, value = line.partition(":")
            if found:
                fields[name.strip().lower()] = value.strip()
        names = _parameters(fields.get("content-disposition", ""))
        name = names.get("name", "")
        if "filename" in names:
            part_kind = fields.get("content-type", "application/octet-stream")
            files.append((name, UploadedFile(name, names["filename"], part_kind, content)))
        else:
            form.append((name, content.decode("utf-8", "replace")))
    return MultiDict(form), MultiDict(files)


class AMLResponse(object):
    """What a ``@rawhttp`` script may return. Header values are split at commas, as
    Azure's server does it."""

    def __init__(
        self, message, status_code, response_headers={}, json_str=False, run_function_failed=False
    ):
        self.status_code = _status(status_code)
        kind = "text/html; charset=utf-8"
        if message is None:
            message, kind = json.dumps({}), "application/json"
        elif json_str:
            message, kind = json.dumps(message), "application/json"
        elif isinstance(message, (int, float)):
            raise TypeError("a response cannot be made from %r" % type(message))
        self.response = message
        self.headers = Headers()
        # A Content-Type in exactly this spelling replaces; others add.
        if not ("Content-Type" in response_headers and kind.startswith("text/")):
            self.headers.add("Content-Type", kind)
        self.headers["x-ms-run-function-failed"] = str(bool(run_function_failed))
        for name, value in response_headers.items():
            for piece in value.split(","):
                self.headers.add(name, piece.strip())

    def get_data(self, as_text=False):
        body = self.response
        if isinstance(body, str):
            body = body.encode("utf-8")
        return body.decode("utf-8") if as_text else body

    @property
    def data(self):
        return self.get_data()

    @data.setter
    def data(self, value):
        self.response = value


def _status(code):
    if isinstance(code, str):
        code = code.split(" ")[0]
    code = int(code)
    if not 200 <= code <= 599:
        raise ValueError("%d is not the status of an answer" % code)
    return code
