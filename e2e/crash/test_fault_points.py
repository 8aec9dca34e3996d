"""`kill -9` of the real process at every fault point, once and twice running, with
fifty operations of all kinds open. The end must be that of a run without a kill.

The points are those that the binary was built with; one that is never hit fails the
test. `WHARF_FAULT_POINTS` says how many of them (2 in `make test`, all in
`make crash-full`) or names some, `WHARF_SEED` which.
"""

import collections
import os
import random
import statistics

import pytest
from story import Run, Stage, compared, points

COUNT = os.environ.get("WHARF_FAULT_POINTS", "2")
SEED = int(os.environ.get("WHARF_SEED", str(random.SystemRandom().randrange(1 << 32))))
# Passes of points that a start reaches too: later ones hit it while all is open.
LATER = {
    "WriterBegun": 12,
    "WriterJobDone": 30,
    "WriterCommitting": 12,
    "WriterCommitted": 12,
    "LogAppended": 8,
    "ReplicaConfigured": 5,
    "ReplicaSpawned": 5,
    "ReplicaWrittenDown": 5,
    "EndpointBegun": 6,
    "EndpointEnsured": 6,
    "EndpointEnvironmentBuilt": 2,
}
# Only an endpoint with versions comes to these, and this story has none; they are hit
# by the story of versions in wharf-control (`src/tests/faults.rs`).
ELSEWHERE = {"EndpointNoted", "EndpointRetiredRemoved"}

pytestmark = pytest.mark.timeout(3600)


def test_killed_at_every_fault_point_ends_the_same(capfd):
    every = [point for point in points() if point not in ELSEWHERE]
    if COUNT == "all":
        chosen = every
    elif not COUNT.isdigit():
        chosen = COUNT.split(",")
    else:
        chosen = random.Random(SEED).sample(every, int(COUNT))
    missed, times, kills, interrupted = [], [], 0, 0
    wrong, findings = collections.Counter(), []
    stage = Stage()
    try:
        expected, _ = Run(stage).tell()
        for point in chosen:
            first = f"{point}:{LATER.get(point, 1)}"
            for faults in ([first], [first, point]) if COUNT == "all" else ([first, point],):
                run = Run(stage, faults)
                outcome, took = run.tell()
                differs = compared(expected, outcome)
                wrong.update({what: len(which) for what, which in differs.items()})
                for what, which in differs.items():
                    for it in which:
                        findings.append((faults, what, it))
                if first not in run.killed_at:
                    missed.append(first)
                kills += len(run.killed_at)
                interrupted += run.interrupted
                times.append(took)
                if COUNT == "all":
                    with capfd.disabled():
                        print(f"  {' '.join(faults)}: settled {took:.1f} s after", flush=True)
    finally:
        stage.close()
    with capfd.disabled():
        print(
            f"\nfault points: seed {SEED}, {len(chosen)} of {len(every)}, {kills} kills, "
            f"{interrupted} requests interrupted\n"
            f"  acknowledged writes lost {wrong['lost']}, doubled {wrong['doubled']}, not asked "
            f"for {wrong['more']}, ended operations changed {wrong['changed']}, rules broken in "
            f"the store {wrong['broken']}\n"
            f"  at the right end after the last start: median {statistics.median(times):.1f} s, "
            f"slowest {max(times):.1f} s\n"
            f"  never hit: {', '.join(missed) or 'none'}"
        )
    assert not findings, findings
    assert not missed
