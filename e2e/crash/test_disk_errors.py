"""Errors of the disk, put there by strace: the n-th write or sync of the database
fails. The server stops or refuses writes and says so; it never tries a failed sync
again, and nothing that was acknowledged is lost.

`WHARF_DISK_ERRORS` says how many places (4 in `make test`, 200 in `make disk`). Without
strace the test says that it was not run.
"""

import collections
import os
import random
import shutil

import pytest
import requests
from raw import Raw
from wharf_process import WharfProcess, until

PLACES = int(os.environ.get("WHARF_DISK_ERRORS", "4"))
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
PUTS = 60
# How SQLite syncs and writes; files of the start too.
FAULTS = [
    ("fsync", "EIO"),
    ("fsync", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
]

pytestmark = pytest.mark.timeout(120 + 20 * PLACES)


class Traced(WharfProcess):
    """A server of whose calls one kind fails from a number on."""

    call = None

    @property
    def trace(self):
        return self.log.with_name("trace")

    def was_hit(self):
        return "(INJECTED)" in self.trace.read_text(errors="replace")

    def command(self):
        if self.call is None:
            return super().command()
        call, error, number = self.call
        return [
            "strace", "-f", "-qq", "-o", str(self.trace), "-e", f"trace={call}",
            "-e", f"inject={call}:error={error}:when={number}",
            *super().command(),
        ]  # fmt: skip


def test_a_disk_that_returns_errors_loses_nothing(capfd):
    if not shutil.which("strace"):
        pytest.skip("not run: no strace")
    dice = random.Random(SEED)
    places = [(n, *FAULTS[n % len(FAULTS)]) for n in range(1, PLACES + 1)]
    if PLACES < 50:
        places = [(dice.randrange(3, 60), *FAULTS[n % len(FAULTS)]) for n in range(PLACES)]
    ends, lost, broken, missed = collections.Counter(), [], [], 0
    server = Traced()
    try:
        server.start()
        server.stop()
        for turn, (number, call, error) in enumerate(places):
            server.call = (call, error, number)
            acknowledged = set()
            if server.try_start():
                raw = Raw(server)
                ends[f"{call} {error}: {put_all(raw, server, turn, acknowledged)}"] += 1
            else:
                assert server.process.wait(timeout=30) == 1, server.tail()
                ends[f"{call} {error}: refused to start"] += 1
            end(server)
            missed += not server.was_hit()
            server.call = None
            server.start()
            raw = Raw(server)
            there = {it["name"] for it in raw.computes()}
            lost += [(turn, name) for name in acknowledged - there]
            for name in there:
                until(lambda: is_deleted(raw, name), f"{name} is deleted", 30)
            broken += server.check()
            server.stop()
    finally:
        server.close()
    with capfd.disabled():
        print(f"\ndisk errors: seed {SEED}, {PLACES} places")
        for what, count in sorted(ends.items()):
            print(f"  {what}: {count}")
        print(f"  acknowledged and lost: {len(lost)}; rules broken in the store: {len(broken)}; never hit: {missed}")
    assert not missed, f"{missed} of {PLACES} places were never reached"
    assert not lost, lost
    assert not broken, broken


def put_all(raw, server, turn, acknowledged):
    """Asks until the server ends or has done all; how it went."""
    refused = 0
    for number in range(PUTS):
        name = f"d{turn}-{number}"
        try:
            status = raw.put_compute(name).status_code
        except requests.ConnectionError:
            status = None
        if status is None:
            # It ends by itself, with a status that says so and a reason in its log.
            assert server.process.wait(timeout=30) == 1, server.tail()
            log = server.tail()
            assert "start the server again" in log, log
            return "ended by itself, and said why"
        if status == 201:
            acknowledged.add(name)
        else:
            assert status in (500, 503, 507), status
            refused += 1
    return "went on, some refused" if refused else "went on, none refused"


def end(server):
    if server.process.poll() is None:
        # The server, not strace, which goes with it.
        holder = int((server.data / "server.lock").read_text())
        os.kill(holder, 9)
        server.process.wait(timeout=30)


def is_deleted(raw, name):
    raw.delete_compute(name)
    return raw.call("GET", raw.compute_path(name)).status_code == 404
