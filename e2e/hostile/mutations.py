"""Hostile forms of a valid request. Every case is a function of the seed, the route
and a number, so that one that failed can be sent again alone."""

import json
import random
from urllib.parse import quote

MEBIBYTE = 1024 * 1024


class Literal(str):
    """Text that goes into JSON as it is: what `json` would not write."""


def nested(depth, left="[", right="]"):
    return Literal(left * depth + right * depth)


# What a member becomes. Large ones are made when they are asked for.
VALUES = {
    "null": lambda: None,
    "true": lambda: True,
    "text": lambda: "x",
    "no text": lambda: "",
    "blank": lambda: " \t\n",
    "list": lambda: [],
    "list of odds": lambda: [None, {}, [], "", -1, [[]]],
    "object": lambda: {},
    "object of odds": lambda: {"": None, "a": {"b": []}, "\u0000": 1},
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "float": lambda: 1.5,
    "whole float": lambda: Literal("2.0"),
    "tiny": lambda: Literal("1e-320"),
    "huge float": lambda: Literal("1e308"),
    "beyond float": lambda: Literal("1e400"),
    "2^31": lambda: 2**31,
    "2^53": lambda: 2**53 + 1,
    "2^63": lambda: 2**63,
    "2^64": lambda: 2**64,
    "10^40": lambda: 10**40,
    "-2^63": lambda: -(2**63),
    "NaN": lambda: Literal("NaN"),
    "Infinity": lambda: Literal("-Infinity"),
    "NaN as text": lambda: "NaN",
    "number as text": lambda: "1",
    "truth as text": lambda: "True",
    "NUL": lambda: "a\u0000b",
    "line breaks": lambda: "a\r\nX-Injected: 1\r\n\r\n",
    "right to left": lambda: "\u202ea\u2066b\ufeff",
    "lone surrogate": lambda: Literal('"\\ud800"'),
    "surrogates reversed": lambda: Literal('"\\udc00\\ud800"'),
    "astral": lambda: "\U0001f980" * 40,
    "combining": lambda: "e" + "\u0301" * 500,
    "bad escape": lambda: Literal('"\\x41"'),
    "raw control": lambda: Literal('"\x01"'),
    "300 letters": lambda: "a" * 300,
    "5,000 letters": lambda: "a" * 5000,
    "1 MiB": lambda: "a" * MEBIBYTE,
    "1 MiB of astral": lambda: "\U0001f980" * (MEBIBYTE // 4),
    "deep 60": lambda: nested(60),
    "deep 64": lambda: nested(64),
    "deep 65": lambda: nested(65),
    "deep 10,000": lambda: nested(10_000),
    "deep objects": lambda: Literal('{"a":' * 10_000 + "1" + "}" * 10_000),
    "10^5 numbers": lambda: list(range(100_000)),
    "10^5 texts": lambda: ["x"] * 100_000,
    "10^5 objects": lambda: [{}] * 100_000,
    "10^5 members": lambda: {f"m{number}": "" for number in range(100_000)},
    "traversal": lambda: "../../../../etc/passwd",
    "file": lambda: "file:///etc/passwd",
    "loopback": lambda: "https://127.0.0.1:1/",
    "metadata": lambda: "http://169.254.169.254/latest",
    "script": lambda: "<script>alert(1)</script>",
    "statement": lambda: "x'; DROP TABLE models; --",
    "format": lambda: "%s%n{}{0}${x}",
    "expression": lambda: "[concat(" * 40 + "'x'" + ")" * 40 + "]",
    "expression, cut": lambda: "[parameters('",
    "expression, doubling": lambda: "[concat(string(variables()), variables('where'))]",
    "PEM": lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "date": lambda: "9999-99-99T99:99:99Z",
    "aml": lambda: "aml://asset/00000000000000000000000000000000",
    "aml traversal": lambda: "aml://artifact/LocalUpload/../../x",
    "id of another": lambda: "/subscriptions/0/resourceGroups/g/providers/Microsoft.Other/x/y",
}
DOCUMENTS = {
    "nothing": b"",
    "blank": b" \n\t",
    "null": b"null",
    "a number": b"7",
    "a text": b'"text"',
    "a list": b"[]",
    "an object": b"{}",
    "a list of lists": b"[[[]]]",
    "not JSON": b"name=value&other",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "bytes": bytes(range(256)),
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 60,
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "overlong": b'{"name": "\xc0\xaf"}',
    "two": b"{}{}",
    "more behind": b"{} x",
    "comma": b'{"a": 1,}',
    "comment": b'{/* a */"a": 1}',
    "single quotes": b"{'a': 1}",
    "no quotes": b"{a: 1}",
    "deep 64": nested(64).encode(),
    "deep 65": nested(65).encode(),
    "deep 100,000": nested(100_000).encode(),
    "open brackets": b"[" * 100_000,
    "4 MiB": b'"' + b"a" * (4 * MEBIBYTE - 2) + b'"',
    "more than 4 MiB": b'"' + b"a" * (4 * MEBIBYTE) + b'"',
    "blanks": b" " * MEBIBYTE + b"{}",
    "many members": b"{" + b",".join(b'"a%d":0' % number for number in range(100_000)) + b"}",
    "one member, often": b"{" + b",".join([b'"name":"a"'] * 10_000) + b"}",
    "long number": b"1" * 100_000,
    "long exponent": b"1e" + b"9" * 1000,
}
PATCHES = [
    "", "/", "//", "/-", "/0", "/~", "/~0", "/~1", "/a~2", "/a~", "kvTags", "#/kvTags",
    "/kvTags/", "/kvTags/a", "/kvTags/-", "/kvTags/0", "/kvTags/a~1b", "/kvTags/~2", "/kvTags/a/b/c",
    "/properties/new/deep", "/name", "/version", "/id", "/keys", "/numReplicas", "/NUMREPLICAS",
    "/autoScaler/minReplicas", "/environmentImageRequest", "/environmentImageRequest/assets/0",
    "/environmentImageRequest/assets/-", "/environmentImageRequest/assets/01",
    "/environmentImageRequest/assets/99999999999999999999", "/\u0000", "/\u202e", "/" * 2000,
    "/a" * 5000, "/kvTags/" + "a" * 5000, "/description", "/authEnabled", "/isDefault",
]  # fmt: skip
SEGMENTS = [
    "", ".", "..", "%2e", "%2e%2e", "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "%2F", "a%2Fb", "%5C", "%00",
    "a%00b", "%FF", "%C0%AF", "%ED%A0%80", "%E2%80%AE", "%F0%9F%A6%80", "%", "%z", "%zz", "%25", "%252F",
    "a" * 300, "a" * 7000, "*", "{compute}", "$count", "'", "%27%20OR%201=1", "a;b=c", "a:1", "a:0", "a:-1",
    "iris:99999999999999999999", "iris:1:2", ":", "%3A", "a+b", "a b".replace(" ", "%20"), "~", "-", "_",
    "CORPUS", "served", "corpus", "iris", "helper", "null", "undefined", "true", "0", "-1", "1e5",
    "00000000-0000-0000-0000-000000000000", "%0D%0AX-Injected:1", "%7F", "%C3%A4", "a%20", "a.", "%E2%84%AA",
]  # fmt: skip
QUERY_NAMES = [
    "api-version", "$top", "$skip", "$skiptoken", "$filter", "$expand", "$orderby", "count", "skip", "tail",
    "init", "expand", "name", "tags", "properties", "tag", "property", "continuationToken", "orderBy",
    "underlyingResourceAction", "computeType", "workspaceId", "runId", "datasetId", "framework", "imageId",
    "modelName", "modelId", "latestVersionOnly", "force", "comp", "blockid", "sv", "sr", "sp", "se", "sig",
    "restype", "timeout", "resource-type", "resource", "overrideNames", "allowOverwrite", "",
]  # fmt: skip
QUERY_VALUES = [
    "", "0", "1", "-1", "1.5", "NaN", "18446744073709551616", "9" * 400, "true", "x", "%00", "%FF", "%", "%zz",
    "%ED%A0%80", "a,b,,c", ",", "=", "a=b=c", "%3D", "a%3Db", "'", "%27%3B--", "../x", "%2e%2e", "a" * 3000,
    "eyJhIjoxfQ", "AAAA", "%E2%80%AE", "%0D%0A", "+", "%2B", "null", "[]", "{}", "Delete", "Detach", "block",
    "blocklist", "2999-01-01", "eventTimestamp%20ge%20%27x%27", "eventTimestamp ge".replace(" ", "%20"),
    "a%20eq%20" * 200, "(" * 1000,
]  # fmt: skip
HEADERS = {
    "Content-Type": [None, "", "text/plain", "application/xml", "application/json; charset=utf-16",
                     "multipart/form-data", "a" * 5000, ";;;", "application/json-patch+json"],
    "Content-Encoding": ["gzip", "br", "identity", "x"],
    "Accept": ["", "text/html", "*/*;q=9"],
    "Accept-Encoding": ["gzip", "*;q=0"],
    "If-Match": ["*", '"x"', "x", '"' + "a" * 3000 + '"'],
    "If-None-Match": ["*", '"x"', ""],
    "If-Modified-Since": ["yesterday", "Thu, 01 Jan 1970 00:00:00 GMT"],
    "Range": ["bytes=0-1", "bytes=5-1", "bytes=-0", "bytes=x", "bytes=0-1,3-4", "lines=1-2",
              "bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes=" + "0-0," * 1000],
    "x-ms-range": ["bytes=0-1", "bytes=9-1", "x"],
    "x-ms-blob-type": [None, "", "PageBlob", "AppendBlob", "x"],
    "Content-MD5": ["x", "AAAA", "1B2M2Y8AsgTpgAmY7PhCfg=="],
    "x-ms-client-request-id": ["", "a" * 5000, "<script>", "a\tb"],
    "x-ms-version": ["", "1900-01-01", "x"],
    "Authorization": [None, "", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer " + "a" * 9000,
                      "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic eDp5", "Basic !", "Digest x"],
    "Cookie": ["a=" + "b" * 4000],
    "Origin": ["null", "https://elsewhere.example"],
    "X-Forwarded-For": ["127.0.0.1", "x" * 3000],
    "X-HTTP-Method-Override": ["DELETE"],
    "Prefer": ["respond-async", "wait=99999999999999999999"],
    "Date": ["x"],
    "Expect": ["200-ok", "100-continue"],
}  # fmt: skip


def written(value):
    """As `json.dumps`, with what only a `Literal` can say."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        members = ",".join(f"{json.dumps(name)}:{written(it)}" for name, it in value.items())
        return "{" + members + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def places(value, at=()):
    """The path of every member and element, parents first."""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return
    for name, it in pairs:
        yield (*at, name)
        yield from places(it, (*at, name))


def with_member(document, place, change):
    """A copy in which `change` was done to what holds the member."""
    copied = json.loads(json.dumps(document))
    holder = copied
    for name in place[:-1]:
        holder = holder[name]
    change(holder, place[-1])
    return copied


def of_members(document):
    """Every member: removed, renamed, given every odd value."""
    for place in places(document):
        where = "/" + "/".join(map(str, place))

        def change(note, action, place=place, where=where):
            def mutate(request):
                text = written(with_member(document, place, action()))
                return request.but(f"{where}: {note}", body=text.encode())

            return mutate

        def removed(holder, name):
            del holder[name]

        def renamed(holder, name):
            if isinstance(holder, dict):
                holder[name.swapcase()] = holder.pop(name)
            else:
                holder.append(holder[name])

        def unknown(holder, _):
            if isinstance(holder, dict):
                holder["neverHeardOf"] = {"a": [1, None]}
            else:
                holder.insert(0, {"neverHeardOf": 1})

        yield change("removed", lambda: removed)
        yield change("other letters", lambda: renamed)
        yield change("unknown beside it", lambda: unknown)
        for note, make in VALUES.items():

            def put(make=make):
                def action(holder, name):
                    holder[name] = make()

                return action

            yield change(note, put)

        def twice(request, place=place, where=where):
            mark = "@twice@"
            marked = with_member(document, place, lambda holder, name: holder.update({mark: 0}) if isinstance(holder, dict) else None)
            text = written(marked).replace(f'"{mark}":0', f"{json.dumps(str(place[-1]))}:null")
            return request.but(f"{where}: twice", body=text.encode())

        yield twice


def of_documents(request):
    for note, body in DOCUMENTS.items():
        yield lambda it, note=note, body=body: it.but(f"body: {note}", body=body)
    whole = request.body
    for part in (1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        yield lambda it, part=part: it.but(f"body: first {part} bytes", body=whole[:part])
        yield lambda it, part=part: it.but(
            f"body: cut after {part} bytes", body=whole[:part], length=str(len(whole)), is_cut=True
        )
        yield lambda it, part=part: it.but(
            f"length: {part} too few", length=str(max(0, len(whole) - part))
        )
    for length in ("", "-1", "+5", "0x10", "1e3", "99999999999999999999999", "5, 5", "5,6"):
        yield lambda it, length=length: it.but(
            f"length: `{length}`", length=length, is_http=False
        )
    for note, chunks in {
        "a chunk": b"2\r\n{}\r\n0\r\n\r\n",
        "no size": b"\r\n{}\r\n0\r\n\r\n",
        "a size that is none": b"zz\r\n{}\r\n0\r\n\r\n",
        "a size beyond numbers": b"fffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "an extension": b"2;" + b"a" * 5000 + b"\r\n{}\r\n0\r\n\r\n",
        "trailers": b"2\r\n{}\r\n0\r\nA: b\r\n\r\n",
        "a length beside it": b"2\r\n{}\r\n0\r\n\r\n",
    }.items():

        def chunked(it, note=note, chunks=chunks):
            headers = it.header("Transfer-Encoding", "chunked")
            if note == "a length beside it":
                headers = (*headers, ("Content-Length", "2"))
            return it.but(f"chunks: {note}", headers=headers, body=chunks, length="", is_http=False)

        yield chunked


def of_patches():
    """JSON-Patch: every operation on every odd path."""
    for path in PATCHES:
        for op in ("add", "replace", "remove", "test", "move", "copy", "ADD", "", None, 1):
            for value in ("x", {"a": "b"}, None, -1, [{}]):

                def mutate(it, path=path, op=op, value=value):
                    step = {"op": op, "path": path, "value": value, "from": path}
                    note = f"patch: {op} {path[:40]!r} {value!r}"
                    return it.but(note, body=json.dumps([step]).encode())

                yield mutate
    for note, body in {
        "10,000 steps": [{"op": "add", "path": "/kvTags/a", "value": "b"}] * 10_000,
        "doubling": [{"op": "copy", "from": "/kvTags", "path": f"/kvTags/{n}"} for n in range(40)],
        "into itself": [{"op": "move", "from": "/kvTags", "path": "/kvTags/a"}],
        "no path": [{"op": "add", "value": 1}],
        "no op": [{"path": "/kvTags", "value": {}}],
        "no value": [{"op": "add", "path": "/kvTags"}],
        "merge patch": {"kvTags": {"a": None}},
        "steps that are none": [1, None, "x", [], {}],
    }.items():
        yield lambda it, note=note, body=body: it.but(
            f"patch: {note}", body=json.dumps(body).encode()
        )


def of_path(request):
    path, _, query = request.path.partition("?")
    segments = path.split("/")[1:]
    back = f"?{query}" if query else ""
    for number in range(len(segments)):
        for odd in SEGMENTS:

            def mutate(it, number=number, odd=odd):
                changed = [*segments[:number], odd, *segments[number + 1 :]]
                note = f"path: segment {number} is `{odd[:40]}`"
                return it.but(note, path="/" + "/".join(changed) + back, surface=None)

            yield mutate
    for note, changed in {
        "slash behind": path + "/",
        "slashes": path.replace("/", "//"),
        "upper case": path.upper(),
        "coded twice": quote(quote(path, safe="/"), safe="/"),
        "wholly coded": "/" + "".join(f"%{ord(c):02X}" for c in path[1:]),
        "dots inside": path.replace("/", "/./", 3),
        "backslashes": "/" + path[1:].replace("/", "%5C"),
        "asterisk": "*",
        "absolute": f"https://{request.host}{path}",
        "of another host": f"https://elsewhere.example{path}",
        "half": path[: len(path) // 2],
        "10,000 segments": "/a" * 4000,
        "too long": path + "/" + "a" * 9000,
    }.items():
        is_http = note not in ("asterisk", "too long")
        yield lambda it, note=note, changed=changed, is_http=is_http: it.but(
            f"path: {note}", path=changed + back, surface=None, is_http=is_http
        )


def of_query(request):
    joint = "&" if "?" in request.path else "?"
    for name in QUERY_NAMES:
        for value in QUERY_VALUES:
            yield lambda it, name=name, value=value: it.but(
                f"query: {name}={value[:40]}", path=f"{it.path}{joint}{name}={value}"
            )
    bare, _, query = request.path.partition("?")
    for note, changed in {
        "none": "",
        "one name": "?x",
        "marks": "?" * 50,
        "joints": "?" + "&" * 2000,
        "500 names": "?" + "&".join(f"a{n}={n}" for n in range(500)),
        "twice": f"?{query}&{query}",
        "cut": "?" + query[: len(query) // 2],
        "reversed": "?" + "&".join(reversed(query.split("&"))),
        "upper case": "?" + query.upper(),
    }.items():
        yield lambda it, note=note, changed=changed: it.but(f"query: {note}", path=bare + changed)
    for part in query.split("&"):
        name = part.split("=")[0]
        for value in QUERY_VALUES:
            changed = f"{bare}?{query.replace(part, f'{name}={value}', 1)}"
            yield lambda it, name=name, value=value, changed=changed: it.but(
                f"query: {name} becomes {value[:40]}", path=changed
            )


def of_headers():
    for name, values in HEADERS.items():
        for value in values:
            yield lambda it, name=name, value=value: it.but(
                f"header: {name}: {str(value)[:40]}", headers=it.header(name, value)
            )
    for note, more in {
        "101 of them": tuple((f"x-{n}", "y") for n in range(101)),
        "one of 20 KiB": (("x-long", "y" * 20_000),),
        "70 KiB": tuple((f"x-{n}", "y" * 7000) for n in range(10)),
        "a name that is none": (("a b", "c"),),
        "no name": (("", "c"),),
        "bytes": (("x-bytes", "\u00e4\u00ff"),),
        "a NUL": (("x-nul", "a\x00b"),),
        "a second host": (("Host", "elsewhere.example"),),
        "folded": (("x-folded", "a\r\n b"),),
    }.items():
        yield lambda it, note=note, more=more: it.but(
            f"headers: {note}", headers=(*it.headers, *more), is_http=False
        )
    for method in ("OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 100, "G E T", ""):
        yield lambda it, method=method: it.but(
            f"method: `{method}`", method=method, is_http=False, surface=None
        )


def of_route(request, route, seed):
    """Every hostile form of the request, in an order that the seed decides; then, without
    an end, two forms at once."""
    dice = random.Random(f"{seed} {route.name}")
    kinds = [list(of_path(request)), list(of_query(request)), list(of_headers())]
    bodies = []
    if route.method in ("PUT", "POST", "PATCH"):
        bodies = list(of_documents(request))
        try:
            bodies += of_members(json.loads(request.body))
        except ValueError:
            bodies += [
                lambda it, n=n: it.but(f"body: byte {n} is odd", body=it.body[:n] + b"\xff\x00" + it.body[n + 2 :])
                for n in range(0, len(request.body), 7)
            ]
        if route.method == "PATCH":
            bodies += of_patches()
        kinds.append(bodies)
    for kind in kinds:
        dice.shuffle(kind)
    number = 0
    # Bodies are most of the cases of what has one.
    turns = [0, 1, 2] if not bodies else [3, 0, 3, 1, 3, 3, 2, 3, 3]
    while any(kinds):
        kind = kinds[turns[number % len(turns)]]
        number += 1
        if kind:
            yield kind.pop()(request)
    while True:
        base = request
        for mutate in (*of_headers(),):
            if dice.random() < 0.03:
                base = mutate(base)
        yield base
