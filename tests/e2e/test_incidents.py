# SPDX-License-Identifier: Apache-2.0
"""What happened to others (hardening.md section 6), by the names it is known under: each of these
holes is tried here, from end to end. Wider tests of the same rules are elsewhere; these say that
the history does not repeat itself."""
import gzip
import json
import os
import random
import re
import subprocess
import time

import pytest

from conftest import BIN, Daemon, Tenant, grant, wait_for
from hostile_qcow2 import Image

MIB = 1 << 20
CAP = 64 * MIB  # of a disk
LIBEXEC = BIN.parent / "libexec/darkroom"
DISK = random.Random(6).randbytes(3 * MIB)
SETTINGS = [f"import.virtual_bytes={CAP}", "import.upload_bytes=8M", "import.concurrent=8", "import.per_account=8",
            "import.backoff_seconds=0", "store.collect_grace=0", "log.level=debug", "log.requests=true"]
HOST_FILE = b"/etc/passwd"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A daemon with small limits. Whatever the tests did to it, its store is sound at the end."""
    made = Daemon(tmp_path_factory.mktemp("incidents"), *SETTINGS).start()
    yield made
    assert made.admin("store", "check", "--full")["problems"] == 0
    assert made.stop() == 0


@pytest.fixture(scope="module")
def anybody(library):
    """A tenant of whom no test needs more than that."""
    return Tenant(library)


@pytest.fixture(scope="module")
def api(anybody):
    return anybody.api()


@pytest.fixture
def owner(library):
    """A tenant whose limits a test may set."""
    return Tenant(library)


@pytest.fixture
def refuses(api, source):
    """refuses(data, code, **faults): the import's sentence. There is nothing to be had of it."""
    def check(data, code, **faults):
        source.files["incident"] = data
        image = api.settled(api.register(source.url("incident", **faults)), "failed")
        found, _, sentence = image["status_reason"].partition(": ")
        assert re.fullmatch(code, found), image["status_reason"]
        assert "/etc" not in sentence and "passwd" not in sentence
        assert object_of(api, image).status == 404
        return sentence
    return check


def object_of(api, image, method="GET", headers=()):
    return api.daemon.request(method, f"/v1/{image['owner']}/images/{image['id']}?format=raw",
                              headers={"X-Auth-Token": api.token, **dict(headers)})


def packings(data):
    """The same thing, out in the open and inside what is taken apart."""
    return {"plain": data, "gzip": gzip.compress(data, 1)}


def named(image, name=HOST_FILE, at=256):
    """With the name of a file of the host in its header."""
    image.data[at:at + len(name)] = name
    return image


# ---- sizes and tables: what a header may make a reader do ----

@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_cve_2013_2096_4463_4469_the_virtual_size_is_checked_before_anything_is_made(refuses, packing):
    huge = Image().edit(size=CAP + 512, l1_size=4096)
    sentence = refuses(packings(bytes(huge))[packing], "too-large")
    assert str(CAP + 512) in sentence and str(CAP) in sentence


def test_cve_2013_2096_4463_4469_the_disk_is_counted_while_it_is_decoded(refuses):
    refuses(gzip.compress(bytes(CAP + 512), 1), "too-large")
    refuses(gzip.compress(bytes(CAP), 1) + gzip.compress(bytes(512)), "too-large")


NEAR_THE_END = 2**64 - 512
PROBES = {
    "size-63": {"size": 2**63}, "size-64": {"size": 2**64 - 1}, "size-64-sectors": {"size": 2**64 - 512},
    "l1-31": {"l1_size": 2**31 - 1}, "l1-32": {"l1_size": 2**32 - 1}, "l1-none": {"l1_size": 0},
    "l1-wraps": {"l1_offset": NEAR_THE_END, "l1_size": 4096},
    "refcounts-wrap": {"refcount_offset": NEAR_THE_END, "refcount_clusters": 2**32 - 1},
    "refcounts-many": {"refcount_clusters": 2**31}, "refcount-order": {"refcount_order": 64},
    "snapshots-many": {"snapshots": 2**32 - 1, "snapshots_offset": 512},
    "snapshots-wrap": {"snapshots": 65536, "snapshots_offset": NEAR_THE_END},
    "header-length": {"header_length": 2**32 - 8},
    "smallest-clusters-largest-disk": {"size": 2**37, "l1_size": 2**22},
    **{f"cluster-bits-{bits}": {"cluster_bits": bits} for bits in (0, 8, 22, 31, 32, 63, 64, 2**32 - 1)},
}


@pytest.mark.parametrize("probe", PROBES)
def test_cve_2014_0142_to_0148_0222_0223_no_field_overflows_anything(refuses, probe):
    refuses(bytes(Image().edit(**PROBES[probe])), "qcow2-.*|too-large")


def test_cve_2015_5162_tables_that_share_and_loop_cost_nothing(refuses):
    for guests in ((0, 1), (1, 0), (3, 2)):
        image = Image()
        image.l2(guests[0], 1 << 63 | image.host(guests[1]))
        refuses(bytes(image), "qcow2-overlap")
    # Every L2 table the same one, which is how 384 KiB read as 512 GiB; and the L1 table as its own.
    entries = CAP // (512 * 64)
    shared = Image().edit(size=CAP, l1_size=entries)
    at = shared.append(bytes(8 * entries))
    shared.edit(l1_offset=at)
    for index in range(entries):
        shared.write(at + 8 * index, 8, 1 << 63 | 3 * shared.cluster)
    refuses(bytes(shared), "qcow2-overlap")
    refuses(bytes(Image().l1(0, 1 << 63 | 2 * 512)), "qcow2-overlap")


def test_cve_2015_5162_a_bomb_ends_at_the_cap(refuses):
    bomb = gzip.compress(bytes(16 * MIB), 9) * 64
    assert len(bomb) < 2 * MIB
    refuses(bomb, "too-large")


# ---- where the bytes come from ----

LOCATIONS = ["file:///etc/passwd", "filesystem:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd",
             "/etc/passwd", "swift+http://u:p@127.0.0.1/c/o", "cinder://volume", "rbd://pool/image/snap",
             "vsphere://x/folder", "sheepdog://x", "data:,x", "http+unix://%2Frun%2Fx/y", "jar:file:///x"]


@pytest.mark.parametrize("location", LOCATIONS)
def test_cve_2014_9493_2015_1195_a_location_is_a_web_address(api, location):
    api.register(location, expect=422)


def test_cve_2014_9493_2015_1195_no_other_member_is_a_location(api, source):
    source.files["incident"] = DISK
    members = {name: "file:///etc/passwd" for name in (
        "location", "locations", "copy_from", "source_url", "direct_url", "path", "file", "image_url", "manifest",
        "x-image-meta-location", "x-glance-api-copy-from", "store", "spool", "domain")}
    image = api.settled(api.register(source.url("incident"), **members))
    assert object_of(api, image).body == DISK
    assert "passwd" not in json.dumps(image)
    for name in ("source", "server", "volume"):
        api.register(None, expect=422, **{name: "file:///etc/passwd"})


def forbidden_urls(port):
    """A few of the spellings of one address; all of them are tests of the fetcher."""
    return [f"http://{host}/latest/" for host in (
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
        "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "%31%36%39.254.169.254")] + [
            f"http://0.0.0.0:{port}/", f"http://[::]:{port}/", f"http://localhost:{port}/"]


def test_cve_2026_34881_every_entrance_checks_every_spelling(library, owner, source):
    urls = forbidden_urls(source.port)
    source.accepted.clear()
    # As each of the actors that may register, by each name of the member and of the path.
    for api in (owner.api(), owner.user_api()):
        for url in urls:
            api.register(url, expect=422)
            api.register(None, expect=422, source=url)
            for path in ("/1.0/images/", f"/1.0/images?account_id={owner.account}"):
                answer = api("POST", path, {"http_url": url})
                assert answer.status in (404, 422), answer
    assert owner.api().get("/1.0/images") == []
    assert source.accepted == []


def test_cve_2026_34881_every_redirect_is_checked_like_the_first_url(api, source):
    images = {url: api.register(source.url("incident", to=url)) for url in forbidden_urls(source.port)}
    for url, image in images.items():
        reason = api.settled(image, "failed")["status_reason"]
        assert reason.startswith(("address-not-allowed: ", "source-redirects: ")), (url, reason)
        assert "169" not in reason and "latest" not in reason


# ---- disks that depend on a file of the host ----

def backed(**fields):
    return named(Image().edit(backing_offset=256, backing_size=len(HOST_FILE), **fields))


BACKED = {
    "by-name": backed(),
    "version-2": named(Image(version=2).edit(backing_offset=256, backing_size=len(HOST_FILE))),
    "nameless": Image().edit(backing_offset=256),
    "json": named(Image().edit(backing_offset=256, backing_size=31), b'json:{"file":{"filename":"/x"}}'),
    "nbd": named(Image().edit(backing_offset=256, backing_size=19), b"nbd://127.0.0.1/etc"),
    "absent": named(Image().edit(backing_offset=256, backing_size=8), b"/no/such"),
    "with-format": backed().extension(0xE2792ACA, b"raw"),
}


@pytest.mark.parametrize("packing", ["plain", "gzip"])
@pytest.mark.parametrize("kind", BACKED)
def test_cve_2015_1850_1851_5163_a_backing_file_is_refused(refuses, kind, packing):
    refuses(packings(bytes(BACKED[kind]))[packing], "qcow2-backing")


DATA_FILES = {
    "feature": Image().edit(incompatible=4),
    "feature-and-name": Image().edit(incompatible=4).extension(0x44415441, HOST_FILE),
    "name-only": Image().extension(0x44415441, HOST_FILE),
    "raw": Image().edit(incompatible=4, autoclear=2).extension(0x44415441, HOST_FILE),
    "raw-without-the-feature": Image().edit(autoclear=2),
    "second-extension": Image().extension(0x6803F857, bytes(48)).extension(0x44415441, HOST_FILE),
}


@pytest.mark.parametrize("packing", ["plain", "gzip"])
@pytest.mark.parametrize("kind", DATA_FILES)
def test_cve_2024_32498_an_external_data_file_is_refused(refuses, kind, packing):
    refuses(packings(bytes(DATA_FILES[kind]))[packing], "qcow2-data-file")


DESCRIPTOR = (b"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
              b"RW 6144 FLAT \"/etc/passwd\" 0\nddb.adapterType = \"ide\"\n")
VMDK = {
    "descriptor": DESCRIPTOR.ljust(4096, b"\n"),
    "descriptor-in-sectors": DESCRIPTOR.ljust(65536, b"\0") + DISK,
    "sparse": (b"KDMV" + (1).to_bytes(4, "little")).ljust(512, b"\0") + DESCRIPTOR.ljust(20 * 512, b"\0") + DISK,
    "esx": b"COWD".ljust(2048, b"\0") + DISK,
}


@pytest.mark.parametrize("packing", ["plain", "gzip"])
@pytest.mark.parametrize("kind", VMDK)
def test_cve_2022_47951_a_vmdk_that_names_a_host_file_is_refused(refuses, kind, packing):
    refuses(packings(VMDK[kind])[packing], "format-vmdk")


def inside(disk):
    """A qcow2 image of a guest's disk that looks like something else."""
    return bytes(Image(bits=16, disk=bytes(disk).ljust(2 * 65536, b"\0")))


CONTAINERS = {"qcow2": bytes(backed()), "vmdk": VMDK["descriptor"], "vmdk-sparse": VMDK["sparse"][:65536],
              "qed": b"QED\0".ljust(512, b"\0"), "vdi": bytes(0x40) + b"\x7f\x10\xda\xbe" + bytes(444),
              "vhdx": b"vhdxfile".ljust(512, b"\0"), "vhd": b"conectix".ljust(512, b"\0"),
              "vhd-footer": bytes(2 * 65536 - 512) + b"conectix".ljust(512, b"\0"),
              "gzip": gzip.compress(DISK[:512])}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_cve_2024_40767_2026_24708_no_stored_disk_can_be_taken_for_another_format(refuses, kind):
    refuses(inside(CONTAINERS[kind]), "nested-.*|format-.*")
    if kind != "qcow2":  # which is one, whatever it is called, and refused for what it says
        disk = CONTAINERS[kind].ljust(2 * 65536, b"\0")
        refuses(gzip.compress(disk), "nested-.*|format-.*")


@pytest.mark.parametrize("name", ["disk.raw", "disk.img", "disk.raw.gz", "disk"])
def test_cve_2024_40767_2026_24708_what_it_is_called_makes_nothing_raw(api, source, name):
    source.files[name] = bytes(backed())
    head = "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=disk.raw"
    image = api.register(source.url(name, head=head), disk_format="raw", container_format="bare", format="raw")
    assert api.settled(image, "failed")["status_reason"].startswith("qcow2-backing: ")


# ---- no foreign tool, no library that was broken ----

def programs():
    """Everything that a package holds."""
    found = [path for place in (BIN, LIBEXEC) for path in place.iterdir() if path.is_file()]
    assert {path.name for path in found} >= {"darkroomd", "darkroom-decode", "darkroom-import"}
    return found


def test_cve_2024_4467_no_program_of_ours_can_call_qemus_tools():
    # They may be named in a sentence, but not as a word of a command.
    command = re.compile(rb"[-/.\w]*(qemu-(img|io|nbd|storage-daemon|system-\w+)|libqemu\S*)")
    for path in programs():
        assert not [text for text in path.read_bytes().split(b"\0") if command.fullmatch(text)], path.name


def test_cve_2024_4467_no_qemu_is_started(fresh, source, tmp_path, monkeypatch):
    mark = tmp_path / "started"
    for tool in ("qemu-img", "qemu-io", "qemu-nbd", "file", "lz4", "xz", "gzip", "zstd"):
        fake = tmp_path / tool
        fake.write_text(f"#!/bin/sh\necho $0 >>{mark}\nexit 1\n")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    daemon = fresh()
    api = Tenant(daemon).api()
    for name, data in {"good": bytes(Image()), "bad": bytes(backed()), "packed": gzip.compress(DISK)}.items():
        source.files[name] = data
        api.settled(api.register(source.url(name)), "failed" if name == "bad" else "available")
        (tmp_path / "file").write_bytes(data)
        subprocess.run([BIN / "darkroomd", "inspect", tmp_path / "file"], capture_output=True, timeout=60)
    assert not mark.exists()


def test_cve_2025_31115_the_threaded_xz_decoder_is_not_used():
    for path in programs():
        data = path.read_bytes()
        assert b"lzma_stream_decoder_mt" not in data, path.name
        assert b"lzma_auto_decoder" not in data, path.name
        # Of the server's programs, only the sandboxed one; the client packs and unpacks its user's own files.
        assert (b"lzma_" in data) == (path.name in ("darkroom-decode", "brightbox")), path.name


# ---- quotas, and deleting while something is on its way ----

def test_cve_2014_5356_the_cap_is_counted_where_no_length_is_told(refuses):
    refuses(DISK, "too-large", endless=1, framing="chunked")


def test_cve_2014_5356_the_quota_is_counted_where_no_length_is_told(library, owner, source):
    library.admin("account", "limits", owner.account, "--stored-bytes", str(2 * MIB))
    api = owner.api()
    source.files["incident"] = gzip.compress(DISK, 1)
    image = api.register(source.url("incident", framing="chunked"))
    assert api.settled(image, "failed")["status_reason"].startswith("quota: ")


# Each is held where so many bytes of the source have arrived; the last has all of them but the end.
STEPS = {"unanswered": {"silent": 1}, "answered": {"stall": 0}, "first-byte": {"stall": 1},
         "detecting": {"stall": 69631}, "decoding": {"stall": 69633}, "storing": {"stall": 2 * MIB},
         "last-byte": {"stall": 3 * MIB - 1}, "end": {"stall": 3 * MIB}}


@pytest.mark.parametrize("step", STEPS)
def test_cve_2014_9623_9684_2015_1881_3289_5286_deleting_at_a_step_gives_all_back(library, owner, source, step):
    library.admin("account", "limits", owner.account, "--stored-bytes", str(len(DISK)))
    api = owner.api()
    source.files["incident"] = source.files[step] = DISK
    image = api.register(source.url(step, framing="chunked", **STEPS[step]))
    wait_for(lambda: any(r.target.endswith("/" + step) for r in source.requests))
    arrived = STEPS[step].get("stall", 0)
    wait_for(lambda: (api.get(f"/1.0/images/{image['id']}")["progress"] or {}).get("bytes_done", 0) >= arrived)
    deleted_for_good(library, api, image)
    # Its bytes are those of the quota again, all of them.
    api.settled(api.register(source.url("incident")))
    assert not nothing_of(library, owner.account)


def deleted_for_good(library, api, image):
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    wait_for(lambda: api.get(f"/1.0/images/{image['id']}")["status"] == "deleted", patience=10)
    wait_for(lambda: nothing_of(library, image["owner"]), patience=10)
    assert object_of(api, image).status == 404


def nothing_of(library, account):
    """No chunk of the account is in the store, or held for it."""
    library.admin("store", "collect", "--now", "--set", "store.collect_grace=0")
    return not any(path.is_file() for path in (library.data / "store").rglob(f"*{account}*/**/*"))


def test_cve_2014_9623_9684_2015_1881_3289_5286_deleting_at_any_time_gives_all_back(library, owner, source):
    library.admin("account", "limits", owner.account, "--stored-bytes", str(len(DISK)))
    api = owner.api()
    source.files["incident"] = DISK
    pause = random.Random(7)
    for _ in range(12):
        image = api.register(source.url("incident"))
        time.sleep(pause.uniform(0, 0.3))
        deleted_for_good(library, api, image)
    api.settled(api.register(source.url("incident")))


def test_cve_2014_9623_2015_5286_an_import_outlives_the_credentials_that_began_it(library, owner, source):
    library.admin("account", "limits", owner.account, "--stored-bytes", str(len(DISK)))
    api, source.files["incident"] = owner.api(), DISK
    image = api.register(source.url("incident", rate=3_000_000))
    library.admin("client", "reset", owner.client)
    later = owner.user_api()
    later.settled(image)
    answer = later.register(source.url("incident"), expect=None)
    if "id" in answer:
        assert later.settled(answer, "failed")["status_reason"].startswith("quota: ")
    deleted_for_good(library, later, image)


# ---- what is available stays what it is, and whose it is ----

@pytest.fixture
def available(api, source):
    source.files["incident"] = DISK
    return api.settled(api.register(source.url("incident"), name="incident"))


def test_cve_2015_5251_2016_0757_nothing_reopens_an_available_image(api, available, source):
    source.files["other"] = bytes(reversed(DISK))
    path = f"/1.0/images/{available['id']}"
    for status in ("creating", "queued", "saving", "failed", "deleted", "deleting", "unavailable", "uploading", ""):
        api("PUT", path, {"status": status}, expect=422)
    for member, value in {"http_url": source.url("other"), "checksum": "sha256:" + "0" * 64, "virtual_size": 1,
                          "disk_size": 1, "digest": "sha256:" + "0" * 64, "progress": {}, "owner": "acc-00000",
                          "locations": [source.url("other")], "source_format": "qcow2"}.items():
        api("PUT", path, {member: value})
    for header in ("X-Image-Meta-Status", "X-Image-Meta-Location", "X-Image-Meta-Size"):
        api("PUT", path, {"name": "incident"}, headers={header: "queued"})
    target = f"/v1/{available['owner']}/images/{available['id']}"
    for method in ("PUT", "POST", "DELETE", "COPY"):
        for headers in ({}, {"X-Object-Manifest": "images/x"}, {"X-Copy-From": "images/x"},
                        {"Destination": f"images/{available['id']}"}):
            answer = api.daemon.request(method, target, b"evil" * 128,
                                              {"X-Auth-Token": api.token, **headers})
            nowhere = method == "COPY" and "Destination" not in headers
            assert answer.status == 412 if nowhere else answer.status in (400, 403, 405, 501), (method, answer)
    assert api.get(path) == available
    assert object_of(api, available).body == DISK


def test_cve_2015_5251_2016_0757_a_deprecated_image_comes_back_as_it_was(api, available):
    path = f"/1.0/images/{available['id']}"
    for status in ("deprecated", "available"):
        api("PUT", path, {"status": status}, expect=200)
        assert object_of(api, available).body == DISK
    assert api.get(path)["digest"] == available["digest"]


def test_ossn_0075_the_id_of_a_deleted_image_is_never_anothers(fresh, source):
    daemon = fresh("store.collect_grace=0")
    tenant, thief = Tenant(daemon), Tenant(daemon)
    api, other = tenant.api(), thief.api()
    source.files["incident"] = DISK[:512]
    image = api.settled(api.register(source.url("incident"), public=True))
    api("PUT", f"/1.0/images/{image['id']}", {"public": False}, expect=200)
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    wait_for(lambda: api.get(f"/1.0/images/{image['id']}")["status"] == "deleted")
    daemon.admin("store", "collect", "--now")
    assert daemon.stop() == 0
    daemon.start()
    for who in (other, api):
        made = who.register(source.url("incident"), id=image["id"], resource_type="image")
        assert made["id"] != image["id"]
        who.settled(made)
    assert other("GET", f"/1.0/images/{image['id']}").status == 404
    assert api.get(f"/1.0/images/{image['id']}")["status"] == "deleted"
    assert object_of(other, image).status in (403, 404)


@pytest.mark.parametrize("public", [False, True])
def test_cve_2012_4573_5482_only_the_owner_deletes(library, owner, source, public):
    api, source.files["incident"] = owner.api(), DISK
    image = api.settled(api.register(source.url("incident"), public=public))
    path = f"/1.0/images/{image['id']}"
    stranger = Tenant(library)
    hidden = 403 if public else 404
    for method, body in (("DELETE", None), ("PUT", {"name": "mine"})):
        for who in (stranger.api(), stranger.user_api()):
            assert who(method, path, body).status == hidden
            answer = who(method, f"{path}?account_id={owner.account}", body)
            assert answer.status in (403, 404), answer
        assert owner.storage_api()(method, path, body).status == 403
        assert library.request(method, path, b"{}").status == 401
    assert library.request("DELETE", f"/v1/{image['owner']}/images/{image['id']}",
                           headers={"X-Auth-Token": stranger.api().token}).status in (403, 404)
    assert api.get(path)["status"] == "available" and object_of(api, image).body == DISK


def test_cve_2013_4428_what_was_served_to_its_owner_is_served_to_nobody_else(library, api, available):
    first = object_of(api, available)
    assert first.body == DISK
    stranger = Tenant(library).api()
    tag, date = first.header("ETag"), first.header("Last-Modified")
    missing = {**available, "id": "img-00000"}
    for method in ("GET", "HEAD"):
        for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": tag}, {"If-None-Match": "*"},
                        {"If-Match": tag}, {"If-Modified-Since": date}, {"Cache-Control": "only-if-cached"}):
            answer = object_of(stranger, available, method, headers)
            assert answer.status in (403, 404), answer
            # ... and exactly like what was never there.
            assert (answer.status, answer.body) == (lambda a: (a.status, a.body))(
                object_of(stranger, missing, method, headers))
    assert stranger("GET", f"/1.0/images/{available['id']}").status == 404
    anonymous = library.request("GET", f"/v1/{available['owner']}/images/{available['id']}",
                                headers={"If-None-Match": tag})
    assert anonymous.status == 401


def test_cve_2013_0212_1840_2014_1948_no_secret_is_in_an_answer_or_the_log(fresh, source):
    daemon = fresh("log.level=debug", "log.requests=true", "import.backoff_seconds=0")
    tenant, stranger = Tenant(daemon), Tenant(daemon)
    api = tenant.api()
    said = []

    def heard(answer):
        said.append(json.dumps(answer.headers) + answer.body.decode("utf-8", "replace"))
        return answer

    secret = "temp_url_sig=c0ffee5ecret&temp_url_expires=4102444800"
    source.files["incident"] = DISK
    images = [api.register(source.url("incident", **faults) + "?" + secret, **members) for faults, members in (
        ({}, {}), ({}, {"checksum": "sha256:" + "0" * 64}), ({"status": 403}, {}), ({"drop": 9}, {}),
        ({"to": "http://169.254.169.254/?" + secret}, {}), ({"length": "bad"}, {}))]
    for image in images:
        wait_for(lambda image=image: api.get(f"/1.0/images/{image['id']}")["status"] != "creating")
    # An error on our side: a store that cannot be written for a while.
    chunks = daemon.data / "store/chunks"
    moved = chunks.rename(daemon.data / "store/away")
    chunks.write_text("not a directory")
    images.append(api.register(source.url("incident", hops=1) + "?" + secret))
    wait_for(lambda: "result=requeued" in daemon.log.read_text())
    chunks.unlink()
    moved.rename(chunks)
    for image in images:
        for who in (api, tenant.user_api(), stranger.api()):
            heard(who("GET", f"/1.0/images/{image['id']}"))
            heard(who("GET", "/1.0/images"))
            heard(object_of(who, image, "HEAD"))
    for path in ("/1.0/account", "/1.0/user", "/1.0/api_clients", "/1.0/users", "/nowhere", "/1.0/images/img-00000"):
        heard(api("GET", path) if path != "/nowhere" else daemon.request("GET", path))
    heard(api("POST", "/1.0/images", b"{nonsense"))
    heard(daemon.request("GET", "/1.0/images", headers={"Authorization": "Bearer " + "x" * 40}))
    heard(grant(daemon, {"grant_type": "client_credentials"}, (tenant.client, tenant.secret + "x")))
    heard(daemon.request("GET", "/v1", headers={"X-Auth-User": tenant.client, "X-Auth-Key": "wrong"}))
    log = daemon.log.read_text()
    assert images[0]["id"] in log and "/1.0/images" in log
    for text, where in [(text, "an answer") for text in said] + [(log, "the log")]:
        for name, value in {"client secret": tenant.secret, "password": tenant.password, "token": api.token,
                            "signature": "c0ffee5ecret", "credentials": tenant.secret[:12]}.items():
            assert value not in text, f"the {name} is in {where}"
    for text in said:
        assert str(daemon.data) not in text and "/store" not in text and "sqlite" not in text
