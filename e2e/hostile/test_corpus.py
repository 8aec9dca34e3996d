"""Hostile forms of valid requests to every route: nothing that a client sends may
break the server, and every refusal says in its surface's own shape what is wrong.

`WHARF_HOSTILE` says how many requests (2,000 in `make test`, 24,000 in `make hostile`),
`WHARF_SEED` repeats a run, `WHARF_HOSTILE_CASE=NAME#NUMBER` sends one case alone.
"""

import collections
import itertools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from judge import Judge
from mutations import of_route
from routes import table
from wharf_process import ROOT, WharfProcess, until
from wire import Wire
from world import World

REQUESTS = int(os.environ.get("WHARF_HOSTILE", "2000"))
SEED = os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32)))
CASE = os.environ.get("WHARF_HOSTILE_CASE")
# From here on the whole example runs afterwards.
FULL = 20_000
# A write has a body to spoil, and gets that many cases for each of a read.
WRITE_WEIGHT = 4
MOST_SHOWN = 40
# What the allocator keeps of bodies of 4 MiB that several threads read at once.
MOST_GROWTH = 256 * 1024 * 1024

pytestmark = pytest.mark.timeout(600 + REQUESTS // 5)


def weight(route):
    return WRITE_WEIGHT if route.method in ("PUT", "POST", "PATCH") else 1


def cases(world):
    """Pairs of a name and a request. Numbers below a count are the same at every count."""
    routes = table()
    each = REQUESTS / sum(map(weight, routes))
    for route in routes:
        request = world.request(route)
        wanted = range(max(1, round(each * weight(route))))
        if CASE:
            name, number = CASE.rsplit("#", 1)
            wanted = [int(number)] if name == route.name else []
        last = max(wanted, default=-1)
        for number, form in enumerate(itertools.islice(of_route(request, route, SEED), last + 1)):
            if number in wanted:
                yield f"{route.name}#{number}", route, form


def resident(pid):
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


class Cleaner:
    """Removes what a hostile request made, so that none of it gets in the way."""

    def __init__(self, world):
        self.world = world
        self.count = 0

    def after(self, route, request, answer):
        raw = self.world.raw
        if not 200 <= answer.status < 300 or request.method not in ("PUT", "POST"):
            return
        if route.template.endswith("/services"):
            try:
                name = json.loads(request.body)["name"]
            except (ValueError, KeyError, TypeError):
                return
            self.count += 1
            raw.call("DELETE", raw.service_path(name))


@pytest.fixture
def hostile_server():
    """One of its own: its workspace is the worse for it afterwards."""
    server = WharfProcess()
    server.start()
    yield server
    server.close()


def test_no_route_breaks(hostile_server, capfd, tmp_path):
    server = hostile_server
    world = World(server)
    wire = Wire(world.raw.url, world.raw.ca)
    token = world.raw.token
    judge = Judge([world.admin["clientSecret"], token, token.rsplit(".", 1)[-1], "PRIVATE KEY"])
    cleaner = Cleaner(world)
    wrong, statuses, slowest = [], collections.Counter(), []
    warm = None
    count = 0
    for name, route, request in cases(world):
        count += 1
        note = f"{name}: {'; '.join(filter(None, request.notes))}"
        try:
            answer = wire.send(request)
        except Exception as error:
            wrong.append(f"{note}\n    no answer: {error!r}")
            assert server.process.poll() is None, (wrong[-1], server.tail())
            continue
        if answer is None:
            continue
        statuses[answer.status] += 1
        slowest = sorted([*slowest, (answer.seconds, note)], reverse=True)[:5]
        if problem := judge.wrong_with(request, answer):
            wrong.append(f"{note}\n    {problem}\n    {answer.body[:300]!r}")
        if CASE:
            print(request.encoded()[:3000], answer, sep="\n")
        cleaner.after(route, request, answer)
        if count == REQUESTS // 4:
            warm = resident(server.process.pid)
    cold = resident(server.process.pid)
    with capfd.disabled():
        growth = (cold - (warm or cold)) / 1024 / 1024
        print(f"\nhostile corpus: WHARF_SEED={SEED}, {count:,} requests to {len(table())} routes")
        print("  statuses:", ", ".join(f"{s}: {n:,}" for s, n in sorted(statuses.items())))
        print(f"  memory: {cold / 1024 / 1024:.0f} MiB at the end, {growth:+.0f} MiB since a quarter")
        for seconds, note in slowest:
            print(f"  {seconds:.2f} s: {note}")
    assert not wrong, (
        f"{len(wrong)} of {count}; again: WHARF_SEED={SEED} WHARF_HOSTILE_CASE='NAME#NUMBER'\n"
        + "\n".join(wrong[:MOST_SHOWN])
    )
    assert warm is None or cold - warm < MOST_GROWTH, f"{cold - warm} bytes more"
    still_works(world)
    if REQUESTS >= FULL:
        how_to(server, tmp_path)
    until(lambda: not server.check(), "`wharf check` finds nothing", 60)


def still_works(world):
    """A service is made, found, and removed: what it took before."""
    raw = world.raw
    world.end(raw.put_compute("afterwards", clusterPurpose="DevTest"))
    world.end(raw.create_service("afterwards", "afterwards", world.files))
    keys = raw.call("POST", f"{raw.service_path('afterwards')}/listkeys").json()
    service = raw.call("GET", raw.service_path("afterwards")).json()
    answer = raw.session().post(
        service["scoringUri"],
        json={},
        headers={"Authorization": f"Bearer {keys['primaryKey']}"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()) == (200, 1), answer.text
    world.end(raw.delete_service("afterwards"))


def how_to(server, folder):
    """The whole example, by the real SDK."""
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "config.json").write_text((server.data / "config.json").read_text())
    ended = subprocess.run(
        [sys.executable, ROOT / "examples" / "how-to.py"],
        cwd=folder,
        env=os.environ | server.environment() | {"HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]


def test_what_the_corpus_starts_from_is_valid(hostile_server):
    """Hostile forms of a request that is refused anyway would not get far."""
    world = World(hostile_server)
    wire = Wire(world.raw.url, world.raw.ca)
    refused = {}
    for route in table():
        if route.method not in ("PUT", "POST", "PATCH"):
            continue
        answer = wire.send(world.request(route))
        if answer.status >= 300 and not is_expected(route, answer):
            refused[route.name] = (answer.status, answer.body[:300])
        Cleaner(world).after(route, world.request(route), answer)
    assert not refused, json.dumps({k: str(v) for k, v in refused.items()}, indent=1)


def is_expected(route, answer):
    """What Wharf does not offer, and what of the world is not there on purpose."""
    if b'"NotSupported"' in answer.body:
        return True
    ends = ("/listClusterUserCredential", "/services/{service}/token", "/default/{datastore}")
    return route.template.endswith(ends)
