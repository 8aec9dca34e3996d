"""What an answer to a hostile request must be."""

import json
import re

# What only a program's own text looks like. No hostile value looks like that.
DEBUG = re.compile(
    r"panicked|RUST_BACKTRACE|unwrap\(\)|\b(?:Some|Err|Ok)\(|\bsrc/[a-z_/]+\.rs|::[a-z_]+::|sqlx|SQLITE"
    r"|Error \{|SqliteError|PoisonError|called `|os error \d"
)


def arm(body, status):
    error = json.loads(body)["error"]
    assert isinstance(error["code"], str) and error["code"], "no code"
    return error["message"]


def sign_in(body, status):
    answer = json.loads(body)
    assert isinstance(answer["error"], str) and answer["error"], "no error"
    return answer["error_description"]


def v1(body, status):
    answer = json.loads(body)
    assert answer["statusCode"] == status, "another status in the body"
    assert isinstance(answer["code"], str) and answer["code"], "no code"
    return answer["message"]


def blob(body, status):
    text = body.decode()
    assert text.startswith("<?xml"), "not XML"
    assert re.search("<Code>[A-Za-z0-9]+</Code>", text), "no code"
    return re.search("<Message>(.*)</Message>", text, re.DOTALL).group(1)


ENVELOPES = {"Arm": arm, "SignIn": sign_in, "V1": v1, "Blob": blob}


def message_of(surface, answer):
    if surface:
        return ENVELOPES[surface](answer.body, answer.status)
    for envelope in ENVELOPES.values():
        try:
            return envelope(answer.body, answer.status)
        except (ValueError, KeyError, TypeError, AssertionError, AttributeError):
            continue
    raise AssertionError("in the shape of no surface")


def not_readable(request):
    """Whether the HTTP layer may refuse it: its frame or its target is not HTTP's."""
    return not request.is_http or any(note.startswith("path: ") for note in request.notes) or any(
        note.startswith("query: ") for note in request.notes
    )


class Judge:
    def __init__(self, secrets):
        self.secrets = [secret.encode() for secret in secrets]

    def wrong_with(self, request, answer):
        """What is wrong with the answer, or None."""
        if answer.status >= 500:
            return f"{answer.status}: our own fault"
        if not 200 <= answer.status < 500:
            return f"{answer.status}: no such answer"
        if "x-injected" in answer.headers:
            return "a header of the request's value is in the answer"
        if answer.status < 400:
            return None
        text = answer.body.decode(errors="replace")
        if found := DEBUG.search(text):
            return f"debug text `{found.group()}`"
        if any(secret in answer.body for secret in self.secrets):
            return "a secret is in the error"
        if len(answer.body) > 64 * 1024:
            return f"an error of {len(answer.body)} bytes"
        if request.method == "HEAD":
            return None
        # The HTTP layer refuses what it cannot read before anybody knows the surface,
        # with nothing but the status (docs/reference/limits.md).
        if not answer.body and "x-ms-request-id" not in answer.headers:
            is_known = answer.status in (400, 414, 431)
            return None if is_known and not_readable(request) else "an error without a body"
        try:
            message = message_of(request.surface if request.is_http else None, answer)
        except Exception as error:
            return f"not the envelope of {request.surface}: {error!r}"
        if not isinstance(message, str) or len(message.strip()) < 8:
            return f"a message that says nothing: {message!r}"
        if "x-ms-request-id" not in answer.headers:
            return "no request id"
        return None
