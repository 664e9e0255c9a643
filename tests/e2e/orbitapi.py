# SPDX-License-Identifier: Apache-2.0
"""What the tests of Orbit's API ask with: a darkroomd, or by environment a real OpenStack Swift.

Without further ado they ask a darkroomd of their own. A real Swift with tempauth is asked with

    DARKROOM_SWIFT_URL=http://127.0.0.1:8080/auth/v1.0 DARKROOM_SWIFT_USERS="test:tester=testing \\
        test:tester3=testing3 test2:tester2=testing2" pytest tests/e2e/test_orbit_*.py

naming an owner, somebody of the same account without rights, and an owner of another account."""
import hashlib
import http.client
import itertools
import json
import os
import urllib.parse

import pytest

from conftest import Answer, PATIENCE, Tenant

http.client._MAXHEADERS = 200  # pylint: disable=protected-access

REAL = os.environ.get("DARKROOM_SWIFT_URL")

# What is wanted to be different. name: (Orbit, Swift, reason)
DIFFERENCES = {
    "line break in a plain listing": ("a%0Ab", "a\nb", "a line of a listing is a name"),
    "longest container name": (255, 256, "api.md 7.1"),
    "control character in XML": ("\ufffd", None, "XML 1.0 has no such characters; Swift's is no XML"),
    "sums of a new object are there": (True, False, "Swift's account learns them later"),
    "an ETag in capitals": (201, 422, "an MD5 is a number"),
    "a segment without a path": (400, 500, "the mistake is in the request"),
    "quotas count at once": (True, False, "Swift's quotas see sums of up to a minute ago"),
    "unknown element in an ACL": (400, 204, "a mistyped id would grant nothing, silently"),
}


def expected(name):
    return DIFFERENCES[name][1 if REAL else 0]


def md5(data):
    return hashlib.md5(data).hexdigest()


def quote(name, safe="/"):
    return urllib.parse.quote(name, safe=safe)


class Store:
    """One account of a server, as one user."""

    def __init__(self, base, path, token):
        self.base, self.path, self.token = base, path, token

    @property
    def account(self):
        return self.path.rpartition("/")[2]

    def raw(self, method, target, headers=(), body=None):
        """Exactly this; without a body no length is said."""
        where = urllib.parse.urlsplit(self.base)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in dict(headers).items():
                connection.putheader(name, value.encode() if isinstance(value, str) else value)
            if body is not None and "Transfer-Encoding" not in dict(headers) \
                    and "Content-Length" not in dict(headers):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            if body:
                connection.send(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def __call__(self, method, tail="", headers=(), body=None, token="own"):
        sent = dict(headers)
        if token:
            sent["X-Auth-Token"] = self.token if token == "own" else token
        if body is None and method in ("PUT", "POST"):
            body = b""
        return self.raw(method, self.path + tail, sent, body)

    def anonymous(self, method, tail="", headers=(), body=None):
        return self(method, tail, headers, body, token=None)

    def put(self, tail, body=b"", **headers):
        answer = self("PUT", tail, {k.replace("_", "-"): v for k, v in headers.items()}, body)
        assert answer.status in (201, 202), answer
        return answer

    def json(self, tail):
        joined = tail + ("&" if "?" in tail else "?") + "format=json"
        answer = self("GET", joined)
        assert answer.status == 200, answer
        return answer.json()

    def names(self, tail):
        return [item.get("name", item.get("subdir")) for item in self.json(tail)]


def sign_in(url, user, key):
    where = urllib.parse.urlsplit(url)
    base = f"{where.scheme}://{where.netloc}"
    answer = Store(base, "", "").raw("GET", where.path, {"X-Auth-User": user, "X-Auth-Key": key})
    assert answer.status in (200, 204), answer
    storage = urllib.parse.urlsplit(answer.header("X-Storage-Url"))
    return Store(base, storage.path, answer.header("X-Auth-Token"))


@pytest.fixture(scope="module")
def people(request):
    """owner, helper (of the same account, without rights), stranger (who owns another account)."""
    if REAL:
        pairs = [p.partition("=")[::2] for p in os.environ["DARKROOM_SWIFT_USERS"].split()]
        stores = [sign_in(REAL, user, key) for user, key in pairs]
        names = [pairs[1][0], pairs[2][0].partition(":")[0], pairs[2][0]]
    else:
        daemon = request.getfixturevalue("daemon")
        tenant, other = Tenant(daemon), Tenant(daemon)
        client = daemon.admin("client", "create", tenant.account, "--group", "storage")
        url = f"{daemon.base}/v1"
        stores = [sign_in(url, tenant.client, tenant.secret),
                  sign_in(url, client["id"], client["secret"]),
                  sign_in(url, other.client, other.secret)]
        names = [f"{tenant.account}:{client['id']}", other.account, f"{other.account}:{other.client}"]
    stores[1].acl, stores[2].acl, stores[2].exact_acl = names
    return stores


@pytest.fixture(scope="module")
def swift(people):
    return people[0]


numbers = itertools.count(1)


@pytest.fixture
def box(swift):
    """The path of a new container, empty again and gone afterwards."""
    name = f"/box-{os.getpid()}-{next(numbers)}"
    swift.put(name)
    yield name
    for item in swift.names(name):
        swift("DELETE", f"{name}/{quote(item)}")
    swift("DELETE", name)


@pytest.fixture
def segments(swift, box):
    for n in (1, 2, 3):
        swift.put(f"{box}/seg/{n}", str(n).encode() * 5)
    return box


def manifest_of(box, *numbers, **more):
    return [{"path": f"{box}/seg/{n}", "etag": md5(str(n).encode() * 5), "size_bytes": 5, **more} for n in numbers]


def put_static(swift, path, segments, headers=()):
    return swift("PUT", path + "?multipart-manifest=put", headers, json.dumps(segments).encode())


WHOLE = b"111112222233333"
WHOLE_ETAG = '"' + md5("".join(md5(n * 5) for n in (b"1", b"2", b"3")).encode()) + '"'
