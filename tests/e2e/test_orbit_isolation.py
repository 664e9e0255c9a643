# SPDX-License-Identifier: Apache-2.0
"""The isolation matrix of Orbit and of its SFTP door, walked: every row of orbit_matrix.py, everybody
who may ask. Where somebody is refused, nothing has changed, nothing was told, and what is not theirs
to know answers as what never was."""
import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import sqlite3
import struct
import subprocess
import time
import urllib.parse

import orbit_matrix as matrix
import paramiko
import pytest
import sftp
from conftest import BIN, PATIENCE, Answer, Daemon, Tenant
from orbitapi import sign_in

CONTENT = b"secret-content"
NAME = "secret-o"
KEY, SECOND_KEY, THEIR_KEY = "secret-key", "secret-second-key", "key-of-B"
UNSTEADY = {"Date", "X-Trans-Id", "X-Request-Id", "Last-Modified", "X-Timestamp", "X-Delete-At", "X-Manifest-Etag"}
EXPIRES = str(int(time.time()) + 3600)


class World:
    """Tenant A with its things, tenant B, and everybody's tokens."""

    def __init__(self, daemon, source):
        self.daemon = daemon
        self.a, self.b, self.c = Tenant(daemon), Tenant(daemon), Tenant(daemon)
        self.sto, self.peer, self.other_sto = (self.storage(t) for t in (self.a, self.a, self.b))
        self.revoked = daemon.admin("client", "create", self.a.account)
        self.left = daemon.admin("user", "create", f"left{self.a.account}@example.com", "--account", self.a.account)
        self.names = {"A": self.a.account, "B": self.b.account, "C": self.c.account, "own": self.a.client,
                      "sto": self.sto["id"], "oth": self.b.client, "oth-user": self.b.user,
                      "oth-sto": self.other_sto["id"]}
        self.owner = self.sign_in(self.a.client, self.a.secret)
        self.them = self.sign_in(self.b.client, self.b.secret)
        self.columns = self.make_columns()
        self.make_images(source)
        self.make_places()

    def storage(self, tenant):
        return self.daemon.admin("client", "create", tenant.account, "--group", "storage")

    def sign_in(self, user, secret, account=""):
        return sign_in(f"{self.daemon.base}/v1{account and '/' + account}", user, secret)

    def sql(self, *statement):
        with contextlib.closing(sqlite3.connect(self.daemon.data / "catalogue.sqlite", timeout=30)) as db, db:
            db.execute(*statement)

    def expired(self):
        token = self.sign_in(self.a.client, self.a.secret).token
        self.sql("UPDATE tokens SET expires_at = 1 WHERE hash = ?", (hashlib.sha256(token.encode()).hexdigest(),))
        return token

    def of_revoked(self):
        token = self.sign_in(self.revoked["id"], self.revoked["secret"]).token
        self.a.api()("DELETE", f"/1.0/api_clients/{self.revoked['id']}", expect=200)
        return token

    def of_left(self):
        """Of a user whose password was changed since."""
        token = self.sign_in(self.left["email"], self.left["password"]).token
        subprocess.run([BIN / "darkroomd", "admin", "user", "password", self.left["email"], "--data",
                        self.daemon.data], input="another password\n", text=True, check=True, capture_output=True)
        return token

    def make_columns(self):
        """{column: {name: token}}"""
        self.sql("INSERT INTO memberships (account, position, user_id) VALUES (?, 9, ?)",
                 (self.a.account, self.c.user))
        self.narrow, self.outdated = self.a.api(scope="infrastructure").token, self.expired()
        return {
            "anon": {"nobody": None},
            "stale": {"invented": "0" * 40, "expired": self.outdated, "left": self.of_left()},
            "narrow": {"narrow": self.narrow},
            "own": {"client": self.owner.token, "client by OAuth": self.a.api().token,
                    "user": self.a.user_api().token, "revoked": self.of_revoked(),
                    "collaborator": self.sign_in(self.c.email, self.c.password, self.a.account).token},
            "sto": {"storage client": self.sign_in(self.sto["id"], self.sto["secret"]).token},
            "none": {"peer": self.sign_in(self.peer["id"], self.peer["secret"]).token,
                     "third": self.sign_in(self.c.client, self.c.secret).token},
            "oth": {"client": self.them.token, "user": self.b.user_api().token,
                    "storage client": self.sign_in(self.other_sto["id"], self.other_sto["secret"]).token},
            "temp": {"temporary URL": None},
        }

    def make_images(self, source):
        """A private one, one for everybody, and one for everybody that is deprecated."""
        source.files["isolation.raw"] = hashlib.sha256(b"isolation").digest() * 2048
        api = self.a.api()
        for name in ("image", "public", "deprecated"):
            made = api.register(source.url("isolation.raw"), name=f"secret-{name}", public=name != "image")
            self.names[name] = api.settled(made)["id"]
        api("PUT", f"/1.0/images/{self.names['deprecated']}", {"status": "deprecated"}, 200)

    def make_places(self):
        self.owner("POST", headers={"X-Account-Meta-Temp-Url-Key": KEY, "X-Account-Meta-Secret": "secret-meta"})
        self.them("POST", headers={"X-Account-Meta-Temp-Url-Key": THEIR_KEY})
        for place in [*matrix.PLACES, *matrix.PLACES]:  # the second time, manifests have all their segments
            self.tidy(place)
        self.restore("none")
        self.them.put("/open", X_Container_Read=".r:*", X_Container_Write="*:*")
        self.them.put("/open/b", b"their content")
        self.before = self.seen()

    def fill(self, text, **more):
        return text.format_map({**self.names, **more})

    # ---- as it was ----

    def restore(self, place):
        """The container as it is to be found, and the account."""
        self.owner("POST", headers={"X-Account-Meta-Temp-Url-Key": KEY, "X-Account-Meta-Temp-Url-Key-2": SECOND_KEY,
                                    "X-Account-Meta-New": ""})
        for one in ("none", place, "write"):  # what is copied, and manifests, are in write
            self.tidy(one)

    def tidy(self, place):
        at = f"/{place}"
        if place == "none":
            for name in self.owner.names(at) if self.owner("HEAD", at).status == 204 else ():
                self.owner("DELETE", f"{at}/{name}")
            self.owner("DELETE", at)
        if place not in matrix.PLACES:
            return
        acl = {"X-Container-Read": "", "X-Container-Write": "", **matrix.PLACES[place]}
        assert self.owner("PUT", at, {**{k: self.fill(v) for k, v in acl.items()}, "X-Container-Meta-New": "",
                                      "X-Container-Meta-Temp-Url-Key": f"secret-key-of-{place}",
                                      "X-Container-Meta-Temp-Url-Key-2": "",
                                      "X-Container-Meta-Secret": "secret-meta"}).status in (201, 202)
        there = self.owner.names(at)
        for name in there:
            if name != NAME and not name.startswith(("static-", "dynamic-")):
                self.owner("DELETE", f"{at}/{urllib.parse.quote(name)}")
        self.owner.put(f"{at}/{NAME}", CONTENT, X_Object_Meta_Secret="secret-meta", X_Delete_After="100000",
                       Content_Type="secret/type")
        for other in matrix.PLACES:
            if place == "list" and f"dynamic-{other}" not in there:
                self.owner.put(f"{at}/dynamic-{other}", X_Object_Manifest=f"{other}/secret-")
            if place in ("list", "write") and f"static-{other}" not in there:
                segments = json.dumps([{"path": f"/{other}/{NAME}"}]).encode()
                self.owner("PUT", f"{at}/static-{other}?multipart-manifest=put", {}, segments)

    def seen(self):
        """Everything of A that its owner can see, without the times (and manifests' MD5s, which are
        of their segments' times)."""
        def headers(answer):
            return sorted((n, v) for n, v in answer.headers if n not in UNSTEADY)
        found = {"": headers(self.owner("HEAD"))}
        for place in self.owner.names(""):
            found[place] = headers(self.owner("HEAD", f"/{place}"))
            for item in self.owner.json(f"/{place}"):
                path = f"/{place}/{item['name']}"
                told = {k: v for k, v in item.items()
                        if k != "last_modified" and (k != "hash" or not item["name"].startswith("static-"))}
                found[path] = told, headers(self.owner("HEAD", path))
        return found

    def changes(self):
        """What is not as it was."""
        before, self.before = self.before, self.seen()
        return [(what, before.get(what), self.before.get(what)) for what in {*before, *self.before}
                if before.get(what) != self.before.get(what)]

    # ---- asking ----

    def target(self, verb, place, name=NAME):
        """(method, target, headers, body) of a verb at a place, for an object."""
        method, target, headers, body = matrix.VERBS[verb]
        image = place == "images" and name == NAME
        known = {"place": place, "at": f"/v1/{self.a.account}/{place}",
                 "o": self.names["image"] if image else name, "new": "new"}
        return (method, self.fill(target, **known), {n: self.fill(v, **known) for n, v in headers.items()},
                None if body is None else self.fill(body, **known).encode())

    def ask(self, column, token, request):
        method, target, headers, body = request
        if column == "temp":
            path, _, query = target.partition("?")
            sent = {"temp_url_sig": signature(KEY, method, path), "temp_url_expires": EXPIRES}
            target = f"{path}?{urllib.parse.urlencode(sent)}{query and '&' + query}"
        if token:
            headers = {**headers, "X-Auth-Token": token}
        return self.owner.raw(method, target, headers, body)


def signature(key, method, path):
    return hmac.new(key.encode(), f"{method}\n{EXPIRES}\n{path}".encode(), "sha256").hexdigest()


def said(answer: Answer):
    """What somebody can tell answers apart by."""
    return answer.status, [h for h in answer.headers if h[0] not in ("Date", "X-Trans-Id", "X-Request-Id")], answer.body


def verdict(verb, answer):
    """The status that a cell is about."""
    if answer.body.startswith(b'{"Number Deleted"'):
        told = answer.json()
        return told["Errors"][0][1][:3] if told["Errors"] else "204" if told["Number Deleted"] else "404"
    if verb == "PUT static of" and answer.body.startswith(b"Errors:"):
        return answer.body.decode().split(", ")[1][:3]
    return str(answer.status)


def is_refusal(column, cell):
    return cell in ("401", "403") and column != "own" or cell in ("400", "405")


def says_nothing(answer):
    text = repr(answer.headers).encode() + answer.body
    return b"secret" not in text and b"cli-" not in text and b"acc-" not in text


@pytest.fixture(scope="module")
def world(tmp_path_factory, source):
    made = Daemon(tmp_path_factory.mktemp("isolation"), "sftp.delay_seconds=0", "sftp.tries=100000",
                  "orbit.expire_interval=1h").start()
    yield World(made, source)
    assert made.process.poll() is None, made.log.read_text()[-4000:]
    assert made.stop() == 0


HTTP = list(matrix.walk(matrix.HTTP))


def test_the_table_has_every_verb_and_every_place():
    assert {verb for verb, _, _ in HTTP} == set(matrix.VERBS)
    for verb, request in matrix.VERBS.items():
        walked = [place for v, place, _ in HTTP if v == verb]
        assert len(walked) == len(set(walked)), verb
        assert any(word in repr(request) for word in ("{at}", "{place}")) == (walked != ["-"]), verb
    assert {tuple(cells) for _, _, cells in HTTP} == {tuple(matrix.COLUMNS)}


@pytest.mark.parametrize("verb", matrix.VERBS)
def test_http(world, verb):
    walked = [(place, cells) for v, place, cells in HTTP if v == verb]
    wrong = []
    for place, cells in walked:
        for column, token, cell in everybody(world, verb, cells, refused=True):
            answer = world.ask(column, token, world.target(verb, place))
            if verdict(verb, answer) != cell:
                wrong.append((place, column, cell, answer))
            elif cell in ("401", "403"):
                wrong += tells(world, verb, place, column, token, answer)
    assert not wrong, report(wrong)
    assert not world.changes()
    for place, cells in walked:
        for column, token, cell in everybody(world, verb, cells, refused=False):
            answer = world.ask(column, token, world.target(verb, place))
            if verdict(verb, answer) != cell:
                wrong.append((place, column, cell, answer))
            elif column != "own" and not keeps_private(column, answer):
                wrong.append((place, column, "tells", answer))
            if not verb.startswith(("GET", "HEAD", "OPTIONS")):
                world.restore(place)
                world.them("DELETE", "/open/new")
    assert not wrong, report(wrong)
    assert not world.changes()


def everybody(world, verb, cells, refused):
    """(column, token, cell) of who are refused, or of the others."""
    asking = []
    for column, callers in world.columns.items():
        for who, token in callers.items():
            stranger = who == "collaborator" and "{B}" in matrix.VERBS[verb][1]
            as_whom = "none" if stranger else column
            if is_refusal(as_whom, cells[as_whom]) == refused:
                asking.append((as_whom, token, cells[as_whom]))
    return asking


def report(wrong):
    return "\n" + "\n".join(map(str, wrong))


def tells(world, verb, place, column, token, answer):
    """Where a refusal tells more than that: what is not there must answer the same."""
    wrong = [] if verb in ECHOES or says_nothing(answer) else [(place, column, "leaks", answer)]
    for twin in twins(world, verb, place, column):
        other = world.ask(column, token, twin)
        if said(other) != said(answer):
            wrong.append((place, column, "differs", answer, other))
    return wrong


# Their answers name what was asked for; their verdicts are compared.
ECHOES = {"PUT static of", "bulk delete", "bulk DELETE"}
READS_FIRST = {"COPY from", "COPY from, to B", "PUT X-Copy-From"}


def twins(world, verb, place, column):
    """The same of what is not there: an account, an object, a container."""
    method, target, headers, body = world.target(verb, place)
    if place == "-":
        return [(method, target.replace(world.a.account, "acc-zzzzz"), headers, body)]
    if "{at}" not in matrix.VERBS[verb][1] or verb in ECHOES:
        return []
    missing = [] if verb in READS_FIRST and place in ("read", "list") else [world.target(verb, place, "nothing")]
    visible = place in ("read", "list", "write") or column == "temp"
    return missing if visible else [*missing, world.target(verb, "none")]


def keeps_private(column, answer):
    """Who is not the owner sees neither keys nor ACLs; by a temporary URL no metadata either."""
    names = {n.lower() for n in answer.names()}
    text = repr(answer.headers)
    return (not names & {"x-container-read", "x-container-write"} and "secret-key" not in text
            and (column != "temp" or "secret-meta" not in text))


# ---- access lists ----

def visitors(world):
    """{column of GRANTS: headers}"""
    def token(value, **more):
        return {"X-Auth-Token": value, **more}
    sto, (other, user, other_sto) = world.columns["sto"]["storage client"], world.columns["oth"].values()
    foe = {"Referer": "https://bad.friends.example/page"}
    return {"anon": {}, "friend": {"Referer": "http://www.friends.example/"}, "foe": foe, "sto": token(sto),
            "sto+foe": token(sto, **foe), "peer": token(world.columns["none"]["peer"]), "oth": token(other),
            "oth-user": token(user), "oth-sto": token(other_sto), "third": token(world.columns["none"]["third"])}


def granted(world, headers):
    """What somebody can do in `closed`, as a letter of GRANTS."""
    at = f"{world.owner.path}/closed"
    reads = world.owner.raw("GET", f"{at}/{NAME}", headers)
    lists = world.owner.raw("GET", at, headers)
    writes = world.owner.raw("PUT", f"{at}/{NAME}", headers, CONTENT)
    assert {reads.status, lists.status, writes.status} <= {200, 201, 401, 403}
    assert all(says_nothing(answer) for answer in (reads, lists, writes) if answer.status > 400)
    return {(True, False, False): "r", (True, True, False): "l", (False, False, True): "w",
            (False, False, False): "-"}[reads.status == 200, lists.status == 200, writes.status == 201]


@pytest.mark.parametrize("revoked", [{"X-Container-{}": ""}, {"X-Remove-Container-{}": "x"}],
                         ids=["emptied", "removed"])
@pytest.mark.parametrize("kind,acl,cells", [(kind, acl, cells) for kind, acl, *cells in matrix.rows(matrix.GRANTS)])
def test_grants_and_their_end(world, kind, acl, cells, revoked):
    names = matrix.lines(matrix.GRANTS)[0].split()[2:]
    expected = dict(zip(names, cells))
    assert set(expected) == set(visitors(world)) and len(cells) == len(names)
    world.restore("closed")
    assert world.owner("POST", "/closed", {f"X-Container-{kind}": world.fill(acl)}).status == 204
    assert {name: granted(world, headers) for name, headers in visitors(world).items()} == expected
    assert world.owner("POST", "/closed", {k.format(kind): v for k, v in revoked.items()}).status == 204
    assert {granted(world, headers) for headers in visitors(world).values()} == {"-"}


def test_a_token_of_before_is_refused_after_the_grant_ends(world):
    """Nothing about rights is in a token: storage clients are what their group is now."""
    made = world.storage(world.a)
    headers = {"X-Auth-Token": world.sign_in(made["id"], made["secret"]).token}
    api = world.a.api()
    assert granted(world, headers) == "-"
    api("PUT", f"/1.0/api_clients/{made['id']}", {"permissions_group": "full"}, 200)
    assert world.owner.raw("GET", f"{world.owner.path}/closed/{NAME}", headers).status == 200
    api("PUT", f"/1.0/api_clients/{made['id']}", {"permissions_group": "storage"}, 200)
    assert granted(world, headers) == "-"


@pytest.mark.parametrize("kind,acl", matrix.NO_ACLS)
def test_acls_that_are_none_change_nothing(world, kind, acl):
    world.restore("closed")
    for method in ("PUT", "POST"):
        assert world.owner(method, "/closed", {f"X-Container-{kind}": world.fill(acl)}).status == 400
    assert not world.changes()


# ---- temporary URLs ----

@pytest.mark.parametrize("row", matrix.rows(matrix.TEMPURLS), ids=" ".join)
def test_temporary_urls(world, row):
    key, signed_method, signed, method, path, extra, status = row
    world.owner("POST", headers={"X-Account-Meta-Temp-Url-Key": "secret-old-key"})
    world.restore("closed")
    keys = {"A": KEY, "A2": SECOND_KEY, "B": THEIR_KEY, "old": "secret-old-key", "nobody": ""}
    whole = f"{world.owner.path}/{world.fill(signed.removeprefix('~'))}".removesuffix("/.")
    if signed.startswith("~"):
        whole = f"prefix:{whole}"
    sent = {"temp_url_sig": signature(keys.get(key, f"secret-key-of-{key}"), signed_method, whole),
            "temp_url_expires": EXPIRES}
    target = f"{world.owner.path}/{world.fill(path)}".removesuffix("/.") + "?" + urllib.parse.urlencode(sent)
    headers = {}
    if extra.startswith("?"):
        target += f"&{extra[1:]}"
    elif extra != "-":
        headers = dict([extra.split(":", 1)])
    answer = world.owner.raw(method, target, headers, b"changed" if method in ("PUT", "POST") else None)
    assert str(answer.status) == status, answer
    if answer.status >= 400:
        assert says_nothing(answer) and sent["temp_url_sig"].encode() not in answer.body
        assert not world.changes()
    assert keeps_private("temp", answer)
    world.restore("closed")


def test_a_transfer_that_has_begun_may_finish(world):
    """Its right is asked at its start: keys and ACLs that end meanwhile stop the next one."""
    world.owner.put("/write/large", bytes(30_000_000))
    query = {"temp_url_sig": signature(KEY, "GET", f"{world.owner.path}/write/large"), "temp_url_expires": EXPIRES}
    where = urllib.parse.urlsplit(world.daemon.base)
    reads = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
    reads.request("GET", f"{world.owner.path}/write/large?{urllib.parse.urlencode(query)}")
    answer = reads.getresponse()
    writes = socket.create_connection((where.hostname, where.port), timeout=PATIENCE)
    writes.sendall(f"PUT {world.owner.path}/write/new HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {world.them.token}\r\n"
                   "Content-Length: 7\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
    assert writes.recv(1000).startswith(b"HTTP/1.1 100 ")
    world.owner("POST", headers={"X-Account-Meta-Temp-Url-Key": ""})
    world.owner("POST", "/write", {"X-Container-Write": ""})
    assert answer.status == 200 and len(answer.read()) == 30_000_000
    writes.sendall(b"changed")
    assert writes.recv(1000).startswith(b"HTTP/1.1 201 ")
    assert world.owner.raw("GET", f"{world.owner.path}/write/large?{urllib.parse.urlencode(query)}").status == 401
    refused = world.owner.raw("PUT", f"{world.owner.path}/write/new", {"X-Auth-Token": world.them.token}, b"")
    assert refused.status == 403
    reads.close()
    writes.close()
    world.restore("write")
    assert not world.changes()


# ---- other ways ----

@pytest.mark.parametrize("method,path,status", matrix.rows(matrix.ESCAPES))
def test_paths_into_other_accounts(world, method, path, status):
    for token in world.columns["oth"].values():
        if "{B}" in path and token == world.columns["oth"]["storage client"]:
            continue  # a stranger in its own account
        answer = world.owner.raw(method, world.fill(path), {"X-Auth-Token": token},
                                 b"" if method in ("PUT", "POST") else None)
        assert str(answer.status) == status, answer
        assert b"secret" not in answer.body and "secret" not in repr(answer.headers)
    assert not world.changes()


@pytest.mark.parametrize("name", matrix.FOREIGN_NAMES)
def test_names_in_other_accounts(world, name):
    """In lines to delete, in manifests and as sources of copies, B's client names what is A's."""
    name = world.fill(name)
    for method in ("POST", "DELETE"):
        answer = world.them(method, "?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                            f"{name}\n".encode())
        assert answer.status == 200 and answer.json()["Number Deleted"] == 0, answer
    for put in (lambda: world.them("PUT", "/open/new?multipart-manifest=put", {},
                                   json.dumps([{"path": name}]).encode()),
                lambda: world.them("PUT", "/open/new", {"X-Copy-From": name}, b"")):
        assert 400 <= put().status < 500
        assert world.them("HEAD", "/open/new").status == 404
    answer = world.them("PUT", "/open/new", {"X-Object-Manifest": name.lstrip("/")}, b"")
    if answer.status == 201:  # a prefix of what is not there
        answer = world.them("GET", "/open/new")
        assert answer.status in (404, 409) or answer.body == b"", answer
        assert CONTENT not in answer.body
    world.them("DELETE", "/open/new")
    assert not world.changes()


# ---- SFTP ----

CODES = {sftp.OK: "ok", sftp.NO_SUCH_FILE: "no", sftp.DENIED: "den", sftp.FAILURE: "fail", sftp.UNSUPPORTED: "uns"}
OVERWRITE, ADD = sftp.WRITE | sftp.CREATE | sftp.TRUNCATE, sftp.WRITE | sftp.CREATE
SIZE, OWNER, MODE, TIME = (struct.pack(">IQ", 1, 0), struct.pack(">III", 2, 1, 1), struct.pack(">II", 4, 0o600),
                           struct.pack(">III", 8, 1, 1))
NO_ATTRIBUTES = struct.pack(">I", 0)


class Session(sftp.Raw):
    """Verbs; each gives what the table calls the answer, and all of a refusal."""

    def one(self, kind, *strings, rest=b""):
        got, told = self.ask(kind, b"".join(map(sftp.text, strings)) + rest)
        code = struct.unpack(">I", told[:4])[0] if got == 101 else sftp.OK
        return CODES.get(code, code), told

    def extended(self, name, *strings):
        return self.one(200, f"{name}@openssh.com", *strings)

    def listed(self, path):
        """The names, or the first refusal."""
        answer, told = self.one(11, path)
        if answer != "ok":
            return answer, told
        handle, names = told[4:], []
        while True:
            got, told = self.ask(12, sftp.text(handle))
            if got == 101:
                self.close_handle(handle)
                code = struct.unpack(">I", told[:4])[0]
                return ("ok", sorted(names)) if code == sftp.END else (CODES[code], told)
            names += names_of(told)

    def transfer(self, path, flags, keep_time=False):
        answer, told = self.one(3, path, rest=struct.pack(">II", flags, 0))
        if answer != "ok":
            return answer, told
        handle = told[4:]
        if flags & sftp.WRITE:
            assert self.write(handle, 0, b"changed") == sftp.OK
            assert not keep_time or self.one(10, handle, rest=TIME)[0] == "ok"
        else:
            got, told = self.ask(5, sftp.text(handle) + struct.pack(">QI", 0, 100))
            assert got == 103 and told[4:]
        return self.one(4, handle)


def names_of(told):
    count, = struct.unpack(">I", told[:4])
    at, names = 4, []
    for _ in range(count):
        for part in ("name", "long name"):
            length, = struct.unpack(">I", told[at:at + 4])
            if part == "name":
                names.append(told[at + 4:at + 4 + length].decode())
            at += 4 + length
        assert struct.unpack(">I", told[at:at + 4])[0] == 0xF  # size, owner, mode, times
        at += 32
    return names


# at: the container; o: its object; new: none yet. `sto-both` has what is moved elsewhere.
VERBS = {
    "stat": lambda s, at, o, new: s.one(17, at),
    "lstat": lambda s, at, o, new: s.one(7, at),
    "ls": lambda s, at, o, new: s.listed(at),
    "mkdir": lambda s, at, o, new: s.one(14, at, rest=NO_ATTRIBUTES),
    "rmdir": lambda s, at, o, new: s.one(15, at),
    "df": lambda s, at, o, new: s.extended("statvfs", at),
    "rename dir": lambda s, at, o, new: s.one(18, at, "/renamed"),
    "stat object": lambda s, at, o, new: s.one(17, o),
    "get": lambda s, at, o, new: s.transfer(o, sftp.READ),
    "put": lambda s, at, o, new: s.transfer(o, OVERWRITE),
    "put new": lambda s, at, o, new: s.transfer(new, OVERWRITE),
    "put -p": lambda s, at, o, new: s.transfer(new, OVERWRITE, keep_time=True),
    "append": lambda s, at, o, new: s.transfer(o, ADD),
    "rm": lambda s, at, o, new: s.one(13, o),
    "mkdir in": lambda s, at, o, new: s.one(14, new, rest=NO_ATTRIBUTES),
    "rmdir object": lambda s, at, o, new: s.one(15, o),
    "rename from": lambda s, at, o, new: s.one(18, o, "/sto-both/moved"),
    "rename to": lambda s, at, o, new: s.one(18, f"/sto-both/{NAME}", new),
    "rename over": lambda s, at, o, new: s.extended("posix-rename", f"/sto-both/{NAME}", o),
    "set time": lambda s, at, o, new: s.one(9, o, rest=TIME),
    "set mode": lambda s, at, o, new: s.one(9, o, rest=MODE),
    "set id": lambda s, at, o, new: s.one(9, o, rest=struct.pack(">II", 4, 0o4755)),
    "set owner": lambda s, at, o, new: s.one(9, o, rest=OWNER),
    "set size": lambda s, at, o, new: s.one(9, o, rest=SIZE),
    "readlink": lambda s, at, o, new: s.one(19, o),
    "symlink": lambda s, at, o, new: s.one(20, new, o),
    "symlink to": lambda s, at, o, new: s.one(20, o, "/../../etc/passwd"),
    "hardlink": lambda s, at, o, new: s.extended("hardlink", o, new),
}
SFTP = list(matrix.walk(matrix.SFTP))


@pytest.fixture(scope="module")
def sessions(world):
    with contextlib.ExitStack() as stack:
        yield {column: stack.enter_context(Session(world.daemon, *login)) for column, login in {
            "own": (world.a.client, world.a.secret), "user": (world.a.email, world.a.password),
            "sto": (world.sto["id"], world.sto["secret"]), "none": (world.peer["id"], world.peer["secret"]),
            "oth": (world.b.client, world.b.secret)}.items()}


def perform(world, session, verb, place, name=NAME):
    image = place == "images" and name == NAME
    return VERBS[verb](session, f"/{place}", f"/{place}/{world.names['image'] if image else name}", f"/{place}/new")


def put_back(world, sessions, place):
    if world.owner("HEAD", "/renamed").status == 204:
        assert sessions["own"].one(18, "/renamed", f"/{place}")[0] == "ok"
    world.restore(place)
    world.tidy("sto-both")
    if place != "images":
        world.them("DELETE", f"/{place}")


def test_the_sftp_table_has_every_verb():
    assert {verb for verb, _, _ in SFTP} == set(VERBS)
    assert len(SFTP) == len({(verb, place) for verb, place, _ in SFTP})


@pytest.mark.parametrize("verb", VERBS)
def test_sftp(world, sessions, verb):
    walked = [(place, cells) for v, place, cells in SFTP if v == verb]
    seen = {(place, column) for v, place, cells in SFTP if v in ("stat", "stat object")
            for column, cell in cells.items() if cell == "ok"}
    wrong = []
    for place, cells in walked:
        for column in [c for c in sessions if cells[c] != "ok"]:
            answer, told = perform(world, sessions[column], verb, place)
            if answer != cells[column] or b"secret" in told or b"acc-" in told:
                wrong.append((place, column, cells[column], answer, told))
            elif answer in ("no", "den") and (place, column) not in seen:
                wrong += [(place, column, "differs", told, other) for other in (
                    perform(world, sessions[column], verb, place, "nothing")[1],
                    perform(world, sessions[column], verb, "none")[1]) if other != told]
    assert not wrong, report(wrong)
    assert not world.changes()
    for place, cells in walked:
        for column in [c for c in sessions if cells[c] == "ok"]:
            answer, told = perform(world, sessions[column], verb, place)
            if answer != "ok":
                wrong.append((place, column, "ok", answer, told))
            put_back(world, sessions, place)
    assert not wrong, report(wrong)
    assert not world.changes()


def test_roots(world, sessions):
    everything = ("ok", sorted([*matrix.PLACES, "images"]))
    expected = {"own": everything, "user": everything, "sto": ("ok", []), "none": ("ok", []),
                "oth": ("ok", ["images", "open"])}
    for path in ("/", "", "..", "/../..", "//", "/images/..", "/closed/../../.."):
        assert {column: session.listed(path) for column, session in sessions.items()} == expected
    assert sessions["oth"].listed("/images") == ("ok", [])


@pytest.mark.parametrize("path,clean", matrix.SFTP_ESCAPES.items())
def test_sftp_paths_into_other_accounts(world, sessions, path, clean):
    session = sessions["oth"]
    path, clean = world.fill(path), world.fill(clean)
    answer, told = session.one(16, path)
    assert answer == "ok" and told[8:8 + len(clean)] == clean.encode() and \
        struct.unpack(">I", told[4:8])[0] == len(clean)
    read_only = "den" if clean.startswith("/images/") else "no"
    for verb, action in VERBS.items():
        answer, told = action(session, path, path, path)
        if verb in ("set id", "set owner", "set size", "readlink", "symlink", "symlink to", "hardlink"):
            assert answer == "uns", verb
        elif verb == "df":
            assert answer == "ok"  # the session's own account's, whatever the path
        else:
            writes = verb in ("put", "put new", "put -p", "append", "mkdir", "mkdir in", "rename to", "rename over")
            assert answer in ({"no", read_only} if writes else {"no"}), (verb, answer)
        assert b"secret-content" not in told
    for verb in ("rename to", "rename over"):
        assert session.one(18, "/open/b", path)[0] == read_only
        assert session.extended("posix-rename", "/open/b", path)[0] == read_only
    assert not world.changes()


@pytest.mark.parametrize("name,secret,account", matrix.rows(matrix.LOGINS))
def test_sftp_logins(world, name, secret, account):
    known = {"own-secret": world.a.secret, "own-token": world.owner.token, "email": world.a.email,
             "user": world.a.user, "password": world.a.password, "user-token": world.columns["own"]["user"],
             "collaborator": world.c.email, "c-password": world.c.password, "sto-secret": world.sto["secret"],
             "oth-secret": world.b.secret, "oth-token": world.them.token, "narrow": world.narrow,
             "expired": world.outdated, "invented": "0" * 40, "revoked": world.revoked["id"],
             "revoked-secret": world.revoked["secret"], "revoked-token": world.columns["own"]["revoked"],
             "left": world.left["email"], "left-password": world.left["password"]}
    name, secret = world.fill(name, **known), world.fill(secret, **known)
    if account == "-":
        with pytest.raises(paramiko.AuthenticationException), Session(world.daemon, name, secret):
            pass
        return
    with Session(world.daemon, name, secret) as session:
        inside = {"A": session.one(17, "/sto-read")[0], "B": session.one(17, "/open")[0]}
    assert [of for of, answer in inside.items() if answer == "ok"] == [account][account == "C":]


def test_sftp_sees_the_end_of_a_grant(world, sessions):
    session = sessions["sto"]
    assert session.transfer(f"/sto-read/{NAME}", sftp.READ)[0] == "ok"
    world.owner("POST", "/sto-read", {"X-Container-Read": ""})
    assert session.transfer(f"/sto-read/{NAME}", sftp.READ)[0] == "den"
    assert session.listed("/sto-read")[0] == session.one(17, "/sto-read")[0] == "den"
    world.restore("sto-read")


def test_handles_belong_to_the_session(world, sessions):
    answer, told = sessions["own"].one(3, f"/closed/{NAME}", rest=struct.pack(">II", sftp.READ, 0))
    assert answer == "ok"
    handle = told[4:]
    for column in ("sto", "oth", "user"):
        assert sessions[column].status(5, sftp.text(handle) + struct.pack(">QI", 0, 100)) == sftp.FAILURE
        assert sessions[column].close_handle(handle) == sftp.FAILURE
    assert sessions["own"].close_handle(handle) == sftp.OK
