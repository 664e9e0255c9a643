# SPDX-License-Identifier: Apache-2.0
"""Every rule about formats, through a real registration each: what is refused has its own words and
leaves nothing, what is accepted comes back as the right bytes. The files are in tests/hostile.py."""
import hashlib
import json
import random
import re
import subprocess

import pytest

import hostile
import hostile_qcow2
from conftest import BIN, ROOT, Daemon, Tenant, wait_for

LONG = 900  # seconds for all imports, also of sanitized programs on a busy machine

CASES = [*hostile.cases(), *hostile_qcow2.cases()]
assert len({c.name for c in CASES}) == len(CASES)
REFUSED = [c for c in CASES if c.code]
ACCEPTED = [c for c in CASES if not c.code]


class Imports:
    """A server, and the images it made of some of the cases. Not through `Api`: what the answers look
    like is checked elsewhere, and costs more than an import here."""

    def __init__(self, directory, source, cases, *settings):
        directory.mkdir()
        self.daemon = Daemon(directory, "import.concurrent=4", "import.per_account=4", *settings).start()
        self.tenant = Tenant(self.daemon)
        self.token = self.tenant.api().token
        self.images = None
        self.last = None
        for case in cases:
            source.files[case.name] = case.data
            url = source.url(case.name, **case.faults)
            self.last = self.call("POST", "/1.0/images", {"name": case.name, "arch": "x86_64",
                                                          "http_url": url, **case.members})["id"]

    def call(self, method, path, body=None):
        answer = self.daemon.request(method, path, body and json.dumps(body).encode(),
                                     {"Authorization": f"Bearer {self.token}"})
        assert answer.status in (200, 201), answer
        return answer.json()

    def over(self):
        if self.call("GET", f"/1.0/images/{self.last}")["status"] == "creating":
            return None
        images = self.call("GET", "/1.0/images")
        return None if any(i["status"] == "creating" for i in images) else images

    def image(self, case):
        """The image of a case when all imports of this server are over."""
        if self.images is None:
            self.images = {i["name"]: i for i in wait_for(self.over, LONG)}
        image = self.images[case.name]
        assert image["status"] == ("failed" if case.code else "available"), image["status_reason"]
        return image

    def content(self, image):
        return self.daemon.request("GET", f"/v1/{image['owner']}/images/{image['id']}?format=raw",
                                   headers={"X-Auth-Token": self.token})


@pytest.fixture(scope="module")
def servers(tmp_path_factory, source):
    """(refused?, capped?): all imports run at once; each test waits for its own."""
    where = tmp_path_factory.mktemp("hostile")
    cap = f"import.virtual_bytes={hostile.CAP}"
    made = {}
    for capped in (True, False):
        for bad in (True, False):
            cases = [c for c in CASES if c.cap == capped and bool(c.code) == bad]
            made[bad, capped] = Imports(where / f"{bad}-{capped}", source, cases, *([cap] if capped else []))
    yield made
    for one in made.values():
        assert one.daemon.stop() == 0, one.daemon.log.read_text()[-4000:]


@pytest.mark.parametrize("case", REFUSED, ids=lambda c: c.name)
def test_is_refused_in_its_own_words(servers, case):
    server = servers[True, case.cap]
    image = server.image(case)
    reason = image["status_reason"]
    code, _, sentence = reason.partition(": ")
    assert code == case.code, reason
    for words in case.says:
        assert words in sentence, reason
    # Nothing about this machine, and nothing that the file says about another one.
    assert not re.search(r"/|\d+\.\d+\.\d+\.\d+|shadow|passwd", reason), reason
    assert 10 < len(sentence) < 300
    assert image["disk_size"] == 0 and image["checksum"] is None and image["digest"] is None
    assert server.content(image).status == 404


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda c: c.name)
def test_is_accepted_and_comes_back(servers, case):
    server = servers[False, case.cap]
    image = server.image(case)
    assert [w.partition(": ")[0] for w in image["warnings"]] == list(case.warns)
    assert image["checksum"] == "sha256:" + hashlib.sha256(case.data).hexdigest()
    assert image["digest"] == digest(case.disk)
    if isinstance(case.disk, bytes):
        assert server.content(image).body == case.disk


def digest(disk):
    """The content digest of docs/formats/manifest.md; zeros do not count."""
    size, chunks = (disk, 0) if isinstance(disk, int) else (len(disk), len(disk))
    h = hashlib.sha256(size.to_bytes(8, "little") + hostile.MIB.to_bytes(4, "little"))
    for index, at in enumerate(range(0, chunks, hostile.MIB)):
        chunk = disk[at:at + hostile.MIB]
        if any(chunk):
            h.update(index.to_bytes(8, "little") + hashlib.sha256(chunk).digest())
    return "sha256:" + h.hexdigest()


def test_what_was_refused_leaves_nothing(servers):
    for capped in (True, False):
        server = servers[True, capped]
        wait_for(server.over, LONG)
        daemon = server.daemon
        left = daemon.admin("store", "collect", "--now")
        assert left["kept"]["chunks"] == 0 and left["leased"]["chunks"] == 0
        check = daemon.admin("store", "check", "--full")
        assert check["problems"] == 0 and check["orphans"]["chunks"] == 0
        assert {j["state"] for j in daemon.admin("job", "list")} == {"failed"}


def test_what_was_refused_late_gives_its_quota_back(fresh, source):
    daemon = fresh()
    tenant = Tenant(daemon)
    api = tenant.api()
    daemon.admin("account", "limits", tenant.account, "--stored-bytes", "3M")
    disk = random.Random(1).randbytes(2 * hostile.MIB)
    source.files["cut-late"] = bytes(hostile_qcow2.Image(bits=16, disk=disk))[:-1]
    source.files["whole"] = disk
    for _ in range(3):
        image = api.settled(api.register(source.url("cut-late")), "failed")
        assert image["status_reason"].startswith("truncated: ")
    api.settled(api.register(source.url("whole")))


def test_what_was_accepted_is_whole(servers):
    for capped in (True, False):
        server = servers[False, capped]
        wait_for(server.over, LONG)
        assert server.daemon.admin("store", "check", "--full")["problems"] == 0


def test_every_word_of_a_verdict_on_a_file_has_a_case():
    table, _, warnings = (ROOT / "docs/refusals.md").read_text().partition("## Warnings")
    # The rows after this one are about the source, the account and this side.
    verdicts = table.partition("| `quota`")[0]
    words = {w for row in re.findall(r"^\| (`.*?) \|", verdicts, re.M) for w in re.findall(r"`([^`]+)`", row)}
    assert words == {c.code for c in REFUSED}
    assert set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", warnings)) == {w for c in ACCEPTED for w in c.warns}


def inspect(path):
    done = subprocess.run([BIN / "darkroomd", "inspect", path, "--json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


INSPECTED = [c for c in CASES if not c.cap and not c.faults and c.name.startswith("qcow2-")]


@pytest.mark.parametrize("case", INSPECTED, ids=lambda c: c.name)
def test_inspect_says_the_same(servers, case, tmp_path):
    image = servers[bool(case.code), False].image(case)
    (tmp_path / "file").write_bytes(case.data)
    status, said = inspect(tmp_path / "file")
    if case.code:
        assert status == 1
        # A server adds whom to ask about its limits.
        assert image["status_reason"].startswith(f"{said['refused']['code']}: {said['refused']['reason']}")
    else:
        assert status == 0 and said["digest"] == image["digest"]
        assert said["warnings"] == image["warnings"]
