# SPDX-License-Identifier: Apache-2.0
"""The built programs, run as their users run them.

    daemon   a darkroomd on loopback with a data directory of its own; shared by a session's tests
    fresh    makes daemons that a test may stop, kill and start again
    tenant   a new account with a full-rights API client and a user; `another` makes more
    source   the hostile HTTP source of tests/sources.py
    api      JSON calls as the tenant's client; every answer is checked against docs/openapi.yaml
"""
import http.client
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent.parent), str(pathlib.Path(__file__).parent)]

import openapi  # noqa: E402
import sources  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("DARKROOM_BIN", ROOT / "bin"))
# Misbehaving decoders (tests/helpers), from the build directory.
HELPERS = pathlib.Path(os.environ.get("DARKROOM_TEST_HELPERS", ROOT / "build/src/helpers"))
PATIENCE = 120  # seconds until something that must happen counts as never happening


class Answer:
    """What came back; header names in the spelling of the wire."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # [(name, value)]
        self.body = body

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def names(self):
        return [n for n, _ in self.headers]

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:500]!r}>"


def request(base, method, target, body=None, headers=()):
    """One request on a connection of its own, exactly as given."""
    where = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True,
                              skip_host="Host" in dict(headers))
        for name, value in dict(headers).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        elif method in ("POST", "PUT", "DELETE"):
            connection.putheader("Content-Length", "0")  # as fog does
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def wait_for(what, patience=PATIENCE):
    """The first true value of what()."""
    deadline = time.monotonic() + patience
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


class Daemon:
    """One data directory and the server on it."""

    def __init__(self, directory, *settings):
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "log"
        self.settings = ["import.allow=127.0.0.0/8", *settings]
        self.process = None
        self.base = None
        self.sftp = None
        made = subprocess.run([BIN / "darkroomd", "init", "--data", self.data, "--json"], check=True,
                              capture_output=True, text=True)
        self.first = json.loads(made.stdout)

    def start(self):
        listen = urllib.parse.urlsplit(self.base).netloc if self.base else "127.0.0.1:0"
        command = [BIN / "darkroomd", "serve", "--data", self.data, "--listen", listen,
                   "--sftp", self.sftp or "127.0.0.1:0"]
        for setting in self.settings:
            command += ["--set", setting]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready http="), f"{line!r}\n{self.log.read_text()[-4000:]}"
        ready = dict(word.split("=", 1) for word in line.split()[1:])
        self.base = "http://" + ready["http"]
        self.sftp = ready.get("sftp")
        return self

    def stop(self):
        """As an operator does; the exit status."""
        self.process.terminate()
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def admin(self, *words):
        done = subprocess.run([BIN / "darkroomd", "admin", *words, "--data", self.data, "--json"],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def request(self, method, target, body=None, headers=()):
        return request(self.base, method, target, body, headers)


class Api:
    """Calls with one token, as fog sends them; answers must be as docs/openapi.yaml has them."""

    def __init__(self, daemon, token):
        self.daemon = daemon
        self.token = token

    def __call__(self, method, path, body=None, expect=None, headers=()):
        sent = {"Content-Type": "application/json", **dict(headers)}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        answer = self.daemon.request(method, path, data, sent)
        openapi.check(method, path, answer)
        if expect is not None:
            assert answer.status == expect, answer
        return answer

    def get(self, path, expect=200):
        return self("GET", path, expect=expect).json()

    def register(self, url, expect=201, **members):
        """The body of the Ruby CLI, every member present."""
        body = {"arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
                "name": None, "public": False, "username": None, "http_url": url, **members}
        return self("POST", "/1.0/images", body, expect).json()

    def settled(self, image, status="available"):
        """The image when its import is over."""
        def over():
            now = self.get(f"/1.0/images/{image['id']}")
            return now if now["status"] not in ("creating", "deleting") else None
        now = wait_for(over)
        assert now["status"] == status, (now["status"], now["status_reason"])
        return now


def grant(daemon, fields, credentials=None, path="/token", headers=()):
    """POST /token with a JSON body, as fog does."""
    sent = {"Content-Type": "application/json", **dict(headers)}
    if credentials:
        sent["Authorization"] = "Basic " + basic(*credentials)
    answer = daemon.request("POST", path, json.dumps(fields).encode(), sent)
    openapi.check("POST", path, answer)
    return answer


def basic(user, secret):
    import base64
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


class Tenant:
    """An account, its full-rights API client and its user."""

    numbers = itertools.count(1)

    def __init__(self, daemon):
        number = next(self.numbers)
        self.daemon = daemon
        self.account = daemon.admin("account", "create", f"Tenant {number}")["id"]
        client = daemon.admin("client", "create", self.account, "--name", f"client {number}")
        self.client, self.secret = client["id"], client["secret"]
        user = daemon.admin("user", "create", f"user{number}@example.com", "--account", self.account)
        self.user, self.email, self.password = user["id"], user["email"], user["password"]

    def api(self, **fields):
        """As the API client."""
        answer = grant(self.daemon, {"grant_type": "client_credentials", **fields},
                       (self.client, self.secret))
        return Api(self.daemon, answer.json()["access_token"])

    def user_api(self, **fields):
        answer = grant(self.daemon, {"grant_type": "password", "username": self.email,
                                     "password": self.password, **fields},
                       ("app-12345", "mocbuipbiaa6k6c"))
        return Api(self.daemon, answer.json()["access_token"])

    def storage_api(self):
        """As an API client of the group `storage`."""
        client = self.daemon.admin("client", "create", self.account, "--group", "storage")
        answer = grant(self.daemon, {"grant_type": "client_credentials"},
                       (client["id"], client["secret"]))
        return Api(self.daemon, answer.json()["access_token"])


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("daemon")).start()
    yield made
    assert made.process.poll() is None, made.log.read_text()[-4000:]
    assert made.stop() == 0, made.log.read_text()[-4000:]


@pytest.fixture
def fresh(tmp_path):
    """fresh(*settings): a daemon of the test's own, started."""
    made = []

    def make(*settings):
        where = tmp_path / f"daemon{len(made)}"
        where.mkdir()
        made.append(Daemon(where, *settings))
        return made[-1].start()
    yield make
    for one in made:
        if one.process:
            one.kill()


@pytest.fixture
def tenant(daemon):
    return Tenant(daemon)


@pytest.fixture
def another(daemon):
    return lambda: Tenant(daemon)


@pytest.fixture
def api(tenant):
    return tenant.api()


@pytest.fixture(scope="session")
def source():
    with sources.Source() as made:
        yield made
