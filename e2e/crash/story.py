"""Fifty operations of all kinds at once, against a server that is killed meanwhile,
and what must be the same whether it was killed or not."""

import collections
import concurrent.futures
import shutil
import signal
import subprocess
import threading
import time

import requests
from raw import BROKEN, SCRIPT, Raw, end_in, operation_of
from wharf_process import WharfProcess, until

CREATES, UPDATES, DELETES = 20, 11, 11
# What a client sees of a server that dies.
GONE = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class Stage:
    """A data directory in the same state for each run: computes, services, files."""

    def __init__(self):
        self.server = WharfProcess()
        self.server.start()
        self.files = {}
        raw = Raw(self.server)
        for name, text in (("driver.py", "pass\n"), ("score.py", SCRIPT), ("broken.py", BROKEN)):
            answer, self.files[name] = raw.upload(name, text.encode())
            assert answer.status_code == 201, answer.text
        asked = [raw.put_compute("base"), raw.put_compute("attached", cluster="local")]
        asked += [raw.put_compute(f"up-{n}") for n in range(UPDATES)]
        asked += [raw.put_compute(f"del-{n}") for n in range(DELETES)]
        self.all_end(raw, asked)
        # One first, which builds the environment that all have.
        for name in ("svc-up-0", "svc-up-1", "svc-del-0", "svc-del-1"):
            self.all_end(raw, [raw.create_service(name, "base", self.files)])
        self.server.stop()
        self.server.end_replicas()
        self.kept = self.server.data.with_name("kept")
        self.copy(self.server.data, self.kept)

    def all_end(self, raw, answers):
        for answer in answers:
            assert answer.ok, answer.text
            where = operation_of(answer)
            end = until(lambda: end_in(raw.call("GET", where)), f"{where} ends", 90)
            assert end == "Succeeded", (where, end)

    def reset(self):
        self.server.end_replicas()
        shutil.rmtree(self.server.data)
        self.copy(self.kept, self.server.data)

    def copy(self, this, there):
        shutil.copytree(this, there, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))

    def close(self):
        self.server.close()


class Run:
    """One telling of the story. `faults`: what each life of the server is started
    with; the last life has none."""

    def __init__(self, stage, faults=()):
        self.stage = stage
        self.server = stage.server
        self.faults = list(faults)
        self.killed_at = []
        self.over = threading.Event()
        self.ready_at = None
        self.ended = {}
        self.lock = threading.Lock()
        self.interrupted = 0

    def start(self):
        """Starts a life, and the next one when it is killed while it starts."""
        while True:
            fault = self.faults.pop(0) if self.faults else None
            self.server.variables["WHARF_FAULT"] = fault or ""
            if self.server.try_start():
                self.ready_at = time.monotonic()
                return
            assert fault and self.server.process.wait() == -signal.SIGKILL, self.server.tail()
            self.killed_at.append(fault)

    def watch(self):
        """Starts the server again each time it is killed."""
        while not self.over.is_set():
            if self.server.process.poll() is not None and not self.over.is_set():
                assert self.server.process.returncode == -signal.SIGKILL, self.server.tail()
                self.killed_at.append(self.server.variables["WHARF_FAULT"])
                self.start()
            self.over.wait(0.02)

    def tell(self):
        self.stage.reset()
        self.start()
        raw = self.until_asked(lambda: Raw(self.server))
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                asked = [pool.submit(self.ask, *request) for request in self.requests(raw)]
                others = [pool.submit(self.write_files, raw, n) for n in range(3)]
                operations = [where for one in asked if (where := one.result())]
                for one in others:
                    one.result()
                list(pool.map(lambda where: self.follow(raw, where), operations))
            until(lambda: self.until_asked(lambda: self.settled(raw)), "all is settled", 60)
            took = time.monotonic() - self.ready_at
            return self.until_asked(lambda: self.outcome(raw)), took
        finally:
            self.over.set()
            watcher.join()
            # The last life may still be told to die.
            self.server.variables["WHARF_FAULT"] = ""

    def until_asked(self, request):
        """Asks again as long as nobody answers."""
        while True:
            try:
                return request()
            except GONE:
                assert watcher_lives(self), self.server.tail()
                time.sleep(0.02)

    def requests(self, raw):
        """Name of the request and how to make it: fifty operations."""
        files = self.stage.files
        for n in range(CREATES):
            yield f"create new-{n}", lambda n=n: raw.put_compute(f"new-{n}")
        for n in range(UPDATES):
            yield f"update up-{n}", lambda n=n: raw.update_compute(f"up-{n}", agentCount=4)
        for n in range(DELETES):
            yield f"delete del-{n}", lambda n=n: raw.delete_compute(f"del-{n}")
        yield "detach attached", lambda: raw.delete_compute("attached", "Detach")
        yield "create svc-new", lambda: raw.create_service("svc-new", "base", files)
        yield "create svc-bad", lambda: raw.create_service("svc-bad", "base", files, "broken.py")
        yield "update svc-up-0", lambda: raw.revise_service("svc-up-0", 0.2)
        yield "update svc-up-1", lambda: raw.scale_service("svc-up-1", 2)
        for n in range(2):
            yield f"delete svc-del-{n}", lambda n=n: raw.delete_service(f"svc-del-{n}")

    def ask(self, name, request):
        """Asks until it is answered; gives the operation if the answer has one."""
        was_interrupted = False
        while True:
            try:
                answer = request()
            except GONE:
                was_interrupted = True
                with self.lock:
                    self.interrupted += 1
                assert watcher_lives(self), self.server.tail()
                time.sleep(0.02)
                continue
            # What was done and could not be answered stands in its own way, or is gone.
            if was_interrupted and answer.status_code in (404, 409, 204):
                return None
            assert answer.ok, (name, answer.status_code, answer.text)
            return operation_of(answer)

    def write_files(self, raw, n):
        """A file in blocks, and a model of it; again from the start when interrupted."""
        name = f"model-{n}"
        parts = [bytes([65 + n]) * 100_000, b"end"]

        def attempt():
            answer, artifact = raw.upload_blocks(f"{name}.bin", parts)
            if artifact is None or not answer.ok:
                # A list whose blocks were taken over by an answer that was lost.
                assert answer.status_code in (400, 409), answer.text
                _, _, artifact = raw.announce(f"{name}.bin")
            return raw.register(name, artifact)

        answer = self.until_asked(attempt)
        assert answer.ok, (name, answer.status_code, answer.text)

    def follow(self, raw, where):
        end = until(
            lambda: self.until_asked(lambda: end_in(raw.call("GET", where))), f"{where} ends", 90
        )
        self.ended[where] = end

    def settled(self, raw):
        """Whether nothing is on its way any more."""
        computes, services = raw.computes(), raw.services()
        states = [it["properties"]["provisioningState"] for it in computes]
        return not set(states) & {"Creating", "Updating", "Deleting"} and not [
            it for it in services if it["state"] == "Transitioning"
        ]

    def outcome(self, raw):
        """What must be the same in each telling, and what must not be in any."""
        ends = {where: end_in(raw.call("GET", where)) for where in self.ended}
        changed = [
            (where, end, ends[where]) for where, end in self.ended.items() if ends[where] != end
        ]
        replicas = collections.Counter(self.server.services().values())
        replicas.pop("svc-bad", None)
        computes, services = raw.computes(), raw.services()
        models = raw.pages(f"{raw.management}/models")
        kinds = {
            "compute": [
                (
                    it["name"],
                    it["properties"]["provisioningState"],
                    it["properties"]["properties"]["agentCount"],
                )
                for it in computes
            ],
            "service": [
                (it["name"], it["state"], it["numReplicas"], it["containerResourceRequirements"]["cpu"])
                for it in services
            ],
            "model": [(it["name"], it["version"]) for it in models],
            "replicas": list(replicas.items()),
        }
        there = collections.Counter(
            (kind, *row) for kind, rows in kinds.items() for row in rows
        )
        return {"there": there, "changed": changed, "broken": self.server.check()}


def compared(expected, outcome):
    """What differs from a run without a kill, by the kind of fault."""
    there, wanted = outcome["there"], expected["there"]
    more = list((there - wanted).elements())
    names = {row[:2] for row in wanted}
    # A row that is not as it should be is lost; one that is there twice is doubled.
    return {
        "lost": list((wanted - there).elements()),
        "doubled": [row for row in more if row in wanted],
        "more": [row for row in more if row[:2] not in names],
        "changed": outcome["changed"],
        "broken": outcome["broken"],
    }


def watcher_lives(run):
    return not run.over.is_set()


def points():
    from wharf_process import binary
    import os

    ended = subprocess.run(
        [binary(), "server"],
        env=os.environ | {"WHARF_FAULT": "list"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.split()
