# SPDX-License-Identifier: Apache-2.0
"""What a source can do to an import (hardening.md section 4): every image ends available with the
right bytes, or failed with the right code and words.

Many of these imports wait for something, so all are registered at the start and run side by side;
each test looks at one."""
import contextlib
import hashlib
import pathlib
import random
import shutil
import socket
import subprocess
import sys

import pytest

import sources
from conftest import Daemon, Tenant, wait_for

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "unit"))
import url_cases  # noqa: E402

MIB = 1 << 20
SETTINGS = ["import.concurrent=12", "import.per_account=12", "import.threads=1", "import.backoff_seconds=0",
            "import.first_byte_seconds=2", "import.stall_seconds=2", "import.connect_seconds=2",
            "import.upload_bytes=8M"]


def make_disk():
    """Noise and holes; an MBR, so that nothing is worth a warning."""
    rnd = random.Random(4)
    data = bytearray(2 * MIB + 512)
    for at in range(4096, len(data) - 100_000, 700_000):
        data[at:at + 300_000] = rnd.randbytes(300_000)
    data[510:512] = b"\x55\xaa"
    return bytes(data)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """kind: its bytes"""
    for tool in ("lz4", "qemu-img"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    where = tmp_path_factory.mktemp("kinds")
    disk = where / "raw"
    disk.write_bytes(make_disk())
    for command in (["lz4", "-q", disk, where / "lz4"], ["lz4", "-q", "-l", disk, where / "legacy"],
                    ["qemu-img", "convert", "-O", "qcow2", disk, where / "qcow2"]):
        subprocess.run(command, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in where.iterdir()}


KINDS = ("raw", "lz4", "qcow2")
CUTS = (0, 1, 511, 512, 4095, 4096, 65535, 65536, 69632, 262144, 0.5, 0.9, -512, -1)


class Case:
    """The import of a `kind` of disk, or of `content`, under `faults` (tests/sources.py). Without
    `reason` it becomes available with the right bytes. `requests`: how many the source sees;
    `resumed`: whether all but the first ask for the rest. `cut`: how much of the body a drop, reset
    or stall lets through."""

    def __init__(self, name, kind="raw", reason=None, words="", requests=None, resumed=None, content=None,
                 checksum=False, via="http", cut=None, by="drop", kept=None, **faults):
        self.name, self.kind, self.reason, self.words = name, kind, reason, words
        self.requests, self.resumed, self.content, self.checksum = requests, resumed, content, checksum
        self.via, self.cut, self.by, self.kept, self.faults = via, cut, by, kept, faults
        self.data = self.image = None

    def register(self, api, source, kinds):
        data = kinds[self.kind] if self.content is None else self.content
        source.files[self.name] = data
        if self.cut is not None:
            cut = int(len(data) * self.cut) if isinstance(self.cut, float) else self.cut
            self.faults[self.by] = cut if cut >= 0 else len(data) + cut
        members = {"checksum": "sha256:" + hashlib.sha256(data).hexdigest()} if self.checksum else {}
        url = source.url(self.name, **self.faults)
        if self.via == "plain":
            url = url.replace("http:", "https:")
        self.data = data[:self.kept]
        self.image = api.register(url, name=self.name, **members)


def resumable():
    """A connection that is dropped once, anywhere."""
    for kind in KINDS:
        for cut in CUTS:
            yield Case(f"{kind}-cut-{cut}", kind, cut=cut, times=1, requests=2, resumed=cut != 0)
        yield Case(f"{kind}-reset", kind, cut=0.3, by="reset", times=1, requests=2)
        yield Case(f"{kind}-stall", kind, cut=0.3, by="stall", times=1, requests=2, resumed=True)
        yield Case(f"{kind}-four-cuts", kind, cut=0.21, times=4, requests=5, resumed=True)
        # A server that cannot resume, or cannot prove that it does, is asked for all of it again.
        for name, faults in {"weak": {"etag": "weak"}, "no-tag": {"etag": "none"},
                             "chunked": {"framing": "chunked"}, "no-ranges": {"ranges": "no"}}.items():
            yield Case(f"{kind}-{name}", kind, cut=0.6, times=1, requests=2, resumed=False, **faults)
        for name, faults in {"range-200": {"ranges": "ignored"}, "new-tag": {"etag": "each"},
                             "range-416": {"ranges": "refused"}, "other-start": {"ranges": "start"},
                             "other-total": {"ranges": "total"}, "no-range": {"ranges": "nothing"},
                             "short-range": {"ranges": "short"}, "other-tag": {"ranges": "tag"}}.items():
            yield Case(f"{kind}-{name}", kind, cut=0.6, times=1, requests=3, **faults)


def never_whole():
    for kind in KINDS:
        yield Case(f"{kind}-cut-always", kind, "truncated", "broke off after", cut=0.1, requests=5, resumed=True)
        yield Case(f"{kind}-cut-at-once", kind, "truncated", cut=0, requests=5)
        yield Case(f"{kind}-chunks-without-end", kind, "truncated", cut=0.7, framing="chunked", requests=5)
        for ranges in ("start", "total", "nothing", "short", "refused"):
            yield Case(f"{kind}-two-lies-{ranges}", kind, "source-protocol", cut=0.5, ranges=ranges, requests=4)
    yield Case("whole-every-time-cut", reason="truncated", cut=0.5, etag="none", requests=5)
    yield Case("changes-every-time", reason="source-changed", cut=0.5, change=1)
    yield Case("grows-every-time", reason="source-changed", cut=0.5, change=1, grow=512, etag="weak")
    yield Case("resets-always", reason="truncated", cut=0.1, by="reset", requests=5)
    yield Case("refuses", reason="source-connect", via="closed", words="does not accept connections")
    yield Case("no-answer", reason="source-connect", verbatim=1, content=b"", requests=5)


def time():
    yield Case("silent", reason="source-stalled", silent=1, requests=5, words="did not answer")
    yield Case("silent-once", silent=1, times=1, requests=2)
    yield Case("stalls", reason="source-stalled", cut=0.1, by="stall", requests=5)
    yield Case("stalls-at-once", reason="source-stalled", cut=0, by="stall", requests=5)
    yield Case("byte-a-second", reason="source-stalled", rate=1, requests=5)
    yield Case("endless", reason="too-large", endless=1, framing="chunked", requests=1)
    yield Case("endless-unframed", reason="too-large", endless=1, framing="close", checksum=True, requests=1)
    yield Case("endless-lz4", "lz4", "too-large", endless=1, framing="chunked", requests=1)
    yield Case("announced-too-large", reason="too-large", length=9 * MIB, requests=1)


def lengths():
    for kind in KINDS:
        yield Case(f"{kind}-length-over", kind, "truncated", length="+1024", requests=5)
    # What is beyond the announced length is not there.
    yield Case("raw-length-odd", "raw", "not-whole-sectors", length="-1000", requests=1)
    yield Case("raw-length-whole", "raw", length="-512", requests=1, kept=-512)
    yield Case("lz4-length-under", "lz4", "truncated", length="-512", requests=1)
    yield Case("qcow2-length-under", "qcow2", "truncated", length=f"-{MIB}", requests=1)
    yield Case("checksum-length-under", reason="checksum-mismatch", length="-512", checksum=True, requests=1)
    for length in ("twice", "bad", "huge", "negative"):
        yield Case(f"length-{length}", reason="source-protocol", length=length, requests=1)
    yield Case("length-and-chunks", reason="source-protocol", head="Transfer-Encoding: chunked", requests=1)
    # Nothing says where such a body ends, unless the format or the caller does.
    yield Case("raw-unframed", "raw", "length-unknown", framing="close", requests=1)
    yield Case("legacy-unframed", "legacy", "length-unknown", framing="close", requests=1)
    yield Case("checksum-unframed", framing="close", checksum=True, requests=1)
    yield Case("lz4-unframed", "lz4", framing="close", requests=1)
    yield Case("qcow2-unframed", "qcow2", framing="close", requests=1)
    yield Case("lz4-unframed-cut", "lz4", "truncated", framing="close", cut=0.5)
    yield Case("qcow2-unframed-cut", "qcow2", "truncated", framing="close", cut=0.5)
    yield Case("checksum-unframed-cut", "raw", "checksum-mismatch", framing="close", cut=0.5, checksum=True)


def statuses():
    for status in (429, 500, 502, 503, 504):
        yield Case(f"status-{status}", reason="source-http-status", status=status, requests=5, words=str(status))
        yield Case(f"status-{status}-twice", status=status, times=2, requests=3)
    for status in (204, 401, 403, 404, 410):
        yield Case(f"status-{status}", reason="source-http-status", status=status, requests=1, words=str(status))
    yield Case("retry-after-seconds", status=429, retry_after=2, times=1, requests=2)
    yield Case("retry-after-date", status=503, retry_date=3, times=1, requests=2)
    yield Case("retry-after-past", status=503, retry_date=-100, times=1, requests=2)
    yield Case("retry-after-soon", status=503, retry_after="soon", times=1, requests=2)
    yield Case("retry-after-negative", status=503, retry_after="-5", times=1, requests=2)


HEADERS = {"long-header": b"X: " + b"y" * 200_000 + b"\r\n", "headers": (b"X: " + b"y" * 7000 + b"\r\n") * 10,
           "many-headers": b"X: y\r\n" * 12_000, "folded-header": b"X: y\r\n z\r\n",
           "blank-before-colon": b"Content-Length : 5\r\n"}


def nonsense():
    page = b"<!DOCTYPE html>\n<html><body>Please sign in.</body></html>\n"
    yield Case("page", reason="not-an-image", content=page, requests=1)
    yield Case("page-behind-a-redirect", reason="not-an-image", content=page, hops=1)
    for name, lines in HEADERS.items():
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 512\r\n" + lines + b"\r\n" + bytes(512)
        yield Case(name, reason="source-protocol", content=answer, verbatim=1, requests=1)
    yield Case("not-http", reason="source-protocol", content=b"SSH-2.0-x\r\n", verbatim=1, requests=1)
    yield Case("interim-for-ever", reason="source-protocol", interim=2000, requests=1)
    yield Case("loop", reason="source-redirects", to="?", requests=6)
    yield Case("six-hops", reason="source-redirects", hops=6)
    yield Case("five-hops", hops=5)
    for via in ("untrusted", "expired"):
        yield Case(via, reason="source-tls", via=via, words="certificate could not be verified", requests=0)
    for via in ("plain", "1.0"):
        yield Case(f"tls-{via}", reason="source-tls", via=via, words="no TLS connection", requests=0)


CASES = {case.name: case for group in (resumable, never_whole, time, lengths, statuses, nonsense)
         for case in group()}


@pytest.fixture(scope="module")
def world(tmp_path_factory, kinds):
    """(daemon, api, source), with every case registered."""
    with contextlib.ExitStack() as stack:
        places = {"http": stack.enter_context(sources.Source())}
        places["plain"] = places["http"]
        with sources.Source() as places["closed"]:
            pass
        for via, tls in (("untrusted", True), ("expired", "expired"), ("1.0", "1.0")):
            places[via] = stack.enter_context(sources.Source(tls=tls))
        daemon = Daemon(tmp_path_factory.mktemp("faults"), *SETTINGS).start()
        stack.callback(daemon.kill)
        api = Tenant(daemon).api()
        # Those that wait for something first.
        for case in sorted(CASES.values(), key=lambda case: case.via == "http" and not (
                {"silent", "stall", "rate", "change"} & {*case.faults, case.by})):
            case.register(api, places[case.via], kinds)
        yield daemon, api, places["http"]


def digest_of(disk):
    """As docs/formats/manifest.md has it."""
    h = hashlib.sha256(len(disk).to_bytes(8, "little") + MIB.to_bytes(4, "little"))
    for index, at in enumerate(range(0, len(disk), MIB)):
        if any(disk[at:at + MIB]):
            h.update(index.to_bytes(8, "little") + hashlib.sha256(disk[at:at + MIB]).digest())
    return "sha256:" + h.hexdigest()


def requests_for(source, case):
    return [r for r in source.requests if r.target.endswith("/" + case.name)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_source(world, kinds, case):
    _, api, source = world
    image = api.settled(case.image, "failed" if case.reason else "available")
    asked = requests_for(source, case)
    if case.reason:
        code, _, sentence = image["status_reason"].partition(": ")
        assert code == case.reason and case.words in sentence, image["status_reason"]
        for secret in ("127.0.0.1", str(source.port), case.name + "/", "sign in"):
            assert secret not in sentence
    else:
        assert image["checksum"] == "sha256:" + hashlib.sha256(case.data).hexdigest()
        assert image["digest"] == digest_of(kinds["raw"][:case.kept])
    if case.requests is not None:
        assert len(asked) == case.requests, asked
    if case.resumed is not None:
        assert ["range" in r.headers for r in asked] == [False] + [case.resumed] * (len(asked) - 1)
        assert all(("if-range" in r.headers) == ("range" in r.headers) for r in asked)


def test_retry_after_is_waited_for(world):
    _, api, source = world
    for name in ("retry-after-seconds", "retry-after-date"):
        api.settled(CASES[name].image)
        first, second = requests_for(source, CASES[name])
        if first.asked:
            assert second.date >= first.asked
        else:
            assert second.at - first.at >= 2


def test_a_source_that_changed_once_is_taken_as_it_is_now(world):
    _, api, source = world
    data = make_disk()
    source.files["changed-once"] = data
    image = api.settled(api.register(source.url("changed-once", drop=MIB, times=1, change=1)))
    versions = {n: bytes([data[0] ^ n]) + data[1:] for n in range(4)}
    (now,) = [n for n, v in versions.items()
              if image["checksum"] == "sha256:" + hashlib.sha256(v).hexdigest()]
    assert now > 0 and image["digest"] == digest_of(versions[now])


def test_nothing_is_left_of_what_failed(world, kinds):
    daemon, api, _ = world
    for case in CASES.values():
        api.settled(case.image, "failed" if case.reason else "available")
    for state in api.get("/1.0/images"):
        assert state["status"] in ("available", "failed")
    wait_for(lambda: daemon.admin("store", "collect", "--now", "--set",
                                  "store.collect_grace=0")["leased"]["chunks"] == 0)
    check = daemon.admin("store", "check", "--full")
    assert check["problems"] == 0 and check["orphans"]["chunks"] == 0


def test_a_source_that_hangs_holds_up_nobody_else(fresh, source):
    daemon = fresh("import.concurrent=2", "import.per_account=1")
    slow, other = Tenant(daemon).api(), Tenant(daemon).api()
    data = make_disk()
    source.files["hangs"] = source.files["works"] = data
    hanging = slow.register(source.url("hangs", silent=1))
    waiting = slow.register(source.url("works"))
    for _ in range(3):
        other.settled(other.register(source.url("works")))
    assert slow.get(f"/1.0/images/{hanging['id']}")["status"] == "creating"
    assert slow.get(f"/1.0/images/{waiting['id']}")["progress"]["phase"] == "queued"
    slow("DELETE", f"/1.0/images/{hanging['id']}", expect=202)
    slow.settled(waiting)


def test_all_attempts_are_within_the_time_for_the_import(fresh, source):
    daemon = fresh("import.total_seconds=6", "import.backoff_seconds=1")
    api = Tenant(daemon).api()
    source.files["late"] = make_disk()
    ends = {"trouble": ("source-http-status", {"status": 503, "retry_after": 4}),
            "for-ever": ("timed-out", {"rate": 200_000}),
            "never": ("timed-out", {"silent": 1})}
    images = {name: api.register(source.url("late", **faults)) for name, (_, faults) in ends.items()}
    for name, (reason, _) in ends.items():
        assert api.settled(images[name], "failed")["status_reason"].startswith(reason + ": ")
    assert len([r for r in source.requests if "retry_after=4" in r.target]) == 2


def test_case_65_the_url_of_an_import_cannot_be_edited(fresh, source):
    daemon = fresh()
    api = Tenant(daemon).api()
    data = make_disk()
    source.files["registered"] = data
    image = api.register(source.url("registered", rate=1_000_000))
    for url in (source.url("edited"), "http://169.254.169.254/"):
        for field in ("http_url", "source", "source_url", "url"):
            api("PUT", f"/1.0/images/{image['id']}", {field: url})
    image = api.settled(image)
    assert image["checksum"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert not [r for r in source.requests if r.target.endswith("edited")]
    api.register("http://169.254.169.254/", expect=422)


def test_case_64_the_own_service_is_no_source(fresh):
    daemon = fresh("import.allow=0.0.0.0/0,::/0")
    api = Tenant(daemon).api()
    port = daemon.base.rpartition(":")[2]
    hosts = ["127.0.0.1", "127.1.2.3", "0.0.0.0", "[::1]"]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anywhere:
        anywhere.connect(("192.0.2.1", 9))
        hosts.append(anywhere.getsockname()[0])
    for host in hosts:
        answer = api.register(f"http://{host}:{port}/healthz", expect=422)
        assert "may not be fetched from" in answer["errors"][0], answer


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A tenant's calls to a daemon that allows nothing."""
    daemon = Daemon(tmp_path_factory.mktemp("guarded"), "import.allow=").start()
    yield Tenant(daemon).api()
    daemon.kill()


@pytest.mark.parametrize("number, where, url", [
    pytest.param(*case, id=url_cases.name_of(case[0], case[2])) for case in url_cases.REFUSED])
def test_no_such_url_is_registered(guarded, number, where, url):
    before = guarded.get("/1.0/images")
    errors = guarded.register(url, expect=422)["errors"]
    assert len(errors) == 1 and errors[0].startswith("http_url: "), errors
    assert guarded.get("/1.0/images") == before


def test_case_36_a_nul_is_not_even_json(guarded):
    guarded.register("http://exam\0ple.com/", expect=400)
