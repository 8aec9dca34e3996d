"""What clients asked, when, and what came back; and what must follow from it."""

import threading
import time

import requests
from raw import end_in, operation_of

GONE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.Timeout)
# The end of a resource that nothing was acknowledged of.
ABSENT = "absent"


class Write:
    """One request of one client: what would be so after it, and what came back."""

    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.asked = time.monotonic()
        self.answered = None
        # An HTTP status, or None: it may have been done or not.
        self.status = None

    @property
    def is_acknowledged(self):
        return self.status is not None and 200 <= self.status < 300


class History:
    """Of all clients. A key is written by one client at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.writes = {}
        # Where it is polled -> the first end that was seen, or None.
        self.operations = {}
        self.changed = []

    def record(self, key, value, request):
        write = Write(key, value)
        with self.lock:
            self.writes.setdefault(key, []).append(write)
        try:
            answer = request()
        except GONE:
            return None
        write.answered, write.status = time.monotonic(), answer.status_code
        where = operation_of(answer) if write.is_acknowledged else None
        if where:
            with self.lock:
                self.operations.setdefault(where, None)
        return answer

    def saw(self, where, end):
        """A poll's answer. An end that was seen before must be the same."""
        with self.lock:
            before = self.operations[where]
            if before is not None and end != before:
                self.changed.append((where, before, end))
            self.operations[where] = before or end

    def poll(self, raw, wheres):
        for where in wheres:
            try:
                answer = raw.call("GET", where)
            except GONE:
                return
            if answer.status_code == 200:
                self.saw(where, end_in(answer))

    def allowed(self, key):
        """Values that may be there now: that of the last acknowledged write, and those
        of writes after it that nobody answered."""
        allowed = {ABSENT}
        for write in self.writes[key]:
            if write.is_acknowledged:
                allowed = {write.value}
            elif write.status is None or write.status >= 500:
                allowed.add(write.value)
        return allowed

    def violations(self, found):
        """`found`: what is there in the end, by key."""
        wrong = []
        for key in self.writes:
            value = found.get(key, ABSENT)
            if value not in self.allowed(key):
                wrong.append((key, value, self.allowed(key)))
        wrong += [("nobody asked for it", key) for key in found if key not in self.writes]
        return wrong + self.changed
