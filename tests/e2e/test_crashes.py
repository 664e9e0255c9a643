# SPDX-License-Identifier: Apache-2.0
"""The daemon dies, or the power does: at every step of an import, and anywhere (hardening.md
section 4). Steps: R request accepted, D download, X chunks, C the barrier, P publish, G clean-up."""
import contextlib
import http.client
import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from conftest import Daemon, Tenant, wait_for
from preload import (all_is_well, check, died, environment, faulty, files, in_memory, preload, rows,
                     sha256, tmp_path)
import replay

MIB = 1 << 20
KILLS = int(os.environ.get("DARKROOM_KILLS", "12"))
CUTS = int(os.environ.get("DARKROOM_CUTS", "12"))


def disk_of(seed, mib, tail=512):
    """Noise, text and holes."""
    rnd = random.Random(seed)
    data = bytearray(mib * MIB + tail)
    for at in range(0, len(data), 700_000):
        data[at:at + 90_000] = rnd.randbytes(90_000)
        data[at + 90_000:at + 200_000] = (f"the quick brown fox {seed} ".encode() * 9000)[:110_000]
    return bytes(data[:mib * MIB + tail])


WAL = "catalogue.sqlite-wal"
STEPS = {  # ROW and SUM: what only the row and only the published row contain
    "R before its row": [f"darkroomd write {WAL} ROW 1 kill"],
    "R after its row": [f"darkroomd write {WAL} ROW 1 go", f"darkroomd sync {WAL} * 1 kill-after"],
    "D before the first chunk": ["darkroom-commit open tmp/ * 1 kill"],
    "D in a lease's record": ["darkroom-commit write leases/ * 2 kill-after"],
    "X in a chunk": ["darkroom-commit write tmp/ * 2 kill-after"],
    "X before a chunk's name": ["darkroom-commit rename chunks/ * 2 kill"],
    "X after a chunk's name": ["darkroom-commit rename chunks/ * 3 kill-after"],
    "C before the manifest's name": ["darkroom-commit rename blobs/ * 1 kill"],
    "C before the barrier": ["darkroom-commit syncfs * * 1 kill"],
    "C after the barrier": ["darkroom-commit syncfs * * 1 kill-after"],
    "P before the transaction": [f"darkroomd write {WAL} SUM 1 kill"],
    "P in the transaction": [f"darkroomd write {WAL} SUM 1 kill-after"],
    "P after the transaction": [f"darkroomd write {WAL} SUM 1 go", f"darkroomd sync {WAL} * 1 kill-after"],
    "G before the lease ends": ["darkroomd write leases/ * 1 kill"],
    "G after the lease has ended": ["darkroomd sync leases/ * 1 kill-after"],
}


@pytest.fixture(scope="module")
def worn(in_memory):
    """One data directory for all the steps: what one leaves behind, another trips over. `disks` is
    what must be in it."""
    daemon = Daemon(in_memory.mktemp("worn"), "store.collect_interval=0")
    tenant = Tenant(daemon)
    daemon.start()
    daemon.tenant_api = tenant.api()
    daemon.disks = {}
    yield daemon
    if daemon.process:
        daemon.kill()


@pytest.mark.parametrize("step", STEPS)
def test_a_server_killed_at_a_step_goes_on_from_there(worn, preload, source, step):
    disk = disk_of(step, 3)
    name = sha256(step.encode())[:16]
    source.files[name] = disk
    rules = ";".join(STEPS[step]).replace("ROW", name).replace("SUM", sha256(disk)[:32])
    api = worn.tenant_api
    assert worn.process is None or worn.stop() == 0
    with environment(LD_PRELOAD=preload, DR_FAULTS=rules):
        worn.start()
    told = None
    try:
        told = api.register(source.url(name), name=name)
    except (http.client.HTTPException, OSError):
        assert step.startswith("R")
    died(worn)
    assert check(worn)["problems"] == 0
    worn.start()
    found = [i for i in api.get("/1.0/images") if i["name"] == name]
    assert len(found) == (step != "R before its row")
    if told:
        assert found[0]["id"] == told["id"]
    if step == "P after the transaction" or step.startswith("G"):
        assert found[0]["status"] == "available"
    worn.disks.update({i["id"]: sha256(disk) for i in map(api.settled, found)})
    all_is_well(worn, api, worn.disks)


@pytest.mark.parametrize("call", ["unlink chunks/ * 2 kill-self", "unlink chunks/ * 2 kill-self-after",
                                  "unlink blobs/ * 1 kill-self", "unlink leases/ * 1 kill-self",
                                  "write leases/ * 1 kill-self-after"])
def test_a_collector_killed_in_the_middle_leaves_the_rest_to_the_next(fresh, preload, source, call):
    keep, gone = disk_of(2, 3), disk_of(3, 3)
    source.files.update(keep=keep, gone=gone)
    daemon = fresh("store.collect_interval=0")
    api = Tenant(daemon).api()
    kept, lost = (api.settled(api.register(source.url(name))) for name in ("keep", "gone"))
    # A job's lease that its server did not live to end.
    slow = api.register(source.url("gone", rate=100_000))
    wait_for(lambda: len(files(daemon.data / "store/leases")) == 3)
    daemon.kill()
    daemon.start()
    for image in (slow, lost):
        api("DELETE", f"/1.0/images/{image['id']}", expect=202)
        wait_for(lambda: api.get(f"/1.0/images/{image['id']}")["status"] == "deleted")
    with environment(LD_PRELOAD=preload, DR_FAULTS=f"darkroomd {call}"):
        with pytest.raises(subprocess.CalledProcessError) as died_of:
            wait_for(lambda: daemon.admin("store", "collect", "--now") and False)
    assert died_of.value.returncode == -9
    assert check(daemon)["problems"] == 0
    all_is_well(daemon, api, {kept["id"]: sha256(keep)})


@pytest.fixture(scope="module")
def kinds(in_memory):
    """{name: (file, disk)} of several formats and sizes, with chunks in common."""
    where = in_memory.mktemp("kinds")
    made = {}
    for number, (mib, tail) in enumerate([(1, 0), (2, 512), (6, 4096), (14, 0)]):
        disk = disk_of(number % 3, mib, tail)
        raw = where / f"disk{number}"
        raw.write_bytes(disk)
        made[f"raw{number}"] = raw, disk
        for name, command in (("lz4", ["lz4", "-q", raw]),
                              ("qcow2", ["qemu-img", "convert", "-c", "-O", "qcow2", raw])):
            if shutil.which(command[0]):
                packed = where / f"{name}{number}"
                subprocess.run([*command, packed], check=True)
                made[f"{name}{number}"] = packed, disk
    return made


def test_a_server_killed_at_random_instants_loses_and_keeps_nothing(fresh, source, kinds):
    """DARKROOM_KILLS=200 for the long form."""
    rnd = random.Random(int(os.environ.get("DARKROOM_SEED", "1")))
    for name, (path, _) in kinds.items():
        source.files[name] = path
    daemon = fresh("import.concurrent=3", "import.per_account=3")
    api = Tenant(daemon).api()
    wanted, available, open_ones = {}, {}, []
    for _ in range(KILLS):
        while len(open_ones) < 3:
            name = rnd.choice(list(kinds))
            faults = {"rate": 8_000_000} if rnd.random() < 0.3 else {}
            image = api.register(source.url(name, **faults))
            wanted[image["id"]] = sha256(kinds[name][1])
            open_ones.append(image["id"])
        if available and rnd.random() < 0.3:
            gone = rnd.choice(list(available))
            api("DELETE", f"/1.0/images/{gone}", expect=202)
            del available[gone]
        time.sleep(rnd.random() * 0.5)
        daemon.kill()
        if rnd.random() < 0.3:
            assert check(daemon)["problems"] == 0
        daemon.start()
        for image in list(open_ones):
            now = api.get(f"/1.0/images/{image}")
            assert now["status"] in ("creating", "available"), now
            if now["status"] == "available":
                available[image] = wanted[image]
                open_ones.remove(image)
    for image in open_ones:
        available[api.settled({"id": image})["id"]] = wanted[image]
    all_is_well(daemon, api, available)


def record_a_day(daemon, tenant, source, journal):
    """What may happen to a server; every word that a client has been given is in the journal."""
    api = tenant.api()

    def register(name):
        image = api.register(source.url(name))
        replay.mark(journal, f"registered {image['id']}")
        return image

    def settle(image):
        image = api.settled(image)
        replay.mark(journal, f"available {image['id']} {image['digest']}")
        return image

    first = settle(register("raw1"))
    two = [register("raw2"), register("raw0")]
    for image in two:
        settle(image)
    settle(register("raw2"))  # nothing new in it
    api("DELETE", f"/1.0/images/{first['id']}", expect=202)
    replay.mark(journal, f"deleted {first['id']}")
    with environment(**daemon.faults):
        daemon.admin("store", "collect", "--now")
        daemon.admin("store", "collect", "--now")
        assert daemon.stop() == 0
        daemon.start()
    settle(register("raw1"))
    unfinished = register("raw3")
    wait_for(lambda: api.get(f"/1.0/images/{unfinished['id']}")["status"] == "available"
             or len(files(daemon.data / "store/leases")) > 0)
    return api


def at(data):
    """A data directory that no server of ours has made."""
    made = Daemon.__new__(Daemon)
    made.data = data
    return made


def lost(_):
    return 0


def names_only(change):
    return change.concerns_names()


def content_only(change):
    return not change.concerns_names()


def what_was_told_is_there(daemon, told):
    found = {row[0]: row[1:] for row in rows(daemon, "SELECT id, status, digest FROM images")}
    expected = {}
    for words in told:
        verb, image, *digest = words.split()
        expected[image] = [verb, *digest]
    for image, (verb, *digest) in expected.items():
        assert image in found, (verb, image, found)
        if verb == "available":
            assert found[image] in [(s, digest[0].removeprefix("sha256:"))
                                    for s in ("available", "deleted", "deleting")], (image, found)
        elif verb == "deleted":
            assert found[image][0] in ("deleting", "deleted")


def test_a_power_cut_takes_nothing_that_was_acknowledged(faulty, source, kinds, tmp_path):
    """Data, then names, then the catalogue: shown by every state that POSIX allows after a cut."""
    rnd = random.Random(int(os.environ.get("DARKROOM_SEED", "1")))
    for name, (path, _) in kinds.items():
        source.files[name] = path
    journal = tmp_path / "journal"
    where = tmp_path / "recorded"
    where.mkdir()
    daemon = Daemon(where, "store.collect_interval=0")
    tenant = Tenant(daemon)
    recorded = replay.Replay(daemon.data)
    daemon = faulty(daemon=daemon, DR_RECORD=f"{daemon.data}:{journal}")
    api = record_a_day(daemon, tenant, source, journal)
    daemon.kill()
    recorded.load(journal)
    # Right behind every promise, and anywhere.
    promised = [i + 1 for i, c in enumerate(recorded.changes) if c.kind == "!"]
    assert len(promised) >= 12
    cuts = promised + [rnd.randrange(len(recorded.changes)) for _ in range(CUTS)]
    ways = [lost, names_only, content_only, lambda _: rnd.choice([0, 0.5, 1])]
    for n, cut in enumerate(cuts):
        cut_off = tmp_path / f"cut{n}"
        (cut_off / "data").mkdir(parents=True)
        recorded.state(cut, ways[n % len(ways)], cut_off / "data")
        after = at(cut_off / "data")
        assert check(after)["problems"] == 0, (n, cut)
        what_was_told_is_there(after, recorded.told(cut))
        if n % 12 == 11:  # and it goes on from there
            vars(after).update({**vars(daemon), "data": after.data, "log": cut_off / "log"})
            # Another directory is another server; this one's jobs need not wait for its lease.
            with contextlib.closing(sqlite3.connect(after.data / "catalogue.sqlite")) as db, db:
                db.execute("UPDATE jobs SET lease_until = 0 WHERE finished_at = 0")
            after.start()
            for image in api.get("/1.0/images"):
                if image["status"] != "deleted":
                    api.settled(image)
            assert after.stop() == 0
            assert check(after)["problems"] == 0
        shutil.rmtree(cut_off)
    # The judge knows a guilty one: a store without its barrier does not get through.
    for change in recorded.changes:
        change.sure = change.sure if change.path.startswith("catalogue") else 1 << 60
    careless = at(tmp_path / "careless")
    recorded.state(promised[1], lost, careless.data)
    with pytest.raises(subprocess.CalledProcessError):
        check(careless)
