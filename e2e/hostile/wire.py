"""Requests as bytes: a client that sends what no well-behaved library would."""

import http.client
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One request; `head` and `body` go out exactly as they are."""

    method: str
    host: str
    path: str
    headers: tuple = ()
    body: bytes = b""
    # What Content-Length says; None for the truth, "" for no such header.
    length: str | None = None
    # Whether the connection ends behind the body, so that no answer is due.
    is_cut: bool = False
    # Whether this is HTTP at all: refusals of the HTTP layer have no envelope.
    is_http: bool = True
    # The surface whose shape an error must have; None where the path was changed.
    surface: str | None = None
    notes: tuple = field(default=(), compare=False)

    def but(self, note, **changes):
        return replace(self, notes=(*self.notes, note), **changes)

    def header(self, name, value):
        """With the header, or without it where `value` is None."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return kept if value is None else (*kept, (name, value))

    def encoded(self):
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        length = str(len(self.body)) if self.length is None else self.length
        if length and (self.body or self.method not in ("GET", "HEAD", "DELETE")):
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes
    seconds: float


class Wire:
    """One connection, kept as long as the server keeps it."""

    PATIENCE = 30

    def __init__(self, url, ca):
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.context = ssl.create_default_context(cafile=ca)
        self.socket = None

    def connect(self):
        plain = socket.create_connection(self.address, timeout=self.PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.context.wrap_socket(plain, server_hostname=self.address[0])

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def send(self, request):
        """The answer, or None where the request was cut and none is due."""
        is_fresh = self.socket is None
        try:
            return self.send_once(request)
        except (http.client.BadStatusLine, ConnectionError, ssl.SSLError):
            self.close()
            # Closed since the last answer, which a server may do at any time. On a new
            # connection there is no such excuse.
            if is_fresh:
                raise
        return self.send_once(request)

    def send_once(self, request):
        if self.socket is None:
            self.connect()
        began = time.monotonic()
        try:
            self.socket.sendall(request.encoded())
        except (ConnectionError, ssl.SSLError):
            # Refused before all was sent: the answer may be there already.
            pass
        if request.is_cut:
            self.close()
            return None
        response = http.client.HTTPResponse(self.socket, method=request.method)
        try:
            response.begin()
            body = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
        except BaseException:
            self.close()
            raise
        answer = Answer(response.status, headers, body, time.monotonic() - began)
        # Where the length was a lie, the rest would be read as the next request.
        if response.will_close or not request.is_http or request.length is not None:
            self.close()
        return answer
