"""`kill -9` at random moments while eight clients write, without retries. The history
of what they asked and what came back is checked in the end.

`WHARF_KILLS` says how often (5 in `make test`, 50 in `make crash-full`, 1,000 before a
release), `WHARF_SEED` repeats the moments.
"""

import os
import random
import threading
import time

import pytest
from history import ABSENT, GONE, History
from raw import Raw
from wharf_process import WharfProcess, until

KILLS = int(os.environ.get("WHARF_KILLS", "5"))
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
CLIENTS = 8
LATEST_MOMENT = 1.5

pytestmark = pytest.mark.timeout(300 + 20 * KILLS)


class Client(threading.Thread):
    """Writes computes and models of its own, one after the other, and polls."""

    def __init__(self, raw, history, number, stop):
        super().__init__(daemon=True)
        self.raw, self.history, self.number, self.stop = raw, history, number, stop
        self.dice = random.Random(SEED + number)
        self.wrong = None

    def run(self):
        turn = 0
        try:
            while not self.stop.is_set():
                turn += 1
                self.turn(f"c{self.number}-{turn}")
        except Exception as error:
            self.wrong = error

    def turn(self, name):
        raw, record = self.raw, self.history.record
        key = ("compute", name)
        answer = record(key, 3, lambda: raw.put_compute(name))
        self.refused(answer)
        if answer is None:
            self.stop.wait(0.05)
            return
        if self.dice.random() < 0.5:
            try:
                changed = self.settle(name)
            except GONE:
                return
            if changed:
                self.refused(record(key, 4, lambda: raw.update_compute(name, agentCount=4)))
        if self.dice.random() < 0.5:
            self.refused(record(key, ABSENT, lambda: raw.delete_compute(name)))
        try:
            answer, artifact = raw.upload(f"{name}.txt", name.encode())
        except GONE:
            return
        if artifact and answer.ok:
            self.refused(record(("model", name), "there", lambda: raw.register(name, artifact)))
        # Polls of a few: ends that were seen must not change later.
        with self.history.lock:
            some = self.dice.sample(list(self.history.operations), k=min(5, len(self.history.operations)))
        self.history.poll(raw, some)

    def settle(self, name):
        for _ in range(50):
            answer = self.raw.call("GET", self.raw.compute_path(name))
            if answer.json()["properties"]["provisioningState"] == "Succeeded":
                return True
            self.stop.wait(0.02)
        return False

    def refused(self, answer):
        """Nobody else writes these names: a refusal would be a fault, a busy one not."""
        if answer is not None and not answer.ok and answer.status_code not in (409, 503):
            raise AssertionError(f"{answer.status_code} {answer.text}")


def test_the_history_of_random_kills_holds(capfd):
    server = WharfProcess().start()
    dice = random.Random(SEED)
    stop = threading.Event()
    history = History()
    try:
        raw = Raw(server)
        clients = [Client(raw, history, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.0, LATEST_MOMENT))
            server.kill()
            server.start()
            for client in clients:
                assert not client.wrong, client.wrong
        time.sleep(0.5)
        stop.set()
        for client in clients:
            client.join(timeout=60)
            assert not client.is_alive() and not client.wrong, client.wrong

        began = time.monotonic()
        until(lambda: all_ended(raw, history), "all operations end", 60)
        took = time.monotonic() - began
        computes = until(lambda: settled(raw), "all computes settle", 60)[:-1]
        found = {
            ("compute", it["name"]): it["properties"]["properties"]["agentCount"] for it in computes
        }
        assert len(found) == len(computes), "a compute is listed twice"
        models = raw.pages(f"{raw.management}/models")
        found |= {("model", it["name"]): "there" for it in models}
        history.poll(raw, list(history.operations))
        wrong = history.violations(found)
        broken = server.check()
    finally:
        stop.set()
        server.close()
    writes = [write for all_of in history.writes.values() for write in all_of]
    with capfd.disabled():
        print(
            f"\nhistory: seed {SEED}, {KILLS} kills, {CLIENTS} clients, {len(writes)} writes, "
            f"{sum(write.is_acknowledged for write in writes)} acknowledged, "
            f"{sum(write.status is None for write in writes)} without an answer\n"
            f"  violations: {len(wrong)}; operations {len(history.operations)}, all ended "
            f"{took:.1f} s after the last write; rules broken in the store: {len(broken)}"
        )
    assert not wrong, wrong
    assert not broken, broken


def all_ended(raw, history):
    open_ones = [where for where, end in history.operations.items() if end is None]
    history.poll(raw, open_ones)
    return all(history.operations.values())


def settled(raw):
    """All computes once none is on its way; a list of one more, so that none is true."""
    computes = raw.computes()
    states = {it["properties"]["provisioningState"] for it in computes}
    return None if states & {"Creating", "Updating", "Deleting"} else computes + [None]
