"""Ten clients who do as they like, together. Nothing but documented conflicts comes
back, and when all is deleted nothing is left: no process, no file, no row.

`WHARF_CROWD` says for how many seconds (15 in `make test`, 300 in `make crowd`),
`WHARF_SEED` repeats the dice, though not who comes first.
"""

import collections
import os
import random
from pathlib import Path

import pytest
from crowd import Crowd, emptied
from raw import SCRIPT, Raw, end_in, operation_of
from wharf_process import WharfProcess, until

SECONDS = float(os.environ.get("WHARF_CROWD", "15"))
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 10

pytestmark = pytest.mark.timeout(400 + 2 * SECONDS)


def upload(raw):
    files = {}
    for name, text in (("driver.py", "pass\n"), ("score.py", SCRIPT)):
        answer, files[name] = raw.upload(name, text.encode())
        assert answer.status_code == 201, answer.text
    return files


def ground(raw, files):
    """The compute that services are on, and the environment that all have."""
    for answer in (raw.put_compute("ground"), raw.create_service("first", "ground", files)):
        assert answer.ok, answer.text
        where = operation_of(answer)
        end = until(lambda: end_in(raw.call("GET", where)), f"{where} ends", 120)
        assert end == "Succeeded", end


def usage(server):
    """Descriptors and memory (MiB) of the server, and folders of replicas."""
    proc = Path(f"/proc/{server.process.pid}")
    status = (proc / "status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    descriptors = [os.readlink(it) for it in (proc / "fd").iterdir() if it.is_symlink()]
    return {
        "descriptors": len(descriptors),
        # Connections end when clients do; those to the database are a pool that fills.
        "files": sorted(
            it for it in descriptors if not it.startswith("socket:") and "/wharf.db" not in it
        ),
        "memory": int(resident.split()[1]) / 1024,
        "replicas": len(server.scorers()),
    }


def test_a_crowd_sees_conflicts_and_leaves_nothing(capfd):
    server = WharfProcess().start()
    try:
        raw = Raw(server)
        files = upload(raw)
        ground(raw, files)
        until(lambda: emptied(raw, keep="ground"), "the first service is gone", 60)
        before = usage(server)
        crowd = Crowd(raw, files, SEED, CLIENTS)
        crowd.run(SECONDS)
        told(capfd, crowd)
        assert not crowd.wrong, "\n".join(crowd.wrong)

        until(lambda: emptied(raw), "everything is deleted", 120)
        until(lambda: not server.scorers(), "no replica is left", 60)
        until(lambda: not replica_folders(server), "no folder of a replica is left", 60)
        kept = collections.Counter(before["files"])
        until(
            lambda: not collections.Counter(usage(server)["files"]) - kept, "files are closed", 30
        )
        after = usage(server)
        with capfd.disabled():
            for what in ("descriptors", "memory"):
                print(f"  {what}: {before[what]:.0f} before, {after[what]:.0f} after")
        broken = server.check()
        assert not broken, broken
        assert after["memory"] <= before["memory"] + 32, (before, after)
        server.stop()
        assert not server.leftovers(), server.leftovers()
    finally:
        server.close()


def told(capfd, crowd):
    answers = collections.defaultdict(dict)
    for (what, status), count in sorted(crowd.tally.items(), key=str):
        answers[what][status] = count
    total = sum(sum(it.values()) for what, it in answers.items() if not what.startswith("end of"))
    with capfd.disabled():
        print(f"\ncrowd: seed {SEED}, {CLIENTS} clients, {SECONDS:.0f} s, {total} requests")
        for what, counts in answers.items():
            print(f"  {what}: {counts}, slowest {crowd.slowest[what]:.2f} s")


def replica_folders(server):
    return list((server.data / "replicas").glob("*")) + list((server.data / "sockets").glob("*"))
