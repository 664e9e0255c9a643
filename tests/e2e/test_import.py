# SPDX-License-Identifier: Apache-2.0
"""The import from end to end: real tools make the sources and judge what comes out."""
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import BIN, Daemon, Tenant, wait_for

MIB = 1 << 20


def make_disk(path, sectors=(3 * MIB + 512) // 512, seed=1):
    """Noise, text and holes."""
    rnd = random.Random(seed)
    data = bytearray(sectors * 512)
    for at in range(0, len(data), 500_000):
        data[at:at + 100_000] = rnd.randbytes(100_000)
        data[at + 100_000:at + 200_000] = (b"all work and no play " * 5000)[:100_000]
    path.write_bytes(data[:sectors * 512])
    return path


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return make_disk(tmp_path_factory.mktemp("disk") / "disk")


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")


def object_of(api, image, target, query=""):
    """Download the image's object into a file."""
    answer = api.daemon.request("GET", f"/v1/{image['owner']}/images/{image['id']}{query}",
                                headers={"X-Auth-Token": api.token})
    assert answer.status == 200, answer
    target.write_bytes(answer.body)
    return target


MAKERS = {
    "raw": ("raw", "cp {d} {f}"),
    "lz4": ("raw+lz4", "lz4 -q {d} {f}"),
    "lz4-frames": ("raw+lz4", "head -c 1000000 {d} | lz4 -q >{f}; tail -c +1000001 {d} | lz4 -q >>{f}"),
    "lz4-legacy": ("raw+lz4", "lz4 -q -l {d} {f}"),
    "xz": ("raw+xz", "xz -T2 --block-size=500000 -1 -c {d} >{f}"),
    "xz-streams": ("raw+xz", "head -c 1000000 {d} | xz -0 >{f}; tail -c +1000001 {d} | xz -0 >>{f}"),
    "gzip": ("raw+gzip", "gzip -c {d} >{f}"),
    "gzip-members": ("raw+gzip", "head -c 1000000 {d} | gzip >{f}; tail -c +1000001 {d} | gzip >>{f}"),
    "zstd": ("raw+zstd", "zstd -q {d} -o {f}"),
    "zstd-frames": ("raw+zstd", "head -c 1000000 {d} | zstd -q >{f}; tail -c +1000001 {d} | zstd -q >>{f}"),
    "bzip2": ("raw+bzip2", "bzip2 -c {d} >{f}"),
    "qcow2": ("qcow2", "qemu-img convert -O qcow2 {d} {f}"),
    "qcow2-v2": ("qcow2", "qemu-img convert -O qcow2 -o compat=0.10 {d} {f}"),
    "qcow2-zlib": ("qcow2", "qemu-img convert -c -O qcow2 {d} {f}"),
    "qcow2-zstd": ("qcow2", "qemu-img convert -c -O qcow2 -o compression_type=zstd {d} {f}"),
    "qcow2-extended": ("qcow2", "qemu-img convert -O qcow2 -o extended_l2=on,cluster_size=128k {d} {f}"),
    "qcow2.xz": ("qcow2+xz", "qemu-img convert -O qcow2 {d} {f}.q && xz -0 -c {f}.q >{f}"),
    "qcow2.gz": ("qcow2+gzip", "qemu-img convert -O qcow2 {d} {f}.q && gzip -c {f}.q >{f}"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_comes_back_as_the_same_disk(api, source, disk, tmp_path, kind):
    need("lz4", "qemu-img", "xz", "zstd", "bzip2")
    source_format, command = MAKERS[kind]
    made = tmp_path / "made"
    run("bash", "-c", "set -e; " + command.format(d=disk, f=made))
    source.files[kind] = made
    image = api.settled(api.register(source.url(kind)))
    assert image["source_format"] == source_format
    assert image["checksum"] == "sha256:" + hashlib.sha256(made.read_bytes()).hexdigest()
    assert image["virtual_size"] == 4 and image["disk_size"] == 2 and image["progress"] is None
    assert image["status_reason"] in (None, "")

    packed = object_of(api, image, tmp_path / "object.lz4")
    run("lz4", "-t", packed)
    run("lz4", "-d", packed, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == disk.read_bytes()
    raw = object_of(api, image, tmp_path / "object.raw", "?format=raw")
    assert raw.read_bytes() == disk.read_bytes()
    qcow2 = object_of(api, image, tmp_path / "object.qcow2", "?format=qcow2")
    run("qemu-img", "check", "-f", "qcow2", qcow2)
    run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2, disk)


def test_inspect_says_what_an_import_says(api, source, disk, tmp_path):
    need("qemu-img")
    made = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-c", "-O", "qcow2", disk, made)
    source.files["inspected"] = made
    image = api.settled(api.register(source.url("inspected")))
    out = json.loads(run(BIN / "darkroomd", "inspect", made, "--json", "--decode", tmp_path / "raw").stdout)
    assert out["digest"] == image["digest"] and out["checksum"] == image["checksum"]
    assert out["format"] == "qcow2" and out["virtual_bytes"] == disk.stat().st_size
    assert (tmp_path / "raw").read_bytes() == disk.read_bytes()


def test_the_digest_can_be_recomputed_from_the_raw_disk(api, source, disk):
    source.files["digest"] = disk
    image = api.settled(api.register(source.url("digest")))
    data = disk.read_bytes()
    h = hashlib.sha256(len(data).to_bytes(8, "little") + MIB.to_bytes(4, "little"))
    for index, at in enumerate(range(0, len(data), MIB)):
        chunk = data[at:at + MIB]
        if any(chunk):
            h.update(index.to_bytes(8, "little") + hashlib.sha256(chunk).digest())
    assert image["digest"] == "sha256:" + h.hexdigest()


# ---- what is refused, and leaves nothing behind ----

def hostile(disk, tmp):
    """name: (bytes, reason)"""
    run("qemu-img", "convert", "-O", "qcow2", disk, tmp / "q")
    good = (tmp / "q").read_bytes()
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", tmp / "backed")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp}/data,data_file_raw=on",
        tmp / "data_file", "1M")
    run("qemu-img", "create", "-q", "-f", "vmdk", tmp / "vmdk", "1M")
    run("qemu-img", "create", "-q", "-f", "vdi", tmp / "vdi", "1M")
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", tmp / "vhd", "1M")
    gz = subprocess.run(["gzip", "-c", disk], capture_output=True, check=True).stdout
    return {
        "cut-qcow2": (good[:len(good) // 2], "truncated"),
        "cut-gzip": (gz[:len(gz) // 2], "truncated"),
        "flipped-gzip": (gz[:-6] + bytes([gz[-6] ^ 1]) + gz[-5:], "corrupt"),
        "odd": (disk.read_bytes()[:-100], "not-whole-sectors"),
        "empty": (b"", "empty"),
        "page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "not-an-image"),
        "backing": ((tmp / "backed").read_bytes(), "qcow2-backing"),
        "data-file": ((tmp / "data_file").read_bytes(), "qcow2-data-file"),
        "vmdk": ((tmp / "vmdk").read_bytes(), "format-vmdk"),
        "vdi": ((tmp / "vdi").read_bytes(), "format-vdi"),
        "fixed-vhd": ((tmp / "vhd").read_bytes(), "format-vhd"),
        "trailing": (gz + b"something else", "trailing-data"),
    }


def test_refusals_have_their_words_and_leave_no_chunk(fresh, source, disk, tmp_path):
    need("qemu-img")
    daemon = fresh()
    api = Tenant(daemon).api()
    for name, (data, reason) in hostile(disk, tmp_path).items():
        source.files[name] = data
        image = api.settled(api.register(source.url(name)), "failed")
        code, _, sentence = image["status_reason"].partition(": ")
        assert code == reason, (name, image["status_reason"])
        assert len(sentence) > 10 and "/" not in sentence
        answer = daemon.request("GET", f"/v1/{image['owner']}/images/{image['id']}",
                                headers={"X-Auth-Token": api.token})
        assert answer.status == 404
    left = daemon.admin("store", "collect", "--now")
    assert left["kept"]["chunks"] == 0 and left["leased"]["chunks"] == 0
    check = daemon.admin("store", "check", "--full")
    assert check["problems"] == 0 and check["orphans"]["chunks"] == 0


@pytest.mark.parametrize("kind", ["sha256", "sha512", "md5"])
def test_checksums_are_verified(api, source, disk, kind):
    source.files["summed"] = disk
    right = hashlib.new(kind, disk.read_bytes()).hexdigest()
    api.settled(api.register(source.url("summed"), checksum=f"{kind}:{right}"))
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    image = api.settled(api.register(source.url("summed"), checksum=f"{kind}:{wrong}"), "failed")
    assert image["status_reason"].startswith("checksum-mismatch: ")


def test_private_addresses_are_refused_without_permission(tmp_path, fresh, source, disk):
    source.files["private"] = disk
    daemon = fresh("import.allow=10.99.0.0/16")
    api = Tenant(daemon).api()
    answer = api.register(source.url("private"), expect=422)
    assert "not be fetched" in answer["errors"][0] or "not allowed" in answer["errors"][0], answer


def test_redirects_are_followed_and_checked_again(api, source, disk):
    source.files["moved"] = disk
    api.settled(api.register(source.url("moved", hops=3)))
    image = api.settled(api.register(source.url("moved", to="http://169.254.169.254/")), "failed")
    assert image["status_reason"].startswith("address-not-allowed: ")
    image = api.settled(api.register(source.url("moved", hops=9)), "failed")
    assert image["status_reason"].startswith("source-redirects: ")


# ---- faults ----

@pytest.mark.parametrize("ranges", ["yes", "no"])
def test_a_dropped_download_goes_on(api, source, disk, ranges):
    name = f"dropped-{ranges}"
    source.files[name] = disk
    image = api.settled(api.register(source.url(name, drop=1_000_000, times=1, ranges=ranges)))
    assert image["checksum"] == "sha256:" + hashlib.sha256(disk.read_bytes()).hexdigest()


def test_a_server_killed_in_the_middle_takes_the_import_up_again(fresh, source, disk, tmp_path):
    daemon = fresh()
    tenant = Tenant(daemon)
    api = tenant.api()
    source.files["killed"] = disk
    image = api.register(source.url("killed", rate=1_500_000))
    wait_for(lambda: (api.get(f"/1.0/images/{image['id']}")["progress"] or {}).get("bytes_done"))
    daemon.kill()
    daemon.start()
    image = api.settled(image)
    assert image["checksum"] == "sha256:" + hashlib.sha256(disk.read_bytes()).hexdigest()
    raw = object_of(api, image, tmp_path / "raw", "?format=raw")
    assert raw.read_bytes() == disk.read_bytes()
    # The dead one's lease is over, too.
    wait_for(lambda: daemon.admin("store", "collect", "--now")["leased"]["chunks"] == 0)
    assert daemon.admin("store", "check", "--full")["problems"] == 0


def test_a_stopping_server_gives_the_import_back(fresh, source, disk):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["stopped"] = disk
    image = api.register(source.url("stopped", rate=1_500_000))
    wait_for(lambda: (api.get(f"/1.0/images/{image['id']}")["progress"] or {}).get("bytes_done"))
    assert daemon.stop() == 0
    daemon.start()
    api.settled(image)
    assert daemon.admin("store", "check", "--full")["problems"] == 0


def test_a_second_server_on_the_same_data_is_refused(daemon):
    second = subprocess.run([BIN / "darkroomd", "serve", "--data", daemon.data, "--listen", "127.0.0.1:0"],
                            capture_output=True, text=True)
    assert second.returncode == 1 and "another darkroomd" in second.stderr


def decoder_of(pid):
    """The pid of a darkroom-decode among the descendants of a process."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{p}/stat").read()
        except OSError:
            continue
        name, parent = re.search(r"\((.*)\) \S (\d+)", stat).groups()
        if int(parent) == pid:
            if name.startswith("darkroom-decode"):
                return int(p)
            found = decoder_of(int(p))
            if found:
                return found
    return None


def test_a_killed_decoder_hurts_only_its_import(fresh, source, disk):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["victim"] = disk
    image = api.register(source.url("victim", rate=1_000_000))
    os.kill(wait_for(lambda: decoder_of(daemon.process.pid)), signal.SIGKILL)
    image = api.settled(image, "failed")
    assert image["status_reason"].startswith("needs-memory: ")
    api.settled(api.register(source.url("victim")))
    daemon.admin("store", "collect", "--now")
    assert daemon.admin("store", "check", "--full")["problems"] == 0


def test_cancelling_stops_the_import_and_frees_its_bytes(fresh, source, disk):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["cancelled"] = disk
    image = api.register(source.url("cancelled", rate=500_000))
    wait_for(lambda: decoder_of(daemon.process.pid))
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    wait_for(lambda: api.get(f"/1.0/images/{image['id']}")["status"] == "deleted")
    wait_for(lambda: not decoder_of(daemon.process.pid))
    wait_for(lambda: daemon.admin("store", "collect", "--now")["leased"]["chunks"] == 0)
    assert daemon.admin("store", "check", "--full")["orphans"]["chunks"] == 0


# ---- sharing ----

def test_the_same_disk_twice_is_stored_once(fresh, source, disk, tmp_path):
    need("qemu-img")
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["one"] = disk
    run("qemu-img", "convert", "-c", "-O", "qcow2", disk, tmp_path / "q")
    source.files["two"] = tmp_path / "q"
    first = api.settled(api.register(source.url("one")))
    before = daemon.admin("store", "collect", "--now")["kept"]
    second = api.settled(api.register(source.url("two")))
    after = daemon.admin("store", "collect", "--now")["kept"]
    assert first["digest"] == second["digest"]
    assert before == after and before["chunks"] == 4


def test_deleting_frees_its_own_chunks_and_nobody_elses(fresh, source, disk, tmp_path):
    daemon = fresh()
    tenant, other = Tenant(daemon), Tenant(daemon)
    api = tenant.api()
    data = disk.read_bytes()
    source.files["base"] = data
    # The same first two chunks, other ones behind.
    source.files["changed"] = data[:2 * MIB] + random.Random(5).randbytes(2 * MIB)
    keep = api.settled(api.register(source.url("changed")))
    gone = api.settled(api.register(source.url("base")))
    foreign = other.api().settled(other.api().register(source.url("base")))
    both = daemon.admin("store", "collect", "--now")["kept"]["chunks"]
    assert both == 4 + 2 + 4  # shared ones once; the other account has its own
    api("DELETE", f"/1.0/images/{gone['id']}", expect=202)
    wait_for(lambda: api.get(f"/1.0/images/{gone['id']}")["status"] == "deleted")
    freed = daemon.admin("store", "collect", "--now")
    assert freed["freed"]["chunks"] == 2 and freed["kept"]["chunks"] == 8
    assert daemon.admin("store", "check", "--full")["problems"] == 0
    raw = object_of(api, keep, tmp_path / "raw", "?format=raw")
    assert raw.read_bytes() == source.files["changed"]
    raw = object_of(other.api(), foreign, tmp_path / "raw", "?format=raw")
    assert raw.read_bytes() == data


def test_a_rotten_chunk_is_never_served_and_heals(fresh, source, disk, tmp_path):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["rotten"] = disk
    image = api.settled(api.register(source.url("rotten")))
    chunks = [p for p in (daemon.data / "store/chunks").rglob("*") if p.is_file()]
    victim = max(chunks, key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(data)
    out = tmp_path / "out"
    target = f"{daemon.base}/v1/{image['owner']}/images/{image['id']}"
    got = subprocess.run(["curl", "-s", "-f", "-o", out, "-H", f"X-Auth-Token: {api.token}", target])
    assert got.returncode != 0
    check = subprocess.run([BIN / "darkroomd", "admin", "store", "check", "--full", "--json", "--data",
                            daemon.data], capture_output=True, text=True)
    assert check.returncode == 1
    assert json.loads(check.stdout)["found"][0]["image"] == image["id"]
    api.settled(api.register(source.url("rotten")))
    assert daemon.admin("store", "check", "--full")["problems"] == 0
    object_of(api, image, out)
    run("lz4", "-d", "-f", out, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == disk.read_bytes()


# ---- many at once ----

def test_many_queued_imports_finish_and_none_is_lost(fresh, source, tmp_path):
    daemon = fresh("import.concurrent=2")
    tenants = [Tenant(daemon).api() for _ in range(3)]
    expected = {}
    for n in range(24):
        data = bytes(512) + random.Random(n).randbytes(512 * (n + 1))
        source.files[f"small{n}"] = data
        image = tenants[n % 3].register(source.url(f"small{n}"), name=f"small{n}")
        expected[image["id"]] = (tenants[n % 3], image, hashlib.sha256(data).hexdigest())
    for api, image, digest in expected.values():
        assert api.settled(image)["checksum"] == "sha256:" + digest
    assert daemon.admin("store", "check", "--full")["problems"] == 0
    assert all(j["state"] == "done" for j in daemon.admin("job", "list"))


def test_waiting_imports_say_so(fresh, source, disk):
    daemon = fresh("import.concurrent=1")
    api = Tenant(daemon).api()
    source.files["first"] = disk
    first = api.register(source.url("first", rate=200_000))
    second = api.register(source.url("first"))
    wait_for(lambda: api.get(f"/1.0/images/{first['id']}")["progress"]["phase"] == "download")
    assert api.get(f"/1.0/images/{second['id']}")["progress"]["phase"] == "queued"
    api("DELETE", f"/1.0/images/{first['id']}", expect=202)
    api.settled(second)


def test_a_full_quota_fails_the_image_and_frees_it(fresh, source, tmp_path):
    daemon = fresh()
    tenant = Tenant(daemon)
    api = tenant.api()
    daemon.admin("account", "limits", tenant.account, "--stored-bytes", "3M")
    source.files["two"] = random.Random(1).randbytes(2 * MIB)
    source.files["more"] = random.Random(2).randbytes(2 * MIB)
    first = api.settled(api.register(source.url("two")))
    second = api.settled(api.register(source.url("more")), "failed")
    assert second["status_reason"].startswith("quota: ")
    assert daemon.admin("store", "collect", "--now")["kept"]["chunks"] == 2
    api("DELETE", f"/1.0/images/{first['id']}", expect=202)
    api.settled(api.register(source.url("more")))


# ---- helpers that break their word ----

@pytest.fixture
def with_helper(fresh, tmp_path, monkeypatch):
    """with_helper(name, program, *settings): a daemon that runs `program` as that helper."""
    def make(name, program, *settings):
        place = tmp_path / f"libexec-{name}"
        place.mkdir()
        (place / name).symlink_to(shutil.which(program))
        with monkeypatch.context() as m:
            m.setenv("DARKROOM_LIBEXEC", str(place))
            # Nothing would be imported at all with a decoder that does not pass its self-test.
            return fresh("import.require_sandbox=false", *settings)
    return make


def test_a_helper_that_ends_without_its_last_word_fails_the_import(with_helper, source, disk):
    source.files["unsaid"] = disk
    expected = {"fetch": "fetcher-crashed: ", "decode": "decoder-crashed: ", "commit": "store-failed: "}
    waiting = []
    for name in expected:  # all at once: each is tried again, seconds later
        api = Tenant(with_helper(f"darkroom-{name}", "true")).api()
        waiting.append((name, api, api.register(source.url("unsaid"))))
    for name, api, image in waiting:
        assert api.settled(image, "failed")["status_reason"].startswith(expected[name])


def test_inspect_outlives_a_decoder_without_a_last_word(disk, tmp_path):
    (tmp_path / "darkroom-decode").symlink_to(shutil.which("true"))
    done = subprocess.run([BIN / "darkroomd", "inspect", disk], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "DARKROOM_LIBEXEC": str(tmp_path)})
    assert done.returncode == 1 and "decoder-crashed: " in done.stdout, done


def test_an_import_that_hangs_runs_out_of_time(fresh, source, disk):
    daemon = fresh("import.total_seconds=5")
    api = Tenant(daemon).api()
    source.files["hanging"] = disk
    image = api.register(source.url("hanging", rate=1_500_000))
    os.kill(wait_for(lambda: decoder_of(daemon.process.pid)), signal.SIGSTOP)
    assert api.settled(image, "failed")["status_reason"].startswith("timed-out: ")
    assert not decoder_of(daemon.process.pid)


def test_what_follows_a_qcow2_file_is_read_to_its_end(api, source, disk, tmp_path):
    need("qemu-img")
    run("qemu-img", "convert", "-O", "qcow2", disk, tmp_path / "q")
    source.files["followed"] = (tmp_path / "q").read_bytes() + bytes(9 * MIB)
    image = api.settled(api.register(source.url("followed")))
    assert image["checksum"] == "sha256:" + hashlib.sha256(source.files["followed"]).hexdigest()


def imports_of(pid):
    """The launchers that a daemon has running."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, parent = re.search(r"\((.*)\) \S (\d+)", open(f"/proc/{p}/stat").read()).groups()
        except OSError:
            continue
        if name == "darkroom-import" and int(parent) == pid:
            found.append(int(p))
    return found


def test_a_runner_that_lost_its_lease_stops_and_leaves_the_next_ones_chunks(fresh, source, disk):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["overslept"] = disk
    image = api.register(source.url("overslept", rate=400_000))
    wait_for(lambda: imports_of(daemon.process.pid))

    def taken_over():
        # As after a long sleep of the machine: nobody has renewed the lease.
        with contextlib.closing(sqlite3.connect(daemon.data / "catalogue.sqlite", timeout=30)) as db, db:
            db.execute("UPDATE jobs SET lease_until = 1 WHERE state = 'running' AND attempts = 1")
            return db.execute("SELECT attempts FROM jobs").fetchone()[0] == 2
    wait_for(taken_over)
    wait_for(lambda: len(imports_of(daemon.process.pid)) == 1, patience=5)
    wait_for(lambda: daemon.admin("store", "collect", "--now")["leased"]["chunks"])
    api.settled(image)
    daemon.admin("store", "collect", "--now", "--set", "store.collect_grace=0")
    assert daemon.admin("store", "check", "--full")["problems"] == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    where = tmp_path / "small"
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48M", "tmpfs", where], capture_output=True).returncode:
        pytest.skip("cannot mount here")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def test_a_full_disk_fails_the_image_and_passes_when_there_is_room(small_disk, source):
    daemon = Daemon(small_disk).start()
    try:
        api = Tenant(daemon).api()
        source.files["large"] = random.Random(9).randbytes(64 * MIB)
        source.files["fits"] = random.Random(8).randbytes(4 * MIB)
        failed = api.settled(api.register(source.url("large")), "failed")
        assert failed["status_reason"].startswith("no-space: the library is full")
        daemon.admin("store", "collect", "--now")
        api.settled(api.register(source.url("fits")))
        assert daemon.admin("store", "check", "--full")["problems"] == 0
    finally:
        assert daemon.stop() == 0
