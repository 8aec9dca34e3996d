"""The way back to a copy of the data directory, as `docs/guides/damaged-store.md`
tells it: what the copy knows serves again, what it does not know ends."""

import os
import shutil
import subprocess

import pytest
from raw import SCRIPT, Raw, end_in, operation_of, scorer
from wharf_process import WharfProcess, until

pytestmark = pytest.mark.timeout(300)


def test_a_copy_that_is_put_back_serves_what_it_knows_and_ends_the_rest():
    server = WharfProcess().start()
    kept, damaged = server.data.with_name("kept"), server.data.with_name("damaged")
    try:
        raw = Raw(server)
        files = {}
        for name, text in (("driver.py", "pass\n"), ("score.py", SCRIPT)):
            answer, files[name] = raw.upload(name, text.encode())
            assert answer.status_code == 201, answer.text
        succeeds(raw, raw.put_compute("base"))
        # The replica goes on, and its socket goes with the damaged folder.
        probe = {"periodSeconds": 1, "failureThreshold": 1}
        known = raw.create_service("known", "base", files, livenessProbeRequirements=probe)
        succeeds(raw, known)
        server.stop()
        subprocess.run(["cp", "-a", server.data, kept], check=True)
        before = set(server.scorers())
        server.start()
        succeeds(raw, raw.create_service("unknown", "base", files))
        strangers = set(server.scorers()) - before
        assert strangers, "the second service has a replica"
        server.kill()

        server.data.rename(damaged)
        subprocess.run(["cp", "-a", kept, server.data], check=True)
        # Replicas of a service that the copy does not have.
        [folder] = {it.name for it in (damaged / "replicas").iterdir()} - {
            it.name for it in (kept / "replicas").iterdir()
        }
        subprocess.run(["cp", "-a", damaged / "replicas" / folder, server.data / "replicas"], check=True)
        [line] = server.check()
        assert line.startswith("replicas-without-deployment") and folder in line, line
        server.start()
        names = [it["name"] for it in raw.services()]
        assert names == ["known"], names
        score = scorer(raw, "known")
        until(lambda: score() == 200, "what the copy knows serves", 60)
        until(lambda: not strangers & alive(), "what it does not know is ended", 60)
        assert server.check() == [line]
        server.stop()
        shutil.rmtree(server.data / "replicas" / folder)
        server.start()
        assert server.check() == []
        until(lambda: set(server.services().values()) == {"known"}, "its replicas are ended", 60)
    finally:
        server.close()


def succeeds(raw, answer):
    assert answer.ok, answer.text
    where = operation_of(answer)
    assert until(lambda: end_in(raw.call("GET", where)), "it ends", 90) == "Succeeded"


def alive():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}
