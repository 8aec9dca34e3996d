"""The judge of the corpus finds what it is there to find."""

import json

import pytest
from judge import Judge
from wire import Answer, Request

ID = {"x-ms-request-id": "1"}


def v1(message="`name` is missing", status=400):
    return json.dumps({"code": "X", "statusCode": status, "message": message}).encode()


def arm(message):
    return json.dumps({"error": {"code": "X", "message": message}}).encode()


@pytest.mark.parametrize(
    ("surface", "status", "headers", "body", "problem"),
    [
        ("V1", 400, ID, v1(), None),
        ("Arm", 400, ID, arm("`location` is missing"), None),
        ("V1", 500, ID, v1(status=500), "our own fault"),
        ("V1", 404, ID, v1(), "another status"),
        ("V1", 400, {}, v1(), "no request id"),
        ("V1", 400, ID, arm("`name` is missing"), "not the envelope"),
        ("Arm", 400, ID, v1(), "not the envelope"),
        ("Arm", 400, ID, arm(""), "says nothing"),
        ("Arm", 400, ID, arm("not this: Some(Error)"), "debug text"),
        ("Arm", 400, ID, arm("the secret is hunter2"), "secret"),
        ("Arm", 400, ID, b"", "not the envelope"),
        ("Arm", 400, {}, b"", "without a body"),
        ("Blob", 404, ID, b"<?xml?><Error><Code>A</Code><Message>not there</Message>", None),
        ("Blob", 404, ID, b"not there", "not the envelope"),
    ],
)
def test_it_sees(surface, status, headers, body, problem):
    request = Request("PUT", "host", "/path", surface=surface)
    found = Judge(["hunter2"]).wrong_with(request, Answer(status, headers, body, 0.0))
    assert problem in found if problem else found is None, found
