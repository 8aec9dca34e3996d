"""A server whose data directory is a small disk of its own, in a mount namespace."""

import os
import subprocess

from wharf_process import WharfProcess, binary


def not_possible():
    """Why there can be no small disk here, or None."""
    ended = subprocess.run(
        [*unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True
    )
    return None if ended.returncode == 0 else f"not run: no mount namespaces: {ended.stderr.strip()}"


def unshare():
    """As root without a user namespace, so that the server keeps its user."""
    return ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]


class SmallDisk(WharfProcess):
    """One life only: the disk goes with the process."""

    def __init__(self, mib):
        super().__init__()
        self.mib = mib
        self.variables["WHARF_KEEP_FREE"] = "1"
        self.data.mkdir()

    def command(self):
        words = " ".join(f"'{word}'" for word in super().command())
        mount = f"mount -t tmpfs -o size={self.mib}m tmpfs '{self.data}'"
        return [*unshare(), "sh", "-c", f"{mount} && exec {words}"]

    def seen(self, path):
        """A path of the data directory as the server sees it."""
        return f"/proc/{self.process.pid}/root{path}"

    def admin(self):
        import json

        with open(self.seen(self.data / "admin.json")) as file:
            admin = json.load(file)
        return admin | {"caFile": self.seen(admin["caFile"])}

    def enter(self):
        # SQLite follows links, and `/proc/PID/root` is one: look from inside.
        enter = ["nsenter", "--target", str(self.process.pid), "--mount"]
        return enter if os.getuid() == 0 else [*enter, "--user", "--preserve-credentials"]

    def free(self):
        stat = os.statvfs(self.seen(self.data))
        return stat.f_bavail * stat.f_frsize

    def fill(self, leave):
        """Takes all room but `leave` bytes."""
        with open(self.seen(self.data / "filler"), "ab") as file:
            while (more := self.free() - leave) > 0:
                file.write(b"\0" * min(more, 1 << 20))
                file.flush()

    def make_room(self):
        os.remove(self.seen(self.data / "filler"))

    def check(self):
        ended = subprocess.run(
            [*self.enter(), binary(), "check", "--data-dir", self.data],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == (1 if ended.stdout else 0), ended.stderr
        return ended.stdout.splitlines()
