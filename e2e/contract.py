"""Checks answers against the table of what clients need: crates/wharf-wire/contract.json."""

import json
import re
from datetime import datetime
from urllib.parse import urlsplit

from wharf_process import ROOT

WORKSPACE = ("/subscriptions/{subscription}/resourceGroups/{group}/providers/"
             "Microsoft.MachineLearningServices/workspaces/{workspace}")


def date(value):
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value.replace("Z", "+00:00")))
    except ValueError:
        return False


TYPES = {
    "present": lambda value: True,
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "date": date,
}
ABSENT = object()


def pattern(template):
    """An expression for a path of the table."""
    parts = re.split(r"(\{\*?\w+\})", template)
    words = [re.escape(p) if not p.startswith("{") else ".+" if p[1] == "*" else "[^/]+" for p in parts]
    return re.compile("".join(words), re.IGNORECASE)


def places(value, steps, named=""):
    """What a path leads to: names with values, `ABSENT` where a key is missing."""
    if not steps:
        yield named, value
        return
    step, rest = steps[0], steps[1:]
    if step in ("[]", "{}"):
        kind = list if step == "[]" else dict
        if isinstance(value, kind):
            items = enumerate(value) if kind is list else value.items()
            for key, item in items:
                yield from places(item, rest, f"{named}[{key}]")
        return
    optional = step.endswith("?")
    key = step.rstrip("?")
    here = f"{named}.{key}".lstrip(".")
    found = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
    if optional and (found is ABSENT or found is None):
        return
    if found is ABSENT:
        yield here, ABSENT
    else:
        yield from places(found, rest, here)


def steps_of(path):
    return [step for step in re.findall(r"\w+\??|\[\]|\{\}", path)] if path != "." else []


class Contract:
    """The table, what it has seen and what it found broken."""

    def __init__(self):
        table = json.loads((ROOT / "crates/wharf-wire/contract.json").read_text())
        self.shapes = table["shapes"]
        self.errors = table["errors"]
        self.answers = []
        for answer in table["answers"]:
            method, template = answer["route"].split(" ")
            template = template.replace("{WS}", WORKSPACE)
            self.answers.append((method, pattern(template), answer))
        self.seen = {answer["route"]: 0 for answer in table["answers"]}
        self.broken = []

    def watch(self, request, answer):
        """Checks one answer of a server as it arrives."""
        url = urlsplit(request.url)
        path = re.sub("/+", "/", url.path).rstrip("/")
        if ".blob." in url.netloc:
            path = f"blob{path}"
        is_json = "json" in answer.headers.get("content-type", "") and not path.startswith("blob")
        body = answer.json() if is_json and answer.content else None
        self.check(request.method, path, answer.status_code, answer.headers, body, url.query)

    def check(self, method, path, status, headers, body, query=""):
        where = f"{method} {path} {status}"
        if status >= 400 and body is not None:
            for error in self.errors:
                if any(path.startswith(start) for start in error["paths"]):
                    self.find(where, self.breaches(body, self.shapes[error["like"]]))
        for wanted, expression, answer in self.answers:
            if wanted != method or status not in answer["status"] or not expression.fullmatch(path):
                continue
            if answer.get("unless_query") in query.split("&"):
                continue
            self.seen[answer["route"]] += 1
            missing = [name for name in answer.get("headers", ()) if not headers.get(name)]
            self.find(where, [f"header `{name}` is missing" for name in missing])
            rules = list(self.shapes[answer["like"]]) if "like" in answer else []
            rules.append({"keys": answer.get("keys", {})})
            if body is not None or any(rule["keys"] for rule in rules):
                self.find(where, self.breaches(body, rules))

    def find(self, where, breaches):
        self.broken += [f"{where}: {breach}" for breach in breaches]

    def breaches(self, body, rules, named=""):
        for rule in rules:
            wanted = rule.get("when", {}).items()
            if any(value != expected for path, expected in wanted
                   for _, value in places(body, steps_of(path))):
                continue
            for path, what in rule["keys"].items():
                for name, value in places(body, steps_of(path), named):
                    yield from self.breaches_of(name, value, what)

    def breaches_of(self, name, value, what):
        if what.startswith("like "):
            if value is ABSENT or not isinstance(value, dict):
                yield f"`{name}` is no object"
            else:
                yield from self.breaches(value, self.shapes[what[5:]], name)
            return
        kind, _, otherwise = what.partition(" or ")
        if value is ABSENT:
            fits = what == "absent" or otherwise == "absent"
        elif what == "absent":
            fits = False
        elif what.startswith("is "):
            fits = (str(value).lower() if isinstance(value, bool) else value) in what[3:].split("|")
        else:
            fits = TYPES[kind](value) or (otherwise == "null" and value is None)
        if not fits:
            shown = "missing" if value is ABSENT else json.dumps(value)[:60]
            yield f"`{name}` must be {what}, it is {shown}"


CONTRACT = Contract()
