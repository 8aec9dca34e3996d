"""The disk gets full while clients write: each answer is 2xx and kept, or 503 or 507
and nothing of it stays. Reads and scoring go on, and writes do again once there is
room, without a restart.

`WHARF_DISK_PUTS` says how many (100 in `make test`, 1,000 in `make disk`).
"""

import collections
import concurrent.futures
import os
import time

import pytest
from raw import Raw, scorer, steady_service
from small_disk import SmallDisk, not_possible
from wharf_process import until

PUTS = int(os.environ.get("WHARF_DISK_PUTS", "100"))
LONGEST_RECOVERY = 10

pytestmark = pytest.mark.timeout(600)


def test_a_full_disk_loses_nothing_and_is_recovered_from(capfd):
    if why := not_possible():
        pytest.skip(why)
    server = SmallDisk(64)
    try:
        server.start()
        raw = Raw(server)
        steady_service(raw)
        score = scorer(raw, "steady")
        assert score() == 200
        # A second later it is full, in the middle of the writes.
        server.fill(leave=600_000)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = dict(pool.map(lambda n: (f"p-{n}", put(raw, n)), range(PUTS)))
        took = time.monotonic() - began
        server.fill(leave=0)
        refused_last = put(raw, PUTS)
        # A row may still find room in the database's log; a megabyte does not.
        uploaded = raw.upload("big.bin", bytes(1 << 20))[0].status_code
        reads = [raw.call("GET", raw.compute_path("base")).status_code for _ in range(50)]
        scores = [score() for _ in range(50)]
        there = {it["name"] for it in raw.computes()} - {"base"}
        server.make_room()
        began = time.monotonic()
        until(lambda: put(raw, PUTS + 1) == 201, "a write goes through", LONGEST_RECOVERY)
        recovery = time.monotonic() - began
        until(lambda: all_settled(raw), "what was accepted is done", 60)
        kept = {it["name"] for it in raw.computes()} - {"base"}
        broken = server.check()
        assert server.process.poll() is None, "it went on without a restart"
    finally:
        server.close()
    statuses[f"p-{PUTS}"] = refused_last
    accepted = {name for name, status in statuses.items() if status == 201}
    counted = collections.Counter(statuses.values())
    with capfd.disabled():
        print(
            f"\ndisk full: {PUTS} PUTs in {took:.1f} s: {dict(counted)}\n"
            f"  acknowledged and lost: {len(accepted - kept)}, refused and there: "
            f"{len(there - accepted)}; reads that failed: {50 - reads.count(200)} of 50, "
            f"scorings: {50 - scores.count(200)} of 50\n"
            f"  an upload when full: {uploaded}; writes again {recovery:.2f} s after there was "
            f"room; rules broken in the store: {len(broken)}"
        )
    assert set(counted) <= {201, 503, 507} and counted[201] and counted[503] + counted[507]
    assert uploaded in (503, 507)
    assert not accepted - kept and not there - accepted
    assert set(reads) == {200} and set(scores) == {200}
    assert not broken, broken


def put(raw, n):
    return raw.put_compute(f"p-{n}").status_code


def all_settled(raw):
    states = {it["properties"]["provisioningState"] for it in raw.computes()}
    return states == {"Succeeded"}
