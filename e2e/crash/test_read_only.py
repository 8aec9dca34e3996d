"""A disk that is read-only, or turns so: at the start it is said, while a server runs
writes are refused and reads and scoring go on, and so do writes once it is over.

A disk cannot be forced to be read-only while files on it are open; strace answers as
such a disk would. Without it, or without mount namespaces, the test says that it was
not run.
"""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from raw import Raw, scorer, steady_service
from small_disk import SmallDisk, not_possible
from wharf_process import WharfProcess, until

CALLS = "pwrite64,ftruncate,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat"

pytestmark = pytest.mark.timeout(300)


class ReadOnly(SmallDisk):
    """A small disk that is read-only from the start."""

    def command(self):
        *head, script = super().command()
        remount = f"&& mount -o remount,ro '{self.data}' && exec"
        return [*head, script.replace("&& exec", remount, 1)]


def test_a_read_only_disk_at_the_start_is_said():
    if why := not_possible():
        pytest.skip(why)
    server = ReadOnly(16)
    try:
        assert not server.try_start()
        assert server.process.wait(timeout=30) == 1
        log = server.tail()
        assert "Read-only file system" in log and str(server.data) in log, log
    finally:
        server.close()


def test_a_disk_that_turns_read_only_loses_nothing_and_is_recovered_from(capfd):
    if not shutil.which("strace"):
        pytest.skip("not run: no strace")
    server = WharfProcess().start()
    try:
        raw = Raw(server)
        steady_service(raw)
        score = scorer(raw, "steady")
        assert score() == 200
        with read_only(server.process.pid):
            refused = [raw.put_compute(f"p-{n}") for n in range(10)]
            announced = raw.announce("more.bin")[0].status_code
            reads = [raw.call("GET", raw.compute_path("base")).status_code for _ in range(20)]
            scores = [score() for _ in range(20)]
        names = {it["name"] for it in raw.computes()}
        until(lambda: raw.put_compute("after").status_code == 201, "a write goes through", 10)
        assert server.process.poll() is None, "it went on without a restart"
        broken = server.check()
    finally:
        server.close()
    statuses = {answer.status_code for answer in refused}
    with capfd.disabled():
        print(
            f"\nread-only disk: writes {statuses}, an upload {announced}, reads {set(reads)}, "
            f"scorings {set(scores)}; rules broken in the store: {len(broken)}"
        )
    assert statuses == {503} and announced == 503, refused[0].text
    assert set(reads) == {200} and set(scores) == {200}
    assert names == {"base"}, names
    assert not broken, broken


@contextlib.contextmanager
def read_only(pid):
    """For a time all calls that change the disk fail, in each thread."""
    strace = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={CALLS}",
         "-e", f"inject={CALLS}:error=EROFS"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: all_traced(pid) or strace.poll() is not None, "strace is attached", 30)
        assert strace.poll() is None, "strace could not attach"
        yield
    finally:
        # It lets go of the process, which runs on.
        strace.terminate()
        strace.wait(timeout=30)


def all_traced(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if "\nTracerPid:\t0\n" in (task / "status").read_text():
            return False
    return True
