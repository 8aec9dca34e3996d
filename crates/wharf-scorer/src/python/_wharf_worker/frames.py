"""Frames on the socket to the scorer.

kind (1 byte), length of the header (4 bytes, big endian), length of the body
(4 bytes, big endian), number of what it asks or answers (8 bytes, big endian),
header (JSON), body. ``frame.rs`` has the table of kinds.
"""

import json
import os
import struct

from . import forks

_START = struct.Struct(">cIIQ")
_PIECE = 1 << 20


class Closed(Exception):
    """The scorer is gone."""


class Channel(object):
    """The socket, as a file descriptor."""

    def __init__(self, fd, largest_header=65536, largest_body=1 << 28):
        self.fd = fd
        self.largest_header = largest_header
        self.largest_body = largest_body
        self.number = 0

    def _read_exactly(self, count):
        pieces = []
        while count:
            piece = os.read(self.fd, min(count, _PIECE))
            if not piece:
                raise Closed()
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def read(self):
        """Returns (kind, header, body) of the next frame."""
        start = self._read_exactly(_START.size)
        kind, header_length, body_length, self.number = _START.unpack(start)
        header = json.loads(self._read_exactly(header_length).decode("utf-8"))
        return kind, header, self._read_exactly(body_length)

    def write(self, kind, header, body=b""):
        """Answers what was read last; False when it would be too long for the scorer.
        Ends a process that a script forked: the worker itself answers."""
        forks.end()
        header = json.dumps(header).encode("ascii")
        if len(header) > self.largest_header or len(body) > self.largest_body:
            return False
        view = memoryview(_START.pack(kind, len(header), len(body), self.number) + header)
        for part in (view, memoryview(body)):
            while part:
                part = part[os.write(self.fd, part):]
        return True

    def stream(self, header, pieces):
        """Sends an answer piece by piece; False when its header is too long. What
        the pieces raise comes out of here, after the scorer was told."""
        if not self.write(b"S", header):
            return False
        try:
            for piece in pieces:
                if isinstance(piece, str):
                    piece = piece.encode("utf-8")
                for start in range(0, len(piece), _PIECE):
                    self.write(b"D", {}, piece[start:start + _PIECE])
        except BaseException:
            self.write(b"X", {})
            raise
        self.write(b"E", {})
        return True
