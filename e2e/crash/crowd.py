"""Ten clients that create, deploy, update, score and delete at random, some on names
of their own and some on names that all share, and which refusals they may see."""

import collections
import random
import threading
import time

from raw import end_in, operation_of

# What may be answered to a client whose neighbours write the same names;
# docs/reference/conflicts.md lists them.
BUSY_OR_TAKEN = 409
GONE = 404
CHANGED = 412
LATER = 503
# Ends of operations that a neighbour may bring about: a newer change or a delete.
OVERTAKEN = ("Canceled", "Cancelled")


class Crowd:
    """What all clients share: names, files, and a tally of what was answered."""

    def __init__(self, raw, files, seed, clients):
        self.raw, self.files, self.seed = raw, files, seed
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.tally = collections.Counter()
        self.slowest = collections.Counter()
        self.wrong = []
        self.clients = [Client(self, number) for number in range(clients)]

    def run(self, seconds):
        for client in self.clients:
            client.start()
        self.over.wait(seconds)
        self.over.set()
        for client in self.clients:
            client.join(timeout=120)
            assert not client.is_alive(), f"client {client.number} hangs"

    def count(self, what, status, took):
        with self.lock:
            self.tally[what, status] += 1
            self.slowest[what] = max(self.slowest[what], took)

    def fault(self, what):
        with self.lock:
            self.wrong.append(what)
        self.over.set()


class Client(threading.Thread):
    """Does one thing after the other until the crowd is told to go."""

    def __init__(self, crowd, number):
        super().__init__(daemon=True)
        self.crowd, self.raw, self.number = crowd, crowd.raw, number
        self.dice = random.Random(crowd.seed * 1_000 + number)

    def run(self):
        deeds = {
            self.compute: 3,
            self.detach_or_delete_compute: 1,
            self.register: 3,
            self.forget_model: 1,
            self.deploy: 4,
            self.tag: 2,
            self.scale: 1,
            self.revise: 1,
            self.score: 8,
            self.delete_service: 2,
            self.look: 2,
        }
        try:
            while not self.crowd.over.is_set():
                deed = self.dice.choices(list(deeds), deeds.values())[0]
                # The server ends connections that idle, and some do between uploads or
                # scorings: a request that meets that end has no answer to judge.
                self.raw.session().close()
                deed()
        except Exception as error:  # noqa: BLE001 - told with the seed, whatever it is
            self.crowd.fault(f"client {self.number}: {type(error).__name__}: {error}")

    def ask(self, what, allowed, request, excuse=None):
        """One request; only success and what is documented for it may come back. An
        `excuse` looks at the answer itself."""
        began = time.monotonic()
        answer = request()
        self.crowd.count(what, answer.status_code, time.monotonic() - began)
        is_expected = answer.ok or answer.status_code in allowed
        if answer.status_code == LATER:
            is_expected = LATER in allowed and "Retry-After" in answer.headers
        if not is_expected and not (excuse and excuse(answer)):
            self.crowd.fault(f"{what}: {answer.status_code} {answer.text}")
        return answer if answer.ok else None

    def name(self, kind):
        """Two of three names are the client's own; the others are everybody's."""
        shared = self.dice.random() < 0.34
        return f"{kind}-all-{self.dice.randrange(2)}" if shared else f"{kind}-{self.number}"

    def follow(self, what, answer):
        """The end of an operation. On a shared name a neighbour may overtake it."""
        where = operation_of(answer)
        if where is None:
            return None
        deadline = time.monotonic() + 120
        while True:
            polled = self.raw.call("GET", where)
            if polled.status_code != 200:
                self.crowd.fault(f"poll of {what}: {polled.status_code} {polled.text}")
                return None
            end = end_in(polled)
            if end:
                self.crowd.count(f"end of {what}", end, 0)
                return end, polled
            if time.monotonic() > deadline:
                self.crowd.fault(f"{what} never ends: {polled.text}")
                return None
            # The next look, not a condition: the loop ends with the operation.
            time.sleep(0.1)

    def ends_well(self, what, name, answer):
        ended = self.follow(what, answer)
        if ended is None:
            return
        end, polled = ended
        may_overtake = "-all-" in name
        if end != "Succeeded" and not (may_overtake and end in OVERTAKEN):
            self.crowd.fault(f"{what} {name} ended {end}: {polled.text}")

    # Deeds.

    def compute(self):
        name = self.name("aks")
        change = self.dice.random() < 0.5
        agents = self.dice.randrange(3, 6)
        request = lambda: (
            self.raw.update_compute(name, agentCount=agents) if change else self.raw.put_compute(name)
        )
        answer = self.ask(
            "put compute", (BUSY_OR_TAKEN, GONE, CHANGED), request, change and cluster_is_gone
        )
        if answer is not None:
            self.ends_well("put compute", name, answer)

    def detach_or_delete_compute(self):
        name = self.name("aks")
        # Refused while services are on it.
        answer = self.ask(
            "delete compute", (BUSY_OR_TAKEN, GONE), lambda: self.raw.delete_compute(name)
        )
        if answer is not None:
            self.ends_well("delete compute", name, answer)

    def register(self):
        name = self.name("model")
        text = f"{self.number} {self.dice.random()}".encode()
        answer, artifact = self.raw.upload(f"{name}-{self.number}-{self.dice.random()}.txt", text)
        assert answer.status_code == 201, answer.text
        self.ask("register", (), lambda: self.raw.register(name, artifact))

    def forget_model(self):
        name = self.name("model")
        found = self.ask(
            "list of versions",
            (),
            lambda: self.raw.call("GET", f"{self.raw.management}/models?name={name}"),
        )
        versions = found.json()["value"]
        if versions:
            one = self.dice.choice(versions)["id"]
            path = f"{self.raw.management}/models/{one}"
            self.ask("delete model", (GONE,), lambda: self.raw.call("DELETE", path))

    def deploy(self):
        name = self.name("svc")
        # The stable compute: only services of it come and go.
        answer = self.ask(
            "deploy",
            (BUSY_OR_TAKEN,),
            lambda: self.raw.create_service(name, "ground", self.crowd.files),
        )
        if answer is not None:
            self.ends_well("deploy", name, answer)

    def tag(self):
        name = self.name("svc")
        tag = str(self.dice.random())
        answer = self.ask(
            "tag", (BUSY_OR_TAKEN, GONE, CHANGED), lambda: self.raw.tag_service(name, tag)
        )
        if answer is not None:
            self.ends_well("tag", name, answer)

    def scale(self):
        name, replicas = self.name("svc"), self.dice.randrange(1, 3)
        answer = self.ask(
            "scale",
            (BUSY_OR_TAKEN, GONE, CHANGED),
            lambda: self.raw.scale_service(name, replicas),
        )
        if answer is not None:
            self.ends_well("scale", name, answer)

    def revise(self):
        name, cpu = self.name("svc"), self.dice.choice([0.1, 0.15])
        answer = self.ask(
            "revise", (BUSY_OR_TAKEN, GONE, CHANGED), lambda: self.raw.revise_service(name, cpu)
        )
        if answer is not None:
            self.ends_well("revise", name, answer)

    def delete_service(self):
        name = self.name("svc")
        answer = self.ask(
            "delete service", (BUSY_OR_TAKEN, GONE), lambda: self.raw.delete_service(name)
        )
        if answer is not None and answer.status_code == 202:
            self.ends_well("delete service", name, answer)

    def score(self):
        name = self.name("svc")
        service = self.ask(
            "get service", (GONE,), lambda: self.raw.call("GET", self.raw.service_path(name))
        )
        if service is None:
            return
        service = service.json()
        keys = self.ask(
            "get keys",
            (GONE,),
            lambda: self.raw.call("POST", f"{self.raw.service_path(name)}/listkeys"),
        )
        if keys is None or not service.get("scoringUri"):
            return
        header = {"Authorization": f"Bearer {keys.json()['primaryKey']}"}
        # A neighbour may have deleted or made it anew since: then the address is gone,
        # the key is another, or no replica is ready yet.
        allowed = (401, GONE, LATER) if "-all-" in name else (LATER,)
        self.ask(
            "score",
            allowed,
            lambda: self.raw.session().post(
                service["scoringUri"], data="1", headers=header, timeout=30
            ),
        )

    def look(self):
        which = self.dice.choice(["computes", "models", "services", "one"])
        if which == "computes":
            self.raw.computes()
        elif which == "models":
            self.raw.pages(f"{self.raw.management}/models")
        elif which == "services":
            self.raw.services()
        else:
            name = self.name("aks")
            self.ask(
                "get compute",
                (GONE,),
                lambda: self.raw.call("GET", self.raw.compute_path(name)),
            )


def cluster_is_gone(answer):
    """A compute that a neighbour deleted between the GET and the PUT of an update: what
    was read names a cluster that went with it."""
    if answer.status_code != 400:
        return False
    details = answer.json()["error"]["details"]
    return [it["target"] for it in details] == ["properties.resourceId"]


def emptied(raw, keep=""):
    """Deletes what is there, `keep` aside; gives whether nothing was there any more."""
    services = raw.services()
    for service in services:
        raw.delete_service(service["name"])
    models = raw.pages(f"{raw.management}/models")
    computes = [it for it in raw.computes() if it["name"] != keep]
    if not services:
        # What is used cannot go.
        for model in models:
            raw.call("DELETE", f"{raw.management}/models/{model['id']}")
        for compute in computes:
            raw.delete_compute(compute["name"])
    return not (services or models or computes)
