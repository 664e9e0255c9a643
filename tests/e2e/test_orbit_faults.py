# SPDX-License-Identifier: Apache-2.0
"""Uploads to Orbit while the machine fails (hardening.md section 4): the server dies at every step and
anywhere, the power goes, the disk is full or breaks, bits rot. What was acknowledged is there with
its bytes, what was not is invisible, what is left goes, and `store check --full` has the last word."""
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import Answer, Daemon, Tenant, wait_for
from preload import (check, died, environment, faulty, files, in_memory, preload, rows, tmp_path)
from test_crashes import at, content_only, lost, names_only
from test_faults import mounted
import replay

KILLS = int(os.environ.get("DARKROOM_KILLS", "12"))
CUTS = int(os.environ.get("DARKROOM_CUTS", "12"))
WAL = "catalogue.sqlite-wal"


class Box:
    """One container of a tenant."""

    def __init__(self, daemon, tenant):
        self.daemon = daemon
        self.tenant = tenant
        self.token = tenant.api().token

    def __call__(self, method, name="", body=None, headers=()):
        target = f"/v1/{self.tenant.account}/box{'/' * bool(name)}{name}"
        return self.daemon.request(method, target, body,
                                   {"X-Auth-Token": self.token, **dict(headers)})

    def make(self):
        """Directories and all, so that every upload makes the same calls."""
        for first in range(256):
            where = self.daemon.data / f"store/objects/{self.tenant.account}/{first:02x}"
            where.mkdir(mode=0o700, parents=True)
        assert self("PUT").status == 201
        return self

    def put(self, name, body):
        answer = self("PUT", name, body)
        assert answer.status == 201, answer
        assert answer.header("etag").strip('"') == hashlib.md5(body).hexdigest()

    def get(self, name):
        """The bytes, or None."""
        answer = self("GET", name)
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        return answer.body

    def names(self):
        answer = self("GET")
        assert answer.status in (200, 204), answer
        return answer.body.decode().split("\n")[:-1]


def chunked(box, name, body):
    """A PUT that does not say how long it will be."""
    where = urllib.parse.urlsplit(box.daemon.base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("PUT", f"/v1/{box.tenant.account}/box/{name}",
                           iter([body[at:at + 50_000] for at in range(0, len(body), 50_000)]),
                           {"X-Auth-Token": box.token}, encode_chunked=True)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())


def bytes_of(seed, size):
    return random.Random(str(seed)).randbytes(size)


def orbit_is_well(box, objects):
    """objects: {name: bytes}: they and nothing else."""
    daemon = box.daemon
    assert {name: box.get(name) for name in box.names()} == objects
    sums = box("HEAD")
    assert sums.header("x-container-object-count") == str(len(objects))
    assert sums.header("x-container-bytes-used") == str(sum(map(len, objects.values())))
    kept = daemon.admin("store", "collect", "--now")["objects_kept"]
    stored = [body for body in objects.values() if body]
    assert kept == {"objects": len(stored), "bytes": sum(map(len, stored))}
    found = check(daemon)
    assert found["problems"] == 0, found
    assert found["objects"] == len(stored)
    assert found["object_orphans"]["objects"] == 0
    assert len(files(daemon.data / "store/objects")) == len(stored)
    assert files(daemon.data / "store/tmp") == files(daemon.data / "store/quarantine") == []


# ---- sudden deaths ----

STEPS = {  # {step: (rules, the new object is there, files without a row)}; NAME is only in its row
    "before its first byte": (["open store/tmp * 1 kill"], False, 0),
    "in its bytes": (["write tmp/# * 1 kill-after"], False, 0),
    "before its name": (["link objects/ * 1 kill"], False, 0),
    "after its name": (["link objects/ * 1 kill-after"], False, 1),
    "before it is synced": (["sync tmp/# * 1 kill"], False, 1),
    "after it is synced": (["sync tmp/# * 1 kill-after"], False, 1),
    "after its name is synced": (["sync objects/ * 1 kill-after"], False, 1),
    "before its row": ([f"write {WAL} NAME 1 kill"], False, 1),
    "after its row": ([f"write {WAL} NAME 1 go", f"sync {WAL} * 1 kill-after"], True, 1),
    "before the old one goes": (["unlink objects/ * 1 kill"], True, 1),
    "after the old one has gone": (["unlink objects/ * 1 kill-after"], True, 0),
}


def start_doomed(daemon, preload, *rules):
    """It dies by the rules, from now on."""
    armed = daemon.directory / "armed"
    armed.unlink(missing_ok=True)
    with environment(LD_PRELOAD=preload, DR_ARM=armed,
                     DR_FAULTS=";".join(f"darkroomd {rule}" for rule in rules)):
        daemon.start()
    armed.touch()


@pytest.fixture(scope="module")
def worn(in_memory):
    """One data directory for all the steps; `objects` is what must be in it."""
    daemon = Daemon(in_memory.mktemp("worn"), "store.collect_interval=0")
    tenant = Tenant(daemon)
    daemon.start()
    daemon.box = Box(daemon, tenant).make()
    daemon.objects = {}
    yield daemon
    if daemon.process:
        daemon.kill()


@pytest.mark.parametrize("step", STEPS)
def test_a_server_killed_at_a_step_has_the_old_object_or_the_new_one(worn, preload, step):
    rules, there, left = STEPS[step]
    name, box = step.replace(" ", "-"), worn.box
    old, new = bytes_of(f"old {name}", 70_000), bytes_of(f"new {name}", 150_000)
    if not worn.process:
        worn.start()
    box.put(name, old)
    assert worn.stop() == 0
    start_doomed(worn, preload, *[rule.replace("NAME", name) for rule in rules])
    with pytest.raises((http.client.HTTPException, OSError)):
        box("PUT", name, new)
    died(worn)
    found = check(worn)
    assert (found["problems"], found["object_orphans"]["objects"]) == (0, left)
    worn.start()
    worn.objects[name] = new if there else old
    orbit_is_well(box, worn.objects)


def test_a_server_killed_while_deleting_has_deleted_or_not(worn, preload):
    box = worn.box
    if not worn.process:
        worn.start()
    for rule, there in ((f"write {WAL} * 1 kill", True), ("unlink objects/ * 1 kill", False)):
        box.put("deleted", b"text")
        assert worn.stop() == 0
        start_doomed(worn, preload, rule)
        with pytest.raises((http.client.HTTPException, OSError)):
            box("DELETE", "deleted")
        died(worn)
        worn.start()
        assert (box.get("deleted") == b"text") == there
    orbit_is_well(box, worn.objects)


def test_the_next_start_removes_what_the_last_has_left(fresh, preload):
    daemon = fresh()
    box = Box(daemon, Tenant(daemon)).make()
    assert daemon.stop() == 0
    start_doomed(daemon, preload, "link objects/ * 1 kill-after")
    with pytest.raises((http.client.HTTPException, OSError)):
        box("PUT", "x", b"text")
    died(daemon)
    assert len(files(daemon.data / "store/objects")) == 1
    daemon.start()
    wait_for(lambda: files(daemon.data / "store/objects") == [])
    orbit_is_well(box, {})


class Writer:
    """Puts and deletes a few names, one after the other, until the server dies; knows what each name
    may hold: what was acknowledged last, and what was on its way."""

    def __init__(self, box, number, seed):
        self.box = box
        self.rnd = random.Random(f"{seed} {number}")
        self.names = [f"{number}-{i}" for i in range(4)]
        self.acknowledged = {name: None for name in self.names}
        self.on_the_way = {}

    def run(self, stop):
        while not stop.is_set():
            name = self.rnd.choice(self.names)
            body = None
            if self.rnd.random() < 0.8:
                size = self.rnd.choice([0, 1, 4096, 30_000, 3_000_000])
                body = self.rnd.randbytes(self.rnd.randint(0, size))
            self.on_the_way = {name: body}
            try:
                answer = self.box("DELETE", name) if body is None else self.box("PUT", name, body)
            except (http.client.HTTPException, OSError):
                return
            assert answer.status in ((204, 404) if body is None else (201,)), answer
            self.acknowledged[name] = body
            self.on_the_way = {}

    def settle(self):
        """After the server's death: what is there now counts from now on."""
        for name in self.names:
            now = self.box.get(name)
            assert now == self.acknowledged[name] or \
                (name in self.on_the_way and now == self.on_the_way[name]), name
            self.acknowledged[name] = now
        self.on_the_way = {}


def test_a_server_killed_at_random_instants_keeps_what_it_acknowledged(fresh):
    """DARKROOM_KILLS=200 for the long form."""
    seed = os.environ.get("DARKROOM_SEED", "1")
    rnd = random.Random(seed)
    daemon = fresh()
    box = Box(daemon, Tenant(daemon)).make()
    writers = [Writer(box, number, seed) for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(len(writers)) as pool:
        for _ in range(KILLS):
            stop = threading.Event()
            running = [pool.submit(w.run, stop) for w in writers]
            time.sleep(rnd.random() * 0.4)
            daemon.kill()
            stop.set()
            for r in running:
                r.result()
            if rnd.random() < 0.3:
                assert check(daemon)["problems"] == 0
            daemon.start()
            for w in writers:
                w.settle()
    there = {n: b for w in writers for n, b in w.acknowledged.items() if b is not None}
    orbit_is_well(box, there)


def record_a_day(box, journal):
    """Every word that a client has been given is in the journal."""
    def put(name, body):
        box.put(name, body)
        replay.mark(journal, f"put {name} {hashlib.md5(body).hexdigest()}")

    for number in range(6):
        put(f"small-{number}", bytes_of(number, 3000 * number))
    put("large", bytes_of("large", 2_000_000))
    put("small-1", bytes_of("another", 5000))
    for name in ("small-2", "large"):
        assert box("DELETE", name).status == 204
        replay.mark(journal, f"deleted {name}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(put, f"at-once-{n}", bytes_of(n, 9000)) for n in range(12)]:
            done.result()


def what_was_told_is_there(daemon, told, later):
    """`later`: what was told after the cut, and may have happened before it."""
    there = dict(rows(daemon, "SELECT name, md5 FROM objects"))
    possible = {}
    for words in told:
        verb, name, *md5 = words.split()
        possible[name] = [md5[0] if verb == "put" else None]
    for words in later:
        verb, name, *md5 = words.split()
        possible.setdefault(name, [None]).append(md5[0] if verb == "put" else None)
    for name, values in possible.items():
        assert there.pop(name, None) in values, name
    assert there == {}


def test_a_power_cut_takes_no_object_that_was_acknowledged(faulty, tmp_path):
    """Bytes, then names, then the row: shown by every state that POSIX allows after a cut."""
    rnd = random.Random(int(os.environ.get("DARKROOM_SEED", "1")))
    journal = tmp_path / "journal"
    where = tmp_path / "recorded"
    where.mkdir()
    daemon = Daemon(where, "store.collect_interval=0")
    tenant = Tenant(daemon)
    recorded = replay.Replay(daemon.data)
    daemon = faulty(daemon=daemon, DR_RECORD=f"{daemon.data}:{journal}")
    box = Box(daemon, tenant)
    assert box("PUT").status == 201
    record_a_day(box, journal)
    daemon.kill()
    recorded.load(journal)
    promised = [i + 1 for i, c in enumerate(recorded.changes) if c.kind == "!"]
    assert len(promised) == 22
    cuts = promised + [rnd.randrange(len(recorded.changes)) for _ in range(CUTS)]
    ways = [lost, names_only, content_only, lambda _: rnd.choice([0, 0.5, 1])]
    for n, cut in enumerate(cuts):
        cut_off = tmp_path / f"cut{n}"
        (cut_off / "data").mkdir(parents=True)
        recorded.state(cut, ways[n % len(ways)], cut_off / "data")
        after = at(cut_off / "data")
        assert check(after)["problems"] == 0, (n, cut)
        told = recorded.told(cut)
        what_was_told_is_there(after, told, recorded.told(len(recorded.changes))[len(told):])
        shutil.rmtree(cut_off)
    # The judge knows a guilty one: a store that syncs nothing does not get through.
    for change in recorded.changes:
        change.sure = change.sure if change.path.startswith("catalogue") else 1 << 60
    careless = at(tmp_path / "careless")
    recorded.state(promised[3], lost, careless.data)
    with pytest.raises(subprocess.CalledProcessError):
        check(careless)


# ---- full and broken disks ----

@pytest.mark.parametrize("call", [
    "open store/tmp * 1 ENOSPC", "write tmp/# * 1 ENOSPC", "write tmp/# * 2 ENOSPC",
    "mkdir objects/ * 1 ENOSPC", "link objects/ * 1 ENOSPC", "sync tmp/# * 1 ENOSPC",
    "write tmp/# * 1 EIO", "link objects/ * 1 EIO", "sync tmp/# * 1 EIO", "sync objects/ * 1 EIO",
    f"write {WAL} * 1 ENOSPC", f"sync {WAL} * 1 EIO", "open store/tmp * 1 EMFILE"])
def test_an_upload_that_cannot_be_kept_is_refused_and_the_old_object_stays(faulty, call):
    daemon = faulty(f"darkroomd {call}")
    box = Box(daemon, Tenant(daemon)).make()
    old, new = bytes_of("old", 10_000), bytes_of("new", 1_500_000)
    box.put("x", old)
    if call.startswith("mkdir"):
        for where in daemon.data.glob("store/objects/*/*"):
            if not files(where):
                where.rmdir()
    daemon.armed.touch()
    answer = box("PUT", "x", new)
    assert answer.status in ((503, 507) if "ENOSPC" in call else (500, 503)), answer
    daemon.armed.unlink()
    orbit_is_well(box, {"x": old})
    box.put("x", new)
    orbit_is_well(box, {"x": new})


def test_a_full_disk_refuses_uploads_and_recovers_when_something_is_deleted(mounted, tmp_path):
    daemon = Daemon(tmp_path, "store.collect_interval=0")
    (daemon.data / "store").rename(tmp_path / "store")
    store = mounted(daemon.data / "store", "4M")
    shutil.copytree(tmp_path / "store", store, dirs_exist_ok=True)
    try:
        box = Box(daemon.start(), Tenant(daemon)).make()
        fits, large = bytes_of("fits", 2_000_000), bytes_of("large", 3_000_000)
        box.put("fits", fits)
        for put in (lambda: box("PUT", "fits", large), lambda: chunked(box, "new", large)):
            try:
                answer = put()
                assert answer.status in (503, 507), answer
            except (http.client.HTTPException, OSError):
                pass  # it hung up on what it would not take
            orbit_is_well(box, {"fits": fits})
        assert box("DELETE", "fits").status == 204
        box.put("large", large)
        orbit_is_well(box, {"large": large})
    finally:
        assert daemon.stop() == 0


# ---- rot ----

def test_a_rotten_object_is_named_moved_aside_and_never_served(fresh):
    daemon = fresh("store.collect_interval=0")
    box = Box(daemon, Tenant(daemon)).make()
    good = bytes_of("good", 100_000)
    for name in ("rotten", "sound"):
        box.put(name, good)
    [[key]] = rows(daemon, "SELECT blob FROM objects WHERE name = 'rotten'")
    path, = daemon.data.glob(f"store/objects/*/*/{key}")
    flipped = bytearray(good)
    flipped[77] ^= 4
    path.write_bytes(flipped)
    assert check(daemon, full=False)["problems"] == 0
    with pytest.raises(subprocess.CalledProcessError) as found:
        check(daemon)
    assert found.value.returncode == 1
    assert '"object": "rotten"' in found.value.stdout and '"sound"' not in found.value.stdout
    aside, = files(daemon.data / "store/quarantine")
    assert aside.read_bytes() == flipped
    answer = box("GET", "rotten")
    assert answer.status >= 500, answer
    assert box.get("sound") == good
    box.put("rotten", good)
    aside.unlink()
    orbit_is_well(box, {"rotten": good, "sound": good})


@pytest.mark.parametrize("damage", ["missing", "cut", "longer", "fifo", "symlink"])
def test_a_damaged_object_is_an_error_at_once(fresh, damage, tmp_path):
    daemon = fresh("store.collect_interval=0")
    box = Box(daemon, Tenant(daemon)).make()
    good = bytes_of("good", 100_000)
    box.put("x", good)
    path, = files(daemon.data / "store/objects")
    if damage == "cut":
        path.write_bytes(good[:-1])
    elif damage == "longer":
        path.write_bytes(good + b"x")
    else:
        path.unlink()
        if damage == "fifo":
            os.mkfifo(path)
        elif damage == "symlink":
            (tmp_path / "elsewhere").write_bytes(good)
            path.symlink_to(tmp_path / "elsewhere")
    assert box("GET", "x").status >= 500
    with pytest.raises(subprocess.CalledProcessError):
        check(daemon, full=False)
    box.put("x", good)
    for aside in (daemon.data / "store/quarantine").iterdir():
        aside.unlink()
    orbit_is_well(box, {"x": good})


def put_large(box, name, body):
    """A static large object of two segments."""
    half = len(body) // 2
    for n, part in enumerate((body[:half], body[half:])):
        box.put(f"{name}-{n}", part)
    parts = [{"path": f"/box/{name}-{n}"} for n in (0, 1)]
    answer = box("PUT", f"{name}?multipart-manifest=put", json.dumps(parts).encode())
    assert answer.status == 201, answer


@pytest.mark.parametrize("kind", ["one file", "large"])
def test_a_download_that_cannot_go_on_is_cut_and_never_looks_whole(faulty, kind):
    daemon = faulty("darkroomd read objects/ * 3+ EIO")
    box = Box(daemon, Tenant(daemon)).make()
    body = bytes_of("whole", 24_000_000)
    if kind == "one file":
        box.put("x", body)
    else:
        put_large(box, "x", body)
    daemon.armed.touch()
    with pytest.raises(http.client.IncompleteRead) as cut:
        box("GET", "x")
    assert cut.value.expected > 0 and body.startswith(cut.value.partial)
    daemon.armed.unlink()
    assert box.get("x") == body


def test_a_download_survives_a_kernel_that_will_not_send_files(faulty):
    daemon = faulty("darkroomd read objects/ * 2 EIO")
    box = Box(daemon, Tenant(daemon)).make()
    body = bytes_of("whole", 24_000_000)
    box.put("x", body)
    daemon.armed.touch()
    assert box.get("x") == body


# ---- time ----

def test_what_is_due_goes_and_a_clock_that_jumps_takes_nothing_with_it(faulty, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("0")
    daemon = faulty(settings=["orbit.expire_interval=1", "store.collect_interval=0"], DR_CLOCK=clock)
    box = Box(daemon, Tenant(daemon)).make()
    for name, seconds in (("later", 3600), ("soon", 1)):
        assert box("PUT", name, name.encode(), {"X-Delete-After": str(seconds)}).status == 201
    clock.write_text("7200")
    # A token is valid by the clock as it is.
    assert Box(daemon, box.tenant).get("later") is None
    # It takes its second, and the expirer has been by.
    wait_for(lambda: len(files(daemon.data / "store/objects")) == 1)
    clock.write_text("0")
    assert box.get("later") == b"later"
    orbit_is_well(box, {"later": b"later"})
