"""Too few file descriptors: whether clients take them all or the system gives none,
what is open goes on, and all goes on once it is over."""

import collections
import resource
import select
import socket
import urllib.parse
from pathlib import Path

import pytest
from raw import Raw, scorer, steady_service
from wharf_process import WharfProcess, until

DESCRIPTORS = 256
FLOOD = 200

pytestmark = pytest.mark.timeout(300)


class Limited(WharfProcess):
    """May never open more than so many files."""

    def command(self):
        words = " ".join(f"'{word}'" for word in super().command())
        return ["sh", "-c", f"ulimit -n {DESCRIPTORS} && exec {words}"]


def test_clients_never_take_the_last_descriptor(capfd):
    server = Limited().start()
    try:
        raw = Raw(server)
        steady_service(raw)
        score = scorer(raw, "steady")
        assert score() == 200
        ports = [raw.url, raw.call("GET", raw.service_path("steady")).json()["scoringUri"]]
        open_ones = [connected(url) for url in ports for _ in range(FLOOD)]
        refused = until(lambda: closed(open_ones), "some are refused", 30)
        # On connections that were there before.
        writes = collections.Counter(raw.put_compute(f"p-{n}").status_code for n in range(5))
        scores = collections.Counter(score() for _ in range(20))
        most = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        for one in open_ones:
            one.close()
        until(lambda: Raw(server).put_compute("after").status_code == 201, "a new client is served", 20)
        log = server.tail(2_000)
        broken = server.check()
    finally:
        server.close()
    with capfd.disabled():
        print(
            f"\n{2 * FLOOD} connections, {DESCRIPTORS} descriptors: {refused} refused, {most} open; "
            f"writes {dict(writes)}, scorings {dict(scores)}"
        )
    assert "a connection was refused" in log and "could not be accepted" not in log, log
    assert most < DESCRIPTORS
    assert set(writes) == {201} and set(scores) == {200}
    assert not broken, broken


def test_no_descriptors_for_a_time_lose_nothing(capfd):
    server = WharfProcess().start()
    try:
        raw = Raw(server)
        steady_service(raw)
        score = scorer(raw, "steady")
        assert score() == 200
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        # The next file would have the lowest number that is free.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), before[1]))
        try:
            writes = {f"p-{n}": raw.put_compute(f"p-{n}").status_code for n in range(20)}
            reads = [raw.call("GET", raw.compute_path("base")).status_code for _ in range(20)]
            scores = [score() for _ in range(20)]
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        until(lambda: Raw(server).put_compute("after").status_code == 201, "a new client is served", 20)
        states = until(lambda: settled(raw), "what was accepted is done", 60)
        broken = server.check()
        assert server.process.poll() is None, "it went on without a restart"
    finally:
        server.close()
    accepted = {name for name, status in writes.items() if status == 201}
    with capfd.disabled():
        print(
            f"\nno descriptors: writes {dict(collections.Counter(writes.values()))}, reads "
            f"{set(reads)}, scorings {set(scores)}; rules broken in the store: {len(broken)}"
        )
    assert set(writes.values()) <= {201, 503}, writes
    assert set(reads) == {200} and set(scores) == {200}
    assert set(states) == accepted | {"base", "after"}, states
    assert set(states.values()) == {"Succeeded"}, states
    assert not broken, broken


def connected(url):
    place = urllib.parse.urlsplit(url)
    return socket.create_connection((place.hostname, place.port), timeout=10)


def closed(sockets):
    """How many the server has closed, or 0."""
    poll = select.poll()
    for one in sockets:
        poll.register(one, select.POLLIN | select.POLLHUP)
    return len(poll.poll(0))


def lowest_free(pid):
    numbers = {int(it.name) for it in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in range(len(numbers) + 1) if number not in numbers)


def settled(raw):
    states = {it["name"]: it["properties"]["provisioningState"] for it in raw.computes()}
    return None if set(states.values()) & {"Creating", "Updating", "Deleting"} else states
