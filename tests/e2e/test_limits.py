# SPDX-License-Identifier: Apache-2.0
"""What an import may use, each with its own words, and how many imports share one library
(hardening.md section 1.5)."""
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import sources
from conftest import Daemon, Tenant, wait_for

MIB = 1 << 20
SANITIZED = "DARKROOM_SANITIZED" in os.environ


def noise(seed, size=MIB):
    return random.Random(seed).randbytes(size)


def reason(image):
    return image["status_reason"]


# ---- limits: one import for each, all at once ----

def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options).stdout


def qcow2(where, size):
    if not shutil.which("qemu-img"):
        pytest.skip("no qemu-img here")
    run("qemu-img", "create", "-q", "-f", "qcow2", where, str(size))
    return where.read_bytes()


MORE = "; ask the operator for a higher limit"
# file, faults, the tenant's own limits, the reason
LIMITED = {
    "upload announced": ("noise", {}, {},
                         f"too-large: the source has at least {3 * MIB} bytes, allowed are {2 * MIB}" + MORE),
    "upload counted": ("noise", {"framing": "chunked"}, {},
                       rf"too-large: the source has at least (\d+) bytes, allowed are {2 * MIB}" + MORE),
    "upload of one account": ("small", {}, {"--upload-bytes": "512K"},
                              f"too-large: the source has at least {MIB} bytes, allowed are {MIB // 2}" + MORE),
    "disk announced": ("qcow2", {}, {}, f"too-large: virtual size {6 * MIB}, allowed {5 * MIB}" + MORE),
    "disk counted": ("gzip", {}, {}, rf"too-large: the disk has (\d+) bytes or more; allowed are {5 * MIB}" + MORE),
    "disk of one account": ("small", {}, {"--virtual-bytes": "512K"},
                            rf"too-large: the disk has {MIB} bytes or more; allowed are {MIB // 2}" + MORE),
    "stored data": ("small", {}, {"--stored-bytes": "512K"},
                    rf"quota: the disk holds {MIB} bytes of data or more; {MIB // 2} are left of the account's quota"
                    rf"( of {MIB // 2})?; delete images, or ask the operator for more"),
    "memory of xz": ("xz", {}, {}, rf"needs-memory: a block of xz stream 1 needs \d+ bytes of memory to decode; "
                     rf"{4 * MIB} are allowed; compress it with less memory, or ask the operator"),
    "memory of zstd": ("zstd", {}, {}, rf"needs-memory: zstd frame 1 needs a window of {8 * MIB} bytes; "
                       rf"{4 * MIB} are allowed; compress it with less memory, or ask the operator"),
    "standstill of the source": ("small", {"stall": 1000}, {},
                                 r"source-stalled: the source sent less than 65536 bytes in 1 seconds; register .*"),
    "total time": ("most", {"rate": 180_000}, {},
                   r"timed-out: .* was not finished within 8 seconds; use a faster source, or ask the operator .*"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    where = tmp_path_factory.mktemp("limited")
    zeros = bytes(64 * MIB)
    made = {"noise": noise(1, 3 * MIB), "small": noise(2), "most": noise(3, 2 * MIB),
            "qcow2": qcow2(where / "q", 6 * MIB), "gzip": run("gzip", "-1c", input=zeros),
            "xz": run("xz", "-6c", input=zeros)}
    if shutil.which("zstd"):
        (where / "zeros").write_bytes(zeros)
        made["zstd"] = run("zstd", "-q", "--long=23", "-c", where / "zeros")
    return made


@pytest.fixture(scope="module")
def limited(files, source, tmp_path_factory):
    """name: (api, image), registered one after the other and running at once."""
    daemon = Daemon(tmp_path_factory.mktemp("limited"), "import.upload_bytes=2M", "import.virtual_bytes=5M",
                    "import.decoder_memory=4M", "import.stall_seconds=1", "import.backoff_seconds=0",
                    "import.total_seconds=8", "import.concurrent=16", "import.per_account=16").start()
    source.files.update({f"limited-{name}": data for name, data in files.items()})
    made = {}
    unlimited = Tenant(daemon).api()
    for name, (file, faults, limits, _) in LIMITED.items():
        if file in files:
            api = unlimited
            if limits:
                tenant = Tenant(daemon)
                daemon.admin("account", "limits", tenant.account, *(w for pair in limits.items() for w in pair))
                api = tenant.api()
            made[name] = api, api.register(source.url(f"limited-{file}", **faults))
    yield made
    assert daemon.stop() == 0


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_names_itself_what_was_found_and_the_way_out(limited, name):
    if name not in limited:
        pytest.skip("no tool to make the file")
    api, image = limited[name]
    failed = api.settled(image, "failed")
    found = re.fullmatch(LIMITED[name][3], reason(failed))
    assert found, reason(failed)
    assert all(int(number) > 2 * MIB for number in found.groups() if number and number.isdigit())
    assert len(reason(failed)) < 512


def test_the_decoders_time_grows_with_what_it_delivers(fresh, source):
    daemon = fresh("import.decoder_cpu=1", "import.decoder_cpu_data=0", "import.decoder_cpu_holes=0")
    api = Tenant(daemon).api()
    source.files["long"] = run("bzip2", "-9c", input=bytes(64 * MIB)) * 64
    failed = api.settled(api.register(source.url("long")), "failed")
    assert reason(failed) == ("decoder-timeout: decoding this file takes more processor time than is allowed: "
                              "1 seconds, 0 for each GiB of data and 0 for each GiB of zeros; convert it to another "
                              "format, or ask the operator")
    daemon.settings[-1] = "import.decoder_cpu_holes=1000"
    assert daemon.stop() == 0
    api.daemon = daemon.start()
    assert api.settled(api.register(source.url("long")))["virtual_size"] == 4096


@pytest.mark.skipif(SANITIZED, reason="the sanitizers need more than any limit")
def test_the_decoders_address_space_is_limited(fresh, source):
    api = Tenant(fresh("import.decoder_address=16M")).api()
    source.files["wide"] = run("xz", "-9c", input=noise(6, 2 * MIB))
    failed = api.settled(api.register(source.url("wide")), "failed")
    assert reason(failed) == ("needs-memory: decoding this file needs more memory than is allowed; compress it with "
                              "less memory, or ask the operator")


def test_without_limits_there_is_no_rule_about_ratios(api, source):
    """Zeros compress a thousandfold and more, and an empty disk is an ordinary one."""
    source.files["ratio"] = run("bzip2", "-9c", input=bytes(64 * MIB))
    assert len(source.files["ratio"]) < 1000
    image = api.settled(api.register(source.url("ratio")))
    assert image["virtual_size"] == 64 and image["disk_size"] == 0


def test_a_used_up_quota_refuses_the_registration(daemon, source):
    tenant = Tenant(daemon)
    api = tenant.api()
    source.files["quota"] = noise(3)
    daemon.admin("account", "limits", tenant.account, "--stored-bytes", "1M")
    image = api.settled(api.register(source.url("quota")))
    refused = api("POST", "/1.0/images", {"arch": "x86_64", "http_url": source.url("quota")}, expect=403).json()
    assert refused["error_name"] == "account_limit_reached"
    assert str(MIB) in refused["errors"][0], refused
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    api.settled(api.register(source.url("quota")))


@pytest.mark.parametrize("member, fits, exceeds, said", [
    ("name", "é" * 255, "é" * 256, "name must not be longer than 255 characters"),
    ("name", "e", "a\u0007b", "name must be UTF-8 text without control characters"),
    ("description", "é" * 2048, "é" * 2048 + "e", "description must not be longer than 4096 bytes"),
    ("username", "e" * 255, "e" * 256, "username must not be longer than 255 bytes"),
    ("http_url", 2048, 2049, r"http_url: .*\b2048\b.*")], ids=["name", "control", "description", "username", "url"])
def test_texts_have_limits(api, source, member, fits, exceeds, said):
    def value(v):
        return v if isinstance(v, str) else f"{source.url('nothing')}?".ljust(v, "x")
    body = {"arch": "x86_64", "http_url": source.url("nothing"), member: value(exceeds)}
    refused = api("POST", "/1.0/images", body, expect=422).json()["errors"]
    assert len(refused) == 1 and re.fullmatch(said, refused[0]), refused
    image = api("POST", "/1.0/images", {**body, member: value(fits)}, expect=201).json()
    if member == "http_url":
        return
    if not isinstance(exceeds, int):
        assert image[member] == fits
        api("PUT", f"/1.0/images/{image['id']}", {member: exceeds}, expect=422)


# ---- space for what must be spooled ----

@pytest.fixture
def small(tmp_path):
    """A daemon whose spool has 32 MiB, of which it may use 30."""
    daemon = Daemon(tmp_path)
    spool = daemon.data / "spool"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32M,mode=700", "tmpfs", spool],
                      capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        yield daemon.start()
        assert daemon.stop() == 0
    finally:
        subprocess.run(["umount", "-l", spool], check=True)


def backwards(where, mib):
    """A qcow2 file whose last cluster comes first: none of it can be told before all is there."""
    if not shutil.which("qemu-io"):
        pytest.skip("no qemu-io here")
    qcow2(where, mib * MIB)
    writes = [w for n in reversed(range(mib)) for w in ("-c", f"write -q -P {n + 1} {n}M 1M")]
    run("qemu-io", "-f", "qcow2", *writes, where)
    return where.read_bytes()


def test_what_must_be_spooled_leaves_the_reserve_alone(small, source, tmp_path):
    source.files["spooled"] = backwards(tmp_path / "q", 40)
    source.files["streamed"] = noise(5, 40 * MIB)
    api = Tenant(small).api()
    # 8 MiB of what has come are still in memory.
    failed = api.settled(api.register(source.url("spooled", stall=39 * MIB)), "failed")
    assert reason(failed) == "no-space: the library is full; ask the operator, then register again"
    assert "no more left than is kept free" in small.log.read_text()
    # What streams needs no room, and what needs less finds it again.
    api.settled(api.register(source.url("streamed")))
    source.files["spooled"] = backwards(tmp_path / "q", 20)
    api.settled(api.register(source.url("spooled")))


# ---- taking turns ----

class Gate(sources.Source):
    """Answers nobody before let(); `arrived` lists who has come, by file name."""

    def __init__(self):
        super().__init__()
        self.arrived = []
        self.turns = {}

    def note(self, request):
        noted = super().note(request)
        with self.lock:
            turn = self.turns.setdefault(noted[1], threading.Event())
            self.arrived.append(noted[1])
        while not turn.wait(0.1) and not self.stopping.is_set():
            pass
        return noted

    def let(self, name):
        with self.lock:
            turn = self.turns.setdefault(name, threading.Event())
        turn.set()

    def next(self, count):
        """The last of the first `count` that have come."""
        wait_for(lambda: len(self.arrived) >= count)
        return self.arrived[count - 1]


@pytest.fixture
def gate():
    with Gate() as made:
        yield made


def progress(api, image):
    return api.get(f"/1.0/images/{image['id']}")["progress"]


def test_a_hundred_queued_imports_delay_anothers_by_one_at_most(fresh, gate):
    daemon = fresh("import.concurrent=2")
    greedy, modest = Tenant(daemon).api(), Tenant(daemon).api()
    images = []
    for n in range(100):
        gate.files[f"greedy{n}"] = noise(n, 512)
        images.append(greedy.register(gate.url(f"greedy{n}")))
    gate.next(2)
    assert progress(greedy, images[2]) | {"rate": 0} == {
        "phase": "queued", "bytes_done": 0, "bytes_total": None, "rate": 0, "position": 1, "waits_for": "account"}
    assert progress(greedy, images[99])["position"] == 98
    gate.files["modest"] = noise(100, 512)
    image = modest.register(gate.url("modest"))
    assert progress(modest, image)["position"] == 1 and progress(modest, image)["waits_for"] == "slot"
    gate.let("greedy0")
    assert gate.next(3) == "modest"
    running = progress(modest, image)
    assert running["phase"] == "download" and running["position"] is None and running["waits_for"] is None
    # Within the account: first come, first served.
    gate.let("modest")
    modest.settled(image)
    for n in range(1, 6):
        gate.let(f"greedy{n}")
    gate.next(9)
    assert sorted(gate.arrived[:2]) == ["greedy0", "greedy1"]
    assert sorted(gate.arrived[3:9]) == [f"greedy{n}" for n in range(2, 8)]


def test_turns_and_chances_outlive_the_server(fresh, gate):
    daemon = fresh("import.concurrent=1")
    greedy, modest = Tenant(daemon).api(), Tenant(daemon).api()
    for name in ("greedy0", "greedy1", "modest"):
        gate.files[name] = noise(7, 512)
    images = [greedy.register(gate.url("greedy0")), greedy.register(gate.url("greedy1"))]
    assert gate.next(1) == "greedy0"
    other = modest.register(gate.url("modest"))
    assert daemon.stop() == 0
    daemon.start()
    # greedy0 was given back, and it is the other's turn.
    assert gate.next(2) == "modest"
    for n in range(4):  # more often than an import may fail
        daemon.kill()
        daemon.start()
        gate.next(3 + n)
    jobs = {j["image"]: j for j in daemon.admin("job", "list")}
    assert all(j["failures"] == 0 for j in jobs.values())
    for name in ("greedy0", "greedy1", "modest"):
        gate.let(name)
    for api, image in ((greedy, images[0]), (greedy, images[1]), (modest, other)):
        api.settled(image)


def test_a_job_that_takes_the_server_down_ends_but_stops_do_not_count(fresh, gate):
    daemon = fresh("import.concurrent=2")
    api = Tenant(daemon).api()
    gate.files["bad"] = gate.files["good"] = noise(8, 512)
    bad, good = api.register(gate.url("bad")), api.register(gate.url("good"))
    gate.next(2)
    assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(daemon.data / "catalogue.sqlite")) as db, db:
        db.execute("UPDATE jobs SET attempts = attempts + 50")
        db.execute("UPDATE jobs SET stops = stops + 50 WHERE image = ?", (good["id"],))
    daemon.start()
    assert reason(api.settled(bad, "failed")).startswith("internal-error: ")
    assert "the server ended 50 times" in daemon.log.read_text()
    gate.let("good")
    api.settled(good)


# ---- many at once ----

def processes(daemon):
    """pid: (parent, name), of all that a daemon has started for imports and that still runs."""
    parents = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            name, state, parent = re.search(r"\((.*)\) (\S) (\d+)", open(f"/proc/{p}/stat").read()).groups()
            if state not in "ZX":
                parents[int(p)] = int(parent), name
    parents = {p: what for p, what in parents.items() if what[1] != "darkroom-sftp"}
    found = {}
    pids = [daemon.process.pid]
    while pids:
        pids = [p for p, (parent, _) in parents.items() if parent in pids]
        found.update({p: parents[p] for p in pids})
    return found


class Census(threading.Thread):
    """The most imports, and helpers of each kind, that a daemon ever had at once. What two looks in
    a row find was there between them, too."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.subject = daemon
        self.most = {}
        self.over = threading.Event()

    def run(self):
        before = {}
        while not self.over.wait(0.05):
            now = processes(self.subject)
            names = ["import" if parent == self.subject.process.pid else name
                     for p, (parent, name) in now.items() if p in before]
            for name in set(names):
                self.most[name] = max(self.most.get(name, 0), names.count(name))
            before = now


def test_two_hundred_queued_imports_of_five_accounts_all_finish(fresh, source):
    daemon = fresh("import.concurrent=3")
    tenants = [Tenant(daemon).api() for _ in range(5)]
    census = Census(daemon)
    census.start()
    expected = {}
    for n in range(40 if SANITIZED else 200):
        data = bytes(512) + noise(n, 512 * (n % 50 + 1))
        source.files[f"many{n}"] = data
        image = tenants[n % 5].register(source.url(f"many{n}"), name=f"many{n}")
        expected[image["id"]] = n % 5, data
    wait_for(lambda: all(j["state"] not in ("queued", "running") for j in daemon.admin("job", "list")))
    census.over.set()
    census.join()
    jobs = daemon.admin("job", "list")
    assert len(jobs) == len(expected)
    assert all(j["state"] == "done" and j["attempts"] == 1 for j in jobs), jobs
    for account, api in enumerate(tenants):
        images = api.get("/1.0/images")
        assert {i["id"] for i in images} == {i for i, (owner, _) in expected.items() if owner == account}
        for image in images:
            data = expected[image["id"]][1]
            assert image["checksum"] == "sha256:" + hashlib.sha256(data).hexdigest()
            got = daemon.request("GET", f"/v1/{image['owner']}/images/{image['id']}?format=raw",
                                 headers={"X-Auth-Token": api.token})
            assert got.status == 200 and got.body == data
    assert all(census.most.get(name, 0) <= 3 for name in ("import", "darkroom-decode", "darkroom-commit")), census.most
    assert daemon.admin("store", "check", "--full")["problems"] == 0


def test_an_account_runs_no_more_than_its_own_limit(fresh, gate):
    daemon = fresh("import.concurrent=8")
    tenant = Tenant(daemon)
    api = tenant.api()
    daemon.admin("account", "limits", tenant.account, "--imports", "3")
    for n in range(6):
        gate.files[f"own{n}"] = noise(n, 512)
    images = [api.register(gate.url(f"own{n}")) for n in range(6)]
    gate.next(3)
    assert progress(api, images[5])["waits_for"] == "account"
    assert len([p for p, (parent, _) in processes(daemon).items() if parent == daemon.process.pid]) == 3
    for n in range(6):
        gate.let(f"own{n}")
    for image in images:
        api.settled(image)


# ---- cancelling ----

def stop_helper(daemon, name):
    """Freeze it: what an import looks like in the middle of something long."""
    pid = wait_for(lambda: next((p for p, (_, n) in processes(daemon).items() if n == name), None))
    os.kill(pid, signal.SIGSTOP)


def cancel_by_tenant(daemon, api, image):
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)


def cancel_by_operator(daemon, api, image):
    job = next(j for j in daemon.admin("job", "list") if j["image"] == image["id"])
    daemon.admin("job", "cancel", str(job["id"]))


@pytest.mark.parametrize("cancel", [cancel_by_tenant, cancel_by_operator])
@pytest.mark.parametrize("phase", ["queued", "fetching", "decoding", "storing", "hanging"])
def test_cancelling_stops_the_work_and_gives_the_quota_back(fresh, gate, phase, cancel):
    """`storing`: everything has been fetched and decoded; `hanging`: the launcher itself is stuck."""
    daemon = fresh("import.concurrent=1")
    tenant = Tenant(daemon)
    api = tenant.api()
    daemon.admin("account", "limits", tenant.account, "--stored-bytes", "2M")
    gate.files["wanted"] = gate.files["before"] = gate.files["after"] = noise(9, 2 * MIB)
    before = None
    if phase == "queued":
        before = Tenant(daemon).api().register(gate.url("before"))
        gate.next(1)
    image = api.register(gate.url("wanted", framing="chunked"))
    if phase != "queued":
        assert gate.next(1) == "wanted"
    helper = {"decoding": "darkroom-decode", "storing": "darkroom-commit", "hanging": "darkroom-import"}.get(phase)
    if helper:
        stop_helper(daemon, helper)
        if phase != "hanging":
            gate.let("wanted")
    if phase == "storing":
        wait_for(lambda: {n for _, n in processes(daemon).values()} == {"darkroom-import", "darkroom-commit"})
        wait_for(lambda: progress(api, image)["phase"] == "store")
        assert progress(api, image)["bytes_done"] == progress(api, image)["bytes_total"] == 2 * MIB
    began = time.monotonic()
    cancel(daemon, api, image)
    if before is None:
        wait_for(lambda: not processes(daemon))
    over = "deleted" if cancel is cancel_by_tenant else "failed"
    wait_for(lambda: api.get(f"/1.0/images/{image['id']}")["status"] == over)
    print(f"cancelled while {phase}: gone after {time.monotonic() - began:.2f} s")
    if before:
        gate.let("before")
    gate.let("after")
    api.settled(api.register(gate.url("after")))
    wait_for(lambda: daemon.admin("store", "collect", "--now")["leased"]["chunks"] == 0)
    assert daemon.admin("store", "check", "--full")["problems"] == 0
