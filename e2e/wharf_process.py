"""A real `wharf server` on a throw-away data directory, and what it leaves running."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def binary():
    """The binary to test: `$WHARF_BINARY`, or what `cargo build` leaves."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("WHARF_BINARY", target / "debug" / "wharf"))
    path = path if path.is_absolute() else ROOT / path
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run `cargo build --bin wharf` first")
    return path


def until(condition, what, seconds=60):
    """Waits for a condition and gives its first true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s: {what}")
        time.sleep(0.05)


class WharfProcess:
    """Starts, stops, kills and restarts one server; the data directory stays."""

    def __init__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="wharf-e2e.")
        self.data = Path(self.scratch.name) / "data"
        self.log = Path(self.scratch.name) / "server.log"
        self.process = None
        # What it is started with, each time: the tests change their own variables.
        self.variables = dict(os.environ)
        # The server makes environments with the `uv` of this Python's own folder.
        # Environments of the tests are small; they do not ask for a roomy disk.
        self.variables.setdefault("WHARF_KEEP_FREE", "64")
        # One principal plays all the people of all tests.
        self.variables.setdefault("WHARF_NO_THROTTLE", "true")
        self.variables["PATH"] = f"{Path(sys.executable).parent}:{self.variables['PATH']}"

    def start(self):
        if self.try_start():
            return self
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-4000:]}")

    def command(self):
        return [binary(), "server", "--data-dir", self.data, "--listen", "127.0.0.1:0"]

    def try_start(self):
        """Whether it got ready; otherwise it has ended or is about to."""
        log = self.log.open("ab")
        self.process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=self.variables,
            start_new_session=True,
            text=True,
        )
        log.close()
        for line in self.process.stdout:
            if line.startswith("Wharf is ready at "):
                return True
        return False

    def end_replicas(self):
        """Ends what a stopped server left running."""
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.leftovers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        until(lambda: not self.leftovers(), "nothing is left running", 30)

    def kill(self):
        """SIGKILL: nothing is tidied up."""
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self):
        """SIGTERM: a graceful end, which must come with status 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        assert status == 0, f"SIGTERM ended with {status}"

    def restart(self, how):
        how()
        return self.start()

    def admin(self):
        return json.loads((self.data / "admin.json").read_text())

    def admin_is_there(self):
        return (self.data / "admin.json").exists()

    def environment(self):
        """The variables of `env.sh`, as a shell reads them."""
        script = 'set -a; . "$0"; env -0'
        clean = {"PATH": os.environ["PATH"]}
        output = subprocess.run(
            ["sh", "-c", script, self.data / "env.sh"], env=clean, capture_output=True, check=True
        ).stdout.decode()
        pairs = dict(entry.split("=", 1) for entry in output.split("\0") if "=" in entry)
        return {k: v for k, v in pairs.items() if k not in ("PATH", "PWD", "SHLVL", "_", "OLDPWD")}

    def scorers(self):
        """Replicas of this data directory: process ids with their configuration files."""
        found = {}
        for pid, words in processes():
            if "scorer" in words and "--config" in words:
                config = words[words.index("--config") + 1]
                if config.startswith(str(self.data)):
                    found[pid] = config
        return found

    def services(self):
        """Replicas with the service that each serves; None where its folder is gone."""
        named = {}
        for pid, config in self.scorers().items():
            try:
                workload = json.loads((Path(config).parents[1] / "workload.json").read_text())
                name = workload["service_name"]
            except FileNotFoundError:
                name = None
            named[pid] = name
        return named

    def leftovers(self):
        """Every process that has the data directory on its command line, the server aside."""
        return {
            pid: words
            for pid, words in processes()
            if pid != self.process.pid and any(str(self.data) in word for word in words)
        }

    def check(self):
        """What `wharf check` finds broken, line by line."""
        ended = subprocess.run(
            [binary(), "check", "--data-dir", self.data], capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == (1 if ended.stdout else 0), ended.stderr
        return ended.stdout.splitlines()

    def tail(self, lines=60):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        # Replicas outlive their server on purpose; these have had their day.
        for pid in self.leftovers() if self.process else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.scratch.cleanup()


def processes():
    """Process ids with their command lines; processes that end meanwhile are left out."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # Dead and not yet collected: `pid (name) Z …`.
        if re.search(r"\) [ZX] ", state) or not line:
            continue
        yield int(entry.name), line.decode(errors="replace").rstrip("\0").split("\0")
