"""Every public method of the SDK's classes does what docs/reference/sdk-v1.md says.

The page has one row for each method. Which methods there are is asked of the installed
SDK; what became of each is asked of the calls of the whole session. The last test of
all: it comes after those that it judges.
"""

import re
from urllib.parse import urlsplit

from contract import CONTRACT, WORKSPACE, Contract
from recorder import RECORDER, public_methods
from wharf_process import ROOT

PAGE = ROOT / "docs/reference/sdk-v1.md"


def answered(calls, host):
    return any(host in call.hosts and not call.error for call in calls)


def refused(calls, host):
    return any(host in call.hosts and call.error for call in calls)


def asked(calls, host):
    return any(host in call.hosts for call in calls)


# The words of the page, and what the session must have seen for each.
OUTCOMES = {
    "works": answered,
    "refused": lambda calls, host: refused(calls, host) and not answered(calls, host),
    "no request": lambda calls, host: not asked(calls, host)
    and any(not call.error for call in calls),
    "stopped by the SDK": lambda calls, host: not asked(calls, host)
    and bool(calls) and all(call.error for call in calls),
}


def rows():
    """Methods of the page with what it says of them."""
    found = re.findall(r"^\| `([\w.()]+)` \| ([\w ]+?) \|", PAGE.read_text(), re.MULTILINE)
    assert len(dict(found)) == len(found), "a method has two rows"
    return dict(found)


def test_the_page_has_a_row_for_each_public_method():
    told, real = set(rows()), public_methods()
    assert (told - real, real - told) == (set(), set())
    assert set(rows().values()) <= set(OUTCOMES)


def test_each_method_was_called_and_did_what_the_page_says(server, whole_session):
    host = urlsplit(server.admin()["serverUrl"]).netloc
    wrong = []
    for method, outcome in rows().items():
        calls = RECORDER.ended(method)
        if not OUTCOMES[outcome](calls, host):
            seen = {(call.error, *sorted(call.hosts)) for call in calls}
            wrong.append(f"{method}: {outcome}? seen in passed tests: {seen or 'no call'}")
    assert not wrong, "\n".join(wrong)


def test_all_traffic_kept_the_contract(whole_session):
    assert not CONTRACT.broken, "\n".join(sorted(set(CONTRACT.broken)))
    unseen = [route for route, count in CONTRACT.seen.items() if not count]
    assert not unseen, "answers that no test asked for: " + "\n".join(unseen)


def test_the_check_of_traffic_sees_what_is_missing():
    def found(method, path, status, body, headers=()):
        contract = Contract()
        contract.check(method, path, status, dict(headers), body)
        return contract.broken

    start = WORKSPACE.replace("{", "").replace("}", "")
    computes = f"/rp/workspaces{start}/computes"
    assert found("GET", computes, 200, {"value": []}) == []
    assert "nextLink" in found("GET", computes, 200, {"value": [], "nextLink": None})[0]
    assert "`value` must be list" in found("GET", computes, 200, {})[0]
    (said,) = found("DELETE", f"{start}/computes/a", 204, None)
    assert "azure-asyncoperation" in said
    models = f"/modelmanagement/v1.0{start}/models"
    broken = found("GET", models, 200, {"value": [{"id": "a:1", "datasets": None}]})
    assert any("value[0].datasets" in said for said in broken)
    assert any("value[0].createdTime" in said for said in broken)
    assert "statusCode" in found("GET", models, 404, {"code": "a", "message": "b", "details": [],
                                                      "correlation": {}})[0]
