# SPDX-License-Identifier: Apache-2.0
"""Images registered from temporary URLs of the same server's Orbit (hardening.md sections 2.4 and 2.5, cases 62
and 63). No test's server may connect to itself: import.allow is empty, or names another port."""
import hashlib
import hmac
import json
import os
import random
import re
import signal
import time
import urllib.parse

import pytest

import clients
from conftest import Daemon, Tenant, wait_for
from test_faults import ended, logged, processes, retry_now

MIB = 1 << 20
KEY = "a key for temporary URLs"


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Orbit:
    """A tenant's containers, by plain requests."""

    def __init__(self, tenant):
        self.tenant, self.daemon = tenant, tenant.daemon
        self.api = tenant.api()
        self("POST", "", X_Account_Meta_Temp_URL_Key=KEY)
        self("PUT", "/box")

    def __call__(self, method, path, body=None, expect=(200, 201, 202, 204), **headers):
        sent = {"X-Auth-Token": self.api.token, **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = self.daemon.request(method, f"/v1/{self.tenant.account}{path}", body, sent)
        assert answer.status in expect, answer
        return answer

    def put(self, path, data, **headers):
        self("PUT", "/" + path, data, **headers)

    def url(self, path, method="GET", seconds=600, key=KEY, digest="sha256", base=None, **more):
        """A temporary URL; path is "container/object", not encoded."""
        path = f"/v1/{self.tenant.account}/{path}"
        expires = int(time.time()) + seconds
        signed = hmac.new(key.encode(), f"{method}\n{expires}\n{path}".encode(), digest).hexdigest()
        query = urllib.parse.urlencode({"temp_url_sig": signed, "temp_url_expires": expires, **more})
        return f"{base or self.daemon.base}{urllib.parse.quote(path)}?{query}"

    def register(self, path, **options):
        return self.api.register(self.url(path, **options))

    def download(self, image):
        return self("GET", f"/images/{image['id']}?format=raw").body


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A daemon whose imports may connect to nothing on this machine."""
    made = Daemon(tmp_path_factory.mktemp("closed"), "import.allow=", "log.requests=true").start()
    yield made
    assert made.stop() == 0, made.log.read_text()[-4000:]


@pytest.fixture
def orbit(closed):
    return Orbit(Tenant(closed))


def requests_for(daemon, name):
    """Methods of the requests whose path has this name, from the log."""
    return re.findall(rf"what=request .* method=(\S+) path=\S*{re.escape(name)}", daemon.log.read_text())


def refused(orbit, url, status=401):
    """The import fails as a fetch from outside would have."""
    assert orbit.daemon.request("GET", url.removeprefix(orbit.daemon.base)).status == status, url
    image = orbit.api.settled(orbit.api.register(url), "failed")
    reason = f"source-http-status: the source answered with HTTP status {status}"
    if status == 401:
        reason += ": it takes a login, or the temporary URL is wrong or has expired"
    assert image["status_reason"] == reason, url


# ---- what is granted is read ----

@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_an_object_becomes_an_image_without_a_request(orbit, digest):
    data = noise(3 * MIB + 512)
    name = f"disk {digest} ü.raw"
    orbit.put("box/" + urllib.parse.quote(name), data)
    image = orbit.api.settled(orbit.register(f"box/{name}", digest=digest))
    assert image["checksum"] == sha256(data) and image["source_format"] == "raw"
    assert orbit.download(image) == data
    assert requests_for(orbit.daemon, f"disk%20{digest}") == ["PUT"]


def test_every_kind_of_disk_is_as_good_as_fetched(orbit, tmp_path):
    clients.need("qemu-img")
    clients.need("xz")
    data = noise(MIB) + bytes(MIB) + noise(MIB, 2)
    (tmp_path / "disk").write_bytes(data)
    clients.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", tmp_path / "disk", tmp_path / "disk.qcow2")
    clients.run("xz", "-0", tmp_path / "disk.qcow2")
    orbit.put("box/disk.qcow2.xz", (tmp_path / "disk.qcow2.xz").read_bytes())
    image = orbit.api.settled(orbit.register("box/disk.qcow2.xz"))
    assert image["source_format"] == "qcow2+xz" and orbit.download(image) == data


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_segments_become_one_image(orbit, kind):
    parts = [noise(300_000 + n, n) for n in range(7)] + [bytes(100), b"x" * 924]
    data = b"".join(parts)
    data += bytes(-len(data) % 512)
    parts.append(data[sum(map(len, parts)):])
    orbit("PUT", "/box_segments")
    for number, part in enumerate(parts):
        if part:
            orbit.put(f"box_segments/large/{number:04}", part)
    if kind == "dynamic":
        orbit.put("box/large", b"", X_Object_Manifest="box_segments/large/")
    else:
        manifest = [{"path": f"box_segments/large/{n:04}", "size_bytes": len(p)}
                    for n, p in enumerate(parts) if p]
        orbit("PUT", "/box/large?multipart-manifest=put", json.dumps(manifest).encode())
    image = orbit.api.settled(orbit.register("box/large"))
    assert image["checksum"] == sha256(data) and orbit.download(image) == data
    # A segment that is missing is known before anything is read.
    orbit("DELETE", "/box_segments/large/0003")
    if kind == "static":
        image = orbit.api.settled(orbit.register("box/large"), "failed")
        assert image["status_reason"] == "source-http-status: the source answered with HTTP status 409"


def test_a_disk_of_20_gib_in_segments(orbit):
    """320 times the same 64 MiB of nothing, the last with something in it."""
    orbit.put("box/zeros", bytes(64 * MIB))
    orbit.put("box/last", bytes(63 * MIB) + noise(MIB))
    manifest = [{"path": "box/zeros"}] * 319 + [{"path": "box/last"}]
    orbit("PUT", "/box/sparse?multipart-manifest=put", json.dumps(manifest).encode())
    image = orbit.api.settled(orbit.register("box/sparse"))
    assert image["virtual_size"] == 20 * 1024 and image["disk_size"] == 1
    path = f"/images/{image['id']}?format=raw"
    end = 20 << 30
    assert orbit("GET", path, Range=f"bytes={end - MIB}-", expect=(206,)).body == noise(MIB)


def test_nothing_is_no_disk(orbit):
    orbit.put("box/empty", b"")
    orbit.api.settled(orbit.register("box/empty"), "failed")


def test_an_image_becomes_another_image(orbit, closed):
    data = noise(2 * MIB) + bytes(3 * MIB)
    orbit.put("box/disk", data)
    first = orbit.api.settled(orbit.register("box/disk"))
    second = orbit.api.settled(orbit.register(f"images/{first['id']}"))
    assert second["source_format"] == "raw+lz4" and second["digest"] == first["digest"]
    # Another tenant's, too: the signature is the right.
    stranger = Orbit(Tenant(closed))
    third = stranger.api.settled(stranger.api.register(orbit.url(f"images/{first['id']}")))
    assert third["digest"] == first["digest"] and stranger.download(third) == data


def test_a_prefix_and_a_key_of_the_container_grant_too(orbit):
    data = noise(MIB)
    orbit.put("box/disks/one", data)
    path = f"/v1/{orbit.tenant.account}/box/disks/"
    expires = int(time.time()) + 600
    signed = hmac.new(KEY.encode(), f"GET\n{expires}\nprefix:{path}".encode(), "sha256").hexdigest()
    query = urllib.parse.urlencode({"temp_url_sig": signed, "temp_url_expires": expires, "temp_url_prefix": "disks/"})
    orbit.api.settled(orbit.api.register(f"{orbit.daemon.base}{path}one?{query}"))
    refused(orbit, f"{orbit.daemon.base}{path[:-6]}other?{query}")
    orbit("POST", "/box", X_Container_Meta_Temp_URL_Key_2="the container's")
    orbit.api.settled(orbit.register("box/disks/one", key="the container's"))


# ---- what is not granted is not read ----

def test_without_a_good_signature_there_is_nothing(orbit, closed):
    orbit.put("box/disk", noise(MIB))
    orbit("POST", "/box", X_Container_Read=".r:*")
    good = orbit.url("box/disk")
    bare = good.partition("?")[0]
    other = Orbit(Tenant(closed))
    image = orbit.api.settled(orbit.api.register(bare), "failed")  # which the public may read, with a request
    assert image["status_reason"].startswith("source-http-status: ")
    orbit("POST", "/box", X_Container_Read="")
    refused(orbit, bare)
    for wrong in (
            good.replace("temp_url_sig=", "temp_url_sig=0"),
            good[:-1] + ("1" if good[-1] != "1" else "2"),
            orbit.url("box/disk", key="another key"),
            orbit.url("box/disk", seconds=-1),
            orbit.url("box/disk", method="PUT"),
            orbit.url("box/disk", method="HEAD"),
            orbit.url("box/disk", method="DELETE"),
            orbit.url("box/disk", temp_url_ip_range="127.0.0.1"),
            other.url("box/disk").replace(other.tenant.account, orbit.tenant.account),
            good.replace("box/disk", "box/other"),
            good.replace("box/disk", "box//disk"),
            good.replace("box/disk", "box/./disk"),
            good.partition("&")[0],
            bare + "?temp_url_sig=&temp_url_sig=" + good.partition("temp_url_sig=")[2]):
        refused(orbit, wrong)
    refused(orbit, orbit.url("box/none"), status=404)
    orbit("POST", "", X_Account_Meta_Temp_URL_Key="rotated")
    refused(orbit, good)


def test_a_refused_signature_is_not_tried_again(orbit):
    image = orbit.api.settled(orbit.api.register(f"{orbit.daemon.base}/v1/{orbit.tenant.account}/box/x"), "failed")
    assert not logged(orbit.daemon, f"image={image['id']} .*result=requeued")


def test_neither_signature_nor_key_is_told(orbit):
    orbit.put("box/disk", noise(MIB))
    url = orbit.url("box/disk")
    signature = re.search("temp_url_sig=([0-9a-f]+)", url)[1]
    orbit.api.settled(orbit.api.register(url))
    orbit.api.settled(orbit.api.register(url + "0"), "failed")
    log = orbit.daemon.log.read_text()
    assert signature not in log and KEY not in log


@pytest.mark.parametrize("make", [
    lambda host, port: f"http://{host}:{port}/",
    lambda host, port: f"https://{host}:{port}",
    lambda host, port: f"http://{host}",
    lambda host, port: f"http://{host}:{port + 1}",
    lambda host, port: f"http://127.0.0.2:{port}",
    lambda host, port: f"http://127.1:{port}",
    lambda host, port: f"http://{host}.:{port}",
    lambda host, port: f"http://localhost:{port}",
    lambda host, port: f"http://[::ffff:{host}]:{port}",
    lambda host, port: f"http://{host.replace('.', '%2E')}:{port}",
    lambda host, port: f"http://{host.replace('.', '。')}:{port}",
    lambda host, port: f"http://{host.replace('1', '①')}:{port}",
    lambda host, port: f"http://2130706433:{port}",
    lambda host, port: f"http://{host}:{port}/.",
    lambda host, port: f"http://{host}:{port}/%2E%2E",
    lambda host, port: f"http://user@{host}:{port}",
    lambda host, port: f"http://{host}:{port}@169.254.169.254",
    lambda host, port: f"http://169.254.169.254/#@{host}:{port}",
    lambda host, port: f"http://{host}:{port}\\@169.254.169.254",
])
def test_what_only_looks_like_ours_is_under_the_address_rule(orbit, make):
    orbit.put("box/disk", noise(MIB))
    where = urllib.parse.urlsplit(orbit.daemon.base)
    url = orbit.url("box/disk", base=make(where.hostname, where.port))
    said = orbit.api.register(url, expect=422)
    assert any("http_url: " in one for one in said["errors"]), said


@pytest.mark.parametrize("spelt", [str.upper, lambda base: base.replace(":", ":0", 2).replace("http:0", "http:")])
def test_ours_may_be_spelt_in_more_than_one_way(orbit, spelt):
    data = noise(MIB)
    orbit.put("box/disk", data)
    image = orbit.api.settled(orbit.register("box/disk", base=spelt(orbit.daemon.base)))
    assert image["checksum"] == sha256(data)


def test_a_redirect_does_not_lead_in(fresh, source):
    port = urllib.parse.urlsplit(source.base).port
    daemon = fresh(f"import.allow=127.0.0.1/32:{port}", "log.requests=true")
    orbit = Orbit(Tenant(daemon))
    orbit.put("box/disk", noise(MIB))
    url = source.url("elsewhere", to=orbit.url("box/disk"))
    image = orbit.api.settled(orbit.api.register(url), "failed")
    assert re.match("(address|port)-not-allowed: ", image["status_reason"])
    assert requests_for(daemon, "box/disk") == ["PUT"]


def test_the_public_origin_is_the_configured_one(fresh):
    daemon = fresh("import.allow=", "http.public_url=https://orbit.example")
    orbit = Orbit(Tenant(daemon))
    data = noise(MIB)
    orbit.put("box/disk", data)
    for base in ("https://orbit.example", "HTTPS://Orbit.Example:443"):
        assert orbit.api.settled(orbit.register("box/disk", base=base))["checksum"] == sha256(data)
    assert orbit.api.register(orbit.url("box/disk"), expect=422)["errors"]  # where it listens, behind its proxy


# ---- limits and faults hold as for any source ----

def test_limits_hold(orbit):
    data = noise(2 * MIB)
    orbit.put("box/disk", data)
    orbit.daemon.admin("account", "limits", orbit.tenant.account, "--upload-bytes", "1M")
    image = orbit.api.settled(orbit.register("box/disk"), "failed")
    assert image["status_reason"].startswith("too-large: the source has at least 2097152 bytes, allowed are 1048576")
    orbit.daemon.admin("account", "limits", orbit.tenant.account, "--upload-bytes", "0")
    url = orbit.url("box/disk")
    image = orbit.api.settled(orbit.api.register(url, checksum=sha256(b"")), "failed")
    assert image["status_reason"].startswith("checksum-mismatch: ")
    orbit.api.settled(orbit.api.register(url, checksum="md5:" + hashlib.md5(data).hexdigest()))


BIG = 96 * MIB


def caught(orbit, url, program="darkroom-read"):
    """(image, pid): an import whose helper is stopped before its end. Some are over before that."""
    for _ in range(20):
        image = orbit.api.register(url)
        while orbit.api.get(f"/1.0/images/{image['id']}")["status"] == "creating":
            for pid in processes(orbit.daemon.process.pid, program):
                try:
                    os.kill(pid, signal.SIGSTOP)
                    done = (orbit.api.get(f"/1.0/images/{image['id']}")["progress"] or {}).get("bytes_done")
                    if not ended(pid) and done != BIG:
                        return image, pid
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
        orbit.api("DELETE", f"/1.0/images/{image['id']}")
    raise AssertionError("never caught")


@pytest.mark.parametrize("how", ["deleted", "replaced", "key rotated"])
def test_an_object_that_goes_while_it_is_read_is_read_to_its_end(orbit, how):
    data = noise(BIG)
    orbit.put("box/disk", data)
    image, pid = caught(orbit, orbit.url("box/disk"))
    if how == "deleted":
        orbit("DELETE", "/box/disk")
    elif how == "replaced":
        orbit.put("box/disk", noise(BIG, 2))
    else:
        orbit("POST", "", X_Account_Meta_Temp_URL_Key="")
    os.kill(pid, signal.SIGCONT)
    assert orbit.api.settled(image)["checksum"] == sha256(data)


def test_an_import_that_is_cancelled_leaves_no_process(orbit):
    orbit.put("box/disk", noise(BIG))
    image, pid = caught(orbit, orbit.url("box/disk"))
    orbit.api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    wait_for(lambda: ended(pid))
    wait_for(lambda: orbit.api.get(f"/1.0/images/{image['id']}")["status"] == "deleted")
    assert not list(processes(orbit.daemon.process.pid, "darkroom-import"))


def test_a_killed_reader_hurts_only_its_import_which_is_tried_again(orbit):
    data = noise(BIG)
    orbit.put("box/disk", data)
    image, pid = caught(orbit, orbit.url("box/disk"))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: logged(orbit.daemon, f"image={image['id']} .*result=requeued"))
    retry_now(orbit.daemon)
    assert orbit.api.settled(image)["checksum"] == sha256(data)


def test_what_is_tried_again_needs_its_right_again(orbit):
    orbit.put("box/disk", noise(BIG))
    image, pid = caught(orbit, orbit.url("box/disk"))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: logged(orbit.daemon, f"image={image['id']} .*result=requeued"))
    orbit("POST", "", X_Account_Meta_Temp_URL_Key="rotated")
    retry_now(orbit.daemon)
    image = orbit.api.settled(image, "failed")
    assert "HTTP status 401: it takes a login, or the temporary URL" in image["status_reason"]


def test_an_import_goes_on_after_a_restart(fresh):
    daemon = fresh("import.allow=")
    orbit = Orbit(Tenant(daemon))
    data = noise(BIG)
    orbit.put("box/disk", data)
    image, pid = caught(orbit, orbit.url("box/disk"))
    daemon.kill()
    wait_for(lambda: ended(pid))
    daemon.start()
    assert orbit.api.settled(image)["checksum"] == sha256(data)
