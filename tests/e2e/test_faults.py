# SPDX-License-Identifier: Apache-2.0
"""What the machine may do to a library (hardening.md section 4): full and failing disks, locked and
damaged databases, killed helpers, jumping clocks, rot. test_crashes.py has the sudden deaths."""
import contextlib
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import BIN, Daemon, Tenant, request, wait_for
from preload import (all_is_well, check, environment, faulty, files, in_memory, preload, raw_of, rows,
                     sha256, tmp_path)

MIB = 1 << 20


def disk_of(seed, mib=3, tail=512):
    """Noise, text and holes."""
    rnd = random.Random(seed)
    data = bytearray(mib * MIB + tail)
    for at in range(0, len(data), 600_000):
        data[at:at + 100_000] = rnd.randbytes(100_000)
        data[at + 100_000:at + 250_000] = (f"a disk of {seed} ".encode() * 20_000)[:150_000]
    return bytes(data[:mib * MIB + tail])


def try_register(api, url):
    """The answer, whatever it is; the contract knows no words for a catalogue in trouble."""
    return api.daemon.request("POST", "/1.0/images", json.dumps({"http_url": url}).encode(),
                              {"Authorization": f"Bearer {api.token}"})


def retry_now(daemon):
    """Do not wait for the time of the next attempt."""
    with contextlib.closing(sqlite3.connect(daemon.data / "catalogue.sqlite", timeout=30)) as db, db:
        db.execute("UPDATE jobs SET not_before = 0 WHERE finished_at = 0")


def logged(daemon, pattern, after=0):
    return re.search(pattern, daemon.log.read_text()[after:])


# ---- the store cannot write ----

@pytest.fixture(scope="module")
def shaken(preload, in_memory):
    """A daemon whose committers fail as the file `rules` says; `disks` is what must be in it."""
    daemon = Daemon(in_memory.mktemp("shaken"), "store.collect_interval=0")
    tenant = Tenant(daemon)
    daemon.rules = daemon.directory / "rules"
    with environment(LD_PRELOAD=preload, DR_FAULTS=f"@{daemon.rules}"):
        daemon.start()
    daemon.tenant_api = tenant.api()
    daemon.disks = {}
    yield daemon
    assert daemon.stop() == 0


@pytest.mark.parametrize("call", [
    "open leases/ * 1", "write leases/ * 1", "write leases/ * 3", "open tmp/ * 2", "write tmp/ * 2",
    "mkdir chunks/ * 1", "rename chunks/ * 2", "write leases/ * 4", "rename blobs/ * 1", "syncfs * * 1"])
def test_a_full_store_fails_the_image_in_words_and_recovers(shaken, source, call):
    disk = disk_of(f"full {call}")
    source.files["full"] = disk
    api = shaken.tenant_api
    shaken.rules.write_text(f"darkroom-commit {call} ENOSPC")
    failed = api.settled(api.register(source.url("full")), "failed")
    assert failed["status_reason"].startswith("no-space: the library is full")
    assert rows(shaken, "SELECT data_bytes, reserved_bytes FROM images"
                f" WHERE id = '{failed['id']}'") == [(0, 0)]
    shaken.rules.unlink()
    shaken.disks[api.settled(api.register(source.url("full")))["id"]] = sha256(disk)
    all_is_well(shaken, api, shaken.disks)


@pytest.mark.parametrize("call", [
    "write tmp/ * 2 EIO", "rename chunks/ * 1 EIO", "write leases/ * 2 EIO", "syncfs * * 1 EIO",
    "open tmp/ * 1 EROFS", "open tmp/ * 2 EMFILE", "write tmp/ * 1+ kill-self"])
def test_a_failing_store_is_tried_again(shaken, source, call):
    disk = disk_of(f"failing {call}")
    source.files["failing"] = disk
    api = shaken.tenant_api
    shaken.rules.write_text(f"darkroom-commit {call}")
    before = len(shaken.log.read_text())
    image = api.register(source.url("failing"))
    wait_for(lambda: logged(shaken, f"image={image['id']} .*result=requeued", before))
    if call.startswith("syncfs"):
        # What the kernel takes for clean now must not be found by the next attempt.
        assert check(shaken)["leased"]["chunks"] == 0
    shaken.rules.unlink()
    retry_now(shaken)
    shaken.disks[api.settled(image)["id"]] = sha256(disk)
    all_is_well(shaken, api, shaken.disks)


def test_what_cannot_be_read_back_is_written_again(shaken, source):
    disk = disk_of("unreadable")
    source.files["unreadable"] = disk
    api = shaken.tenant_api
    shaken.disks[api.settled(api.register(source.url("unreadable")))["id"]] = sha256(disk)
    shaken.rules.write_text("darkroom-commit read chunks/ * 2 EIO")
    shaken.disks[api.settled(api.register(source.url("unreadable")))["id"]] = sha256(disk)
    shaken.rules.unlink()
    all_is_well(shaken, api, shaken.disks)


@pytest.mark.parametrize("where, calls", [("chunks/", 2), ("blobs/", 1)])
def test_a_disk_that_fails_to_read_fails_the_download_and_no_more(faulty, source, where, calls):
    disk = disk_of("unread")
    source.files["unread"] = disk
    daemon = faulty(f"darkroomd read {where} * {calls} EIO")
    api = Tenant(daemon).api()
    image = api.settled(api.register(source.url("unread")))
    daemon.armed.touch()
    with pytest.raises((AssertionError, http.client.HTTPException, OSError)):
        raw_of(api, image)
    # The file may be as good as ever: nothing has been moved or marked.
    assert files(daemon.data / "store/quarantine") == []
    all_is_well(daemon, api, {image["id"]: sha256(disk)})


@pytest.fixture
def mounted(tmp_path):
    """mounted(directory, size): a file system of that size there."""
    made = []

    def mount(directory, size):
        directory.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", directory],
                          capture_output=True).returncode:
            pytest.skip("cannot mount here")
        made.append(directory)
        return directory
    yield mount
    for directory in made:
        subprocess.run(["umount", "-l", directory], check=True)


def test_a_store_that_turns_read_only_serves_on_and_takes_imports_up_again(mounted, tmp_path, source):
    disk, more = disk_of("read-only"), disk_of("later")
    source.files.update(disk=disk, more=more)
    daemon = Daemon(tmp_path, "store.collect_interval=0")
    (daemon.data / "store").rename(tmp_path / "store")
    store = mounted(daemon.data / "store", "64M")
    shutil.copytree(tmp_path / "store", store, dirs_exist_ok=True)
    try:
        api = Tenant(daemon.start()).api()
        image = api.settled(api.register(source.url("disk")))
        subprocess.run(["mount", "-o", "remount,ro", store], check=True)
        assert raw_of(api, image) == disk
        later = api.register(source.url("more"))
        wait_for(lambda: logged(daemon, f"image={later['id']} .*result=requeued"))
        assert api.get(f"/1.0/images/{later['id']}")["status"] == "creating"
        assert api("DELETE", f"/1.0/images/{api.register(source.url('more'))['id']}").status == 202
        subprocess.run(["mount", "-o", "remount,rw", store], check=True)
        retry_now(daemon)
        api.settled(later)
        wait_for(lambda: not rows(daemon, "SELECT 1 FROM images WHERE status = 'deleting'"))
        all_is_well(daemon, api, {image["id"]: sha256(disk), later["id"]: sha256(more)})
    finally:
        assert daemon.stop() == 0


def test_a_log_that_cannot_be_written_stops_nothing(fresh, source, tmp_path):
    daemon = fresh()
    assert daemon.stop() == 0
    disk = disk_of("log")
    source.files["log"] = disk
    log, daemon.log = daemon.log, "/dev/full"
    daemon.start()
    daemon.log = log
    api = Tenant(daemon).api()
    failed = api.register(source.url("nothing-of-this-name"))
    image = api.settled(api.register(source.url("log")))
    api.settled(failed, "failed")
    all_is_well(daemon, api, {image["id"]: sha256(disk)})


# ---- the catalogue ----

def test_a_full_catalogue_refuses_and_passes(faulty, source):
    disk = disk_of("catalogue")
    source.files["catalogue"] = disk
    daemon = faulty("darkroomd write catalogue.sqlite * 1+ ENOSPC")
    tenant = Tenant(daemon)
    daemon.admin("account", "limits", tenant.account, "--stored-bytes", "1G")
    api = tenant.api()
    image = api.settled(api.register(source.url("catalogue")))
    slow = api.register(source.url("catalogue", rate=1_500_000))
    wait_for(lambda: api.get(f"/1.0/images/{slow['id']}")["progress"]["bytes_done"])
    daemon.armed.touch()
    refused = try_register(api, source.url("catalogue"))
    assert refused.status in (503, 507), refused
    assert raw_of(api, image) == disk
    assert len(api.get("/1.0/images")) == 2
    time.sleep(3)  # the slow one has come to its end, and could not say so
    daemon.armed.unlink()
    api.settled(slow)
    assert rows(daemon, "SELECT MAX(attempts) FROM jobs") == [(1,)]
    all_is_well(daemon, api, {image["id"]: sha256(disk), slow["id"]: sha256(disk)})


def test_a_catalogue_that_cannot_be_synced_promises_nothing(faulty, source):
    disk = disk_of("unsynced")
    source.files["unsynced"] = disk
    daemon = faulty("darkroomd sync catalogue.sqlite * 1 EIO")
    api = Tenant(daemon).api()
    daemon.armed.touch()
    refused = try_register(api, source.url("unsynced"))
    assert refused.status >= 500, refused
    assert api.get("/1.0/images") == []
    image = api.settled(api.register(source.url("unsynced")))
    all_is_well(daemon, api, {image["id"]: sha256(disk)})


@contextlib.contextmanager
def locked(daemon, seconds):
    """Another process holds the catalogue for so long."""
    program = ("import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
               "db.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(float(sys.argv[2]));"
               "db.execute('ROLLBACK')")
    catalogue = daemon.data / "catalogue.sqlite"
    holder = subprocess.Popen(["/usr/bin/python3", "-c", program, catalogue, str(seconds)],
                              stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "locked\n"
    try:
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_locked_catalogue_is_waited_for(fresh, source):
    disk = disk_of("locked")
    source.files["locked"] = disk
    daemon = fresh()
    api = Tenant(daemon).api()
    with locked(daemon, 2):
        image = api.register(source.url("locked"))  # 201, once it is free
    all_is_well(daemon, api, {api.settled(image)["id"]: sha256(disk)})


def test_a_catalogue_that_stays_locked_is_503_and_loses_no_import(fresh, source):
    disk = disk_of("locked for long")
    source.files["locked"] = disk
    daemon = fresh()
    api = Tenant(daemon).api()
    running = api.register(source.url("locked", rate=1_500_000))
    wait_for(lambda: api.get(f"/1.0/images/{running['id']}")["progress"]["bytes_done"])
    with locked(daemon, 60) as holder:
        busy = try_register(api, source.url("locked"))
        assert busy.status == 503 and busy.header("Retry-After"), busy
        assert api.get(f"/1.0/images/{running['id']}")["status"] == "creating"  # reading goes on
        time.sleep(8)  # it has ended, and cannot be published
        holder.kill()
    image = api.settled(running)
    # Not by doing all of it again.
    assert rows(daemon, "SELECT attempts FROM jobs") == [(1,)]
    all_is_well(daemon, api, {image["id"]: sha256(disk)})


def refuses(daemon, *words):
    before = {p: p.read_bytes() for p in files(daemon.data) if not p.name.endswith("-shm")}
    done = subprocess.run([BIN / "darkroomd", "serve", "--data", daemon.data, "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and all(w in done.stderr for w in words), done
    after = {p: p.read_bytes() for p in files(daemon.data) if not p.name.endswith("-shm")}
    assert {p: b for p, b in after.items() if b} == {p: b for p, b in before.items() if b}


def test_what_is_no_catalogue_of_ours_is_refused_and_left_alone(tmp_path):
    daemon = Daemon(tmp_path)
    catalogue = daemon.data / "catalogue.sqlite"
    good = catalogue.read_bytes()
    for damaged, word in ((good[:len(good) // 2], "cut short"), (b"", "cut short"), (good[:50], "cut short"),
                          (b"what is this?\n" * 1000, "not a database")):
        catalogue.write_bytes(damaged)
        refuses(daemon, "catalogue", word)
    catalogue.unlink()
    refuses(daemon, "catalogue.sqlite does not exist")
    assert not catalogue.exists()


def test_a_newer_version_is_refused_and_left_alone(tmp_path, source):
    source.files["newer"] = disk_of("newer")
    daemon = Daemon(tmp_path)
    api = Tenant(daemon.start()).api()
    image = api.register(source.url("newer", rate=1_500_000))
    committer = wait_for(lambda: set(processes(daemon.process.pid, "darkroom-commit"))).pop()
    daemon.kill()  # with a job in flight, whose last process ends a moment later
    wait_for(lambda: ended(committer))
    catalogue = daemon.data / "catalogue.sqlite"

    def version(sql):
        with contextlib.closing(sqlite3.connect(catalogue)) as db, db:
            db.execute(sql)
    version("INSERT INTO schema_migrations VALUES (999, 'from the future', 0)")
    refuses(daemon, "newer version", "999")
    version("DELETE FROM schema_migrations WHERE version = 999")
    (daemon.data / "store/format").write_text("darkroom-store 2\n")
    refuses(daemon, "newer version", "format 2")
    (daemon.data / "store/format").write_text("darkroom-store 1\n")
    daemon.start()
    image = api.settled(image)
    all_is_well(daemon, api, {image["id"]: sha256(source.files["newer"])})
    assert daemon.stop() == 0


# ---- processes ----

def processes(pid, name):
    """Processes of that name among the descendants of one."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            found, parent = re.search(r"\((.*)\) \S (\d+)", open(f"/proc/{p}/stat").read()).groups()
        except OSError:
            continue
        if int(parent) == pid:
            if found == name[:15]:
                yield int(p)
            yield from processes(int(p), name)


def ended(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_helper_hurts_only_its_import_which_is_tried_again(fresh, source):
    daemon = fresh("import.concurrent=8", "import.per_account=8")
    api = Tenant(daemon).api()
    disks, images = {}, {}
    for name in ("darkroom-import", "darkroom-fetch", "darkroom-commit"):
        source.files[name] = disk_of(name)
        running = set(processes(daemon.process.pid, name))
        images[name] = api.register(source.url(name, rate=1_200_000))
        victim = wait_for(lambda: set(processes(daemon.process.pid, name)) - running).pop()
        wait_for(lambda: (api.get(f"/1.0/images/{images[name]['id']}")["progress"] or {}).get("bytes_done"))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: logged(daemon, f"image={images[name]['id']} .*result=requeued"))
    source.files["untouched"] = disk_of("untouched")
    images["untouched"] = api.register(source.url("untouched"))
    retry_now(daemon)
    for name, image in images.items():
        disks[api.settled(image)["id"]] = sha256(source.files[name])
    all_is_well(daemon, api, disks)


@pytest.mark.parametrize("error", ["ENOMEM", "EMFILE"])
def test_an_import_that_cannot_be_started_is_tried_again(faulty, source, error):
    source.files["unstarted"] = disk_of("unstarted")
    daemon = faulty(f"darkroomd spawn * * 1 {error}")
    daemon.armed.touch()
    api = Tenant(daemon).api()
    image = api.register(source.url("unstarted"))
    wait_for(lambda: logged(daemon, f"image={image['id']} .*result=requeued"))
    retry_now(daemon)
    all_is_well(daemon, api, {api.settled(image)["id"]: sha256(source.files["unstarted"])})


def test_exhausted_descriptors_lose_no_job_and_no_time(tmp_path, source):
    disk = disk_of("descriptors")
    source.files["descriptors"] = disk
    daemon = Daemon(tmp_path)
    tenant = Tenant(daemon)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, limits[1]))
    try:
        daemon.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    api = tenant.api()
    image = api.register(source.url("descriptors", rate=1_500_000))
    where = daemon.base.removeprefix("http://").split(":")
    many = []
    try:
        for _ in range(100):
            one = http.client.HTTPConnection(where[0], int(where[1]), timeout=60)
            one.connect()
            many.append(one)
        began = processor_time(daemon)
        time.sleep(1.5)
        assert processor_time(daemon) - began < 0.6  # it does not spin
    finally:
        for one in many:
            one.close()
    image = api.settled(image)
    assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 60
    all_is_well(daemon, api, {image["id"]: sha256(disk)})
    assert daemon.stop() == 0


def processor_time(daemon):
    words = open(f"/proc/{daemon.process.pid}/stat").read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_a_stopping_server_leaves_nothing_to_repair(fresh, source):
    source.files["stopping"] = disk_of("stopping", 2)
    daemon = fresh("import.concurrent=4", "import.per_account=4")
    api = Tenant(daemon).api()
    images = [api.register(source.url("stopping", rate=rate)) for rate in (700_000, 900_000, 9_000_000)]
    wait_for(lambda: (api.get(f"/1.0/images/{images[0]['id']}")["progress"] or {}).get("bytes_done"))
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 30
    result = check(daemon)
    assert result["problems"] == 0 and result["leases_active"] == 0
    assert rows(daemon, "SELECT 1 FROM jobs WHERE state = 'running'") == []
    daemon.start()
    digest = sha256(source.files["stopping"])
    all_is_well(daemon, api, {api.settled(i)["id"]: digest for i in images})


# ---- the clock ----

DAY = 86400


@pytest.mark.parametrize("jump", [DAY, -DAY, 20 * 365 * DAY])
def test_a_clock_that_jumps_loses_no_import_and_no_chunk(faulty, source, tmp_path, jump):
    disk = disk_of("clock")
    source.files["clock"] = disk
    clock = tmp_path / "clock"
    clock.write_text("0")
    daemon = faulty(DR_CLOCK=clock, settings=["store.collect_interval=1", "import.concurrent=4",
                                              "import.per_account=4"])
    tenant = Tenant(daemon)
    api = tenant.api()
    kept = api.settled(api.register(source.url("clock")))
    running = api.register(source.url("clock", rate=700_000))
    waiting = api.register(source.url("clock", status=503, times=20))
    wait_for(lambda: (api.get(f"/1.0/images/{running['id']}")["progress"] or {}).get("bytes_done"))
    api("DELETE", f"/1.0/images/{waiting['id']}", expect=202)
    clock.write_text(str(jump))
    time.sleep(2.5)  # leases are looked at, collections run
    later = tenant.api()  # a token of then
    running = later.settled(running)
    new = later.settled(later.register(source.url("clock")))
    if jump > 0:
        assert new["created_at"] > kept["created_at"]
    clock.write_text("0")
    # Nothing was begun again, and the tokens given out before are as good as ever.
    assert rows(daemon, "SELECT MAX(attempts) FROM jobs WHERE state = 'done'") == [(1,)]
    digest = sha256(disk)
    all_is_well(daemon, api, {i["id"]: digest for i in (kept, running, new)})


# ---- rot ----

@pytest.fixture(scope="module")
def rotting(in_memory, source):
    """A daemon with one image, to be damaged and mended."""
    daemon = Daemon(in_memory.mktemp("rotting"), "store.collect_interval=0").start()
    daemon.disk = disk_of("rot")
    source.files["rot"] = daemon.disk
    daemon.api = Tenant(daemon).api()
    daemon.image = daemon.api.settled(daemon.api.register(source.url("rot")))
    daemon.good = {p: p.read_bytes() for p in files(daemon.data / "store")
                   if p.parent.parent.parent.name in ("chunks", "blobs")}
    assert len(daemon.good) == 5
    yield daemon
    assert daemon.stop() == 0


def remove(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def mend(daemon):
    for path, content in daemon.good.items():
        if path.is_symlink() or not path.is_file() or path.read_bytes() != content:
            remove(path)
            path.write_bytes(content)


def downloads(daemon, form):
    """The object, or None when that failed, as it must, loudly."""
    try:
        answer = request(daemon.base, "GET", f"/v1/{daemon.image['owner']}/images/{daemon.image['id']}{form}",
                         headers={"X-Auth-Token": daemon.api.token})
    except (http.client.HTTPException, OSError):
        return None
    return answer.body if answer.status == 200 else None


def found(daemon, full=True):
    """What check says; nothing when all is well."""
    done = subprocess.run([BIN / "darkroomd", "admin", "store", "check", *["--full"] * full, "--json",
                           "--data", daemon.data], capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert (done.returncode == 0) == (said["problems"] == 0)
    return said["found"]


def test_rot_at_random_is_never_served_and_always_found(rotting):
    rnd = random.Random(int(os.environ.get("DARKROOM_SEED", "1")))
    forms = ["", "?format=raw", "?format=qcow2"]
    truth = {form: downloads(rotting, form) for form in forms}
    assert truth["?format=raw"] == rotting.disk
    for n in range(int(os.environ.get("DARKROOM_ROT", "24"))):
        path = rnd.choice(sorted(rotting.good))
        data = bytearray(rotting.good[path])
        # Headers and ends as often as all that is between.
        at = rnd.choice([rnd.randrange(8), len(data) - 1 - rnd.randrange(8), rnd.randrange(len(data))])
        data[at] ^= 1 << rnd.randrange(8)
        path.write_bytes(data)
        form = forms[n % 3]
        if n % 2:
            assert downloads(rotting, form) is None, (path, at)
            assert not path.exists()  # out of the way of the next import
        problems = found(rotting)
        assert problems and all(p["image"] == rotting.image["id"] for p in problems), (path, at)
        if path.parent.parent.parent.name == "chunks":
            assert path.name[:12] in problems[0]["text"] and " MiB: " in problems[0]["text"]
        mend(rotting)
        assert downloads(rotting, form) == truth[form]


def swap(path, good):
    kind = path.parent.parent.parent
    others = [good[p] for p in sorted(good) if p != path and p.parent.parent.parent == kind]
    path.write_bytes([*others, good[path][::-1]][0])  # of manifests there is only one


DAMAGES = {
    "missing": lambda path, good: path.unlink(),
    "empty": lambda path, good: path.write_bytes(b""),
    "cut": lambda path, good: path.write_bytes(good[path][:-1]),
    "longer": lambda path, good: path.write_bytes(good[path] + bytes(1)),
    "much longer": lambda path, good: path.write_bytes(good[path] + bytes(3 * MIB)),
    "swapped": swap,
    "symlink": lambda path, good: (path.unlink(), path.symlink_to("/etc/passwd")),
    "symlink to a copy": lambda path, good: (path.rename(f"{path}.copy"),
                                             path.symlink_to(f"{path}.copy")),
    "FIFO": lambda path, good: (path.unlink(), os.mkfifo(path)),
    "directory": lambda path, good: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["chunks", "blobs"])
def test_damage_is_never_served_and_heals_with_the_next_import(rotting, source, kind, damage):
    victim = sorted(p for p in rotting.good if p.parent.parent.parent.name == kind)[0]
    DAMAGES[damage](victim, rotting.good)
    assert found(rotting, full=False) or damage == "swapped"
    if damage != "missing":
        mend(rotting)
        DAMAGES[damage](victim, rotting.good)
    for form in ("", "?format=raw"):
        assert downloads(rotting, form) is None
    problems = found(rotting)
    assert [p["image"] for p in problems] == [rotting.image["id"]]
    assert victim.name[:12] in problems[0]["text"] or kind == "blobs"
    again = rotting.api.settled(rotting.api.register(source.url("rot")))
    assert found(rotting) == []
    assert downloads(rotting, "?format=raw") == rotting.disk
    rotting.api("DELETE", f"/1.0/images/{again['id']}", expect=202)
    victim.with_name(f"{victim.name}.copy").unlink(missing_ok=True)


def block_by_another_encoder(plain, directory):
    """A chunk at rest as liblz4 does not make it for us: with its slowest search."""
    (directory / "plain").write_bytes(plain)
    frame = subprocess.run(["lz4", "-c", "-12", "-B6", "-BX", directory / "plain"], check=True,
                           capture_output=True).stdout
    return frame[7:8 + 3 + int.from_bytes(frame[7:11], "little") + 4]


def test_a_chunk_healed_by_another_encoder_gets_a_new_record(rotting, source, tmp_path):
    """The disk stays the same, its lz4 form becomes another."""
    if not shutil.which("lz4"):
        pytest.skip("no lz4 here")
    plain = rotting.disk[MIB:2 * MIB]
    chunk = next(p for p in rotting.good if p.name == sha256(plain))
    chunk.write_bytes(block_by_another_encoder(plain, tmp_path))
    first, rotting.image = rotting.image, rotting.api.settled(rotting.api.register(source.url("rot")))
    before = downloads(rotting, "")
    chunk.unlink()
    rotting.api.settled(rotting.api.register(source.url("rot")))
    assert before and downloads(rotting, "") is None
    assert downloads(rotting, "?format=raw") == rotting.disk
    problems = found(rotting, full=False)
    assert [(p["image"], p["fault"]) for p in problems] == [(rotting.image["id"], "disagrees")]
    assert "the record is right again" in problems[0]["text"]
    assert found(rotting) == []
    after = downloads(rotting, "")
    assert after != before
    (tmp_path / "object.lz4").write_bytes(after)
    subprocess.run(["lz4", "-q", "-d", tmp_path / "object.lz4", tmp_path / "raw"], check=True)
    assert (tmp_path / "raw").read_bytes() == rotting.disk
    digest = sha256(rotting.disk)
    all_is_well(rotting, rotting.api, {first["id"]: digest, rotting.image["id"]: digest})
    rotting.image = first


def test_what_was_moved_aside_is_kept_for_a_week(rotting, preload, source, tmp_path):
    clock = tmp_path / "clock"
    sorted(p for p in rotting.good)[0].write_bytes(b"rot")
    assert found(rotting)
    rotting.api.settled(rotting.api.register(source.url("rot")))
    aside = rotting.data / "store/quarantine"
    assert files(aside)
    with environment(LD_PRELOAD=preload, DR_CLOCK=clock):
        for days, left in ((6, True), (8, False)):
            clock.write_text(str(days * DAY))
            rotting.admin("store", "collect", "--now")
            assert bool(files(aside)) == left
