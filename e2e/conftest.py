"""One server for the session, started before any test module imports the SDK: the
SDK reads its clouds once, when it is imported."""

import os

import pytest
from wharf_process import WharfProcess

SERVER = pytest.StashKey[WharfProcess]()


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    server = WharfProcess()
    session.config.stash[SERVER] = server
    # The SDK keeps caches below HOME; tests leave the user's alone.
    os.environ["HOME"] = server.scratch.name
    os.environ["AZUREML_LOG_DEPRECATION_WARNING_ENABLED"] = "False"
    server.start()
    os.environ.update(server.environment())


def pytest_sessionfinish(session):
    server = session.config.stash.get(SERVER, None)
    if not server:
        return
    # Whatever the tests did, the store holds what it promises.
    broken = server.check() if server.admin_is_there() else []
    server.close()
    if broken:
        print("\n`wharf check` after all tests:", *broken, sep="\n  ")
        session.exitstatus = 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the server's last lines under each failure."""
    report = yield
    server = item.config.stash.get(SERVER, None)
    if report.failed and server:
        report.sections.append(("server's log", server.tail()))
    return report


@pytest.fixture(scope="session")
def server(pytestconfig):
    return pytestconfig.stash[SERVER]
