# SPDX-License-Identifier: Apache-2.0
"""Orbit's read side (api.md section 7, hardening.md 3.3): what swift, rclone, curl and fog ask for."""
import email
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time

import pytest

from conftest import Tenant

MIB = 1 << 20


def disk():
    """5 MiB and a sector: data, zeros, data, a ragged end."""
    block = bytes(range(256)) * 4096
    return block + bytes(2 * MIB) + hashlib.sha256(b"x").digest() * (MIB // 32) + bytes(MIB) + b"end!" * 128


class Orbit:
    """Requests with one token."""

    def __init__(self, daemon, url, token):
        self.daemon, self.url, self.token = daemon, url, token
        self.path = url.removeprefix(daemon.base)

    def __call__(self, method, tail="", headers=(), body=None, token=None):
        sent = {"X-Auth-Token": token or self.token, **dict(headers)}
        return self.daemon.request(method, self.path + tail, body, sent)


def authenticate(daemon, path, user, key, method="GET"):
    return daemon.request(method, path, headers={"X-Auth-User": user, "X-Auth-Key": key})


def orbit_of(tenant):
    answer = authenticate(tenant.daemon, "/v1", tenant.client, tenant.secret)
    assert answer.status in (200, 204), answer
    return Orbit(tenant.daemon, answer.header("X-Storage-Url"), answer.header("X-Auth-Token"))


@pytest.fixture(scope="module")
def stored(daemon, source):
    """(tenant, image, disk): one available image of a tenant."""
    made = Tenant(daemon)
    source.files["orbit.raw"] = disk()
    api = made.api()
    return made, api.settled(api.register(source.url("orbit.raw"), name="orbit")), disk()


@pytest.fixture
def orbit(stored):
    return orbit_of(stored[0])


# ---- authentication (7.2) ----

@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/v1", "/v1/", "/auth/v1.0", "/v1/{account}", "/v1/{account}/"])
def test_v1_authentication(daemon, tenant, path, method):
    answer = authenticate(daemon, path.format(account=tenant.account), tenant.client,
                          tenant.secret, method)
    assert answer.status in (200, 204) and answer.body == b""
    assert answer.header("X-Storage-Url") == f"{daemon.base}/v1/{tenant.account}"
    assert answer.header("X-Auth-Token") == answer.header("X-Storage-Token")
    assert re.fullmatch("[0-9a-f]{40}", answer.header("X-Auth-Token"))
    assert 7190 <= int(answer.header("X-Auth-Token-Expires")) <= 7200
    assert {"X-Storage-Url", "X-Auth-Token", "X-Storage-Token"} <= set(answer.names())
    token = answer.header("X-Auth-Token")
    there = daemon.request("GET", f"/v1/{tenant.account}", headers={"X-Auth-Token": token})
    assert there.status == 200 and there.body == b"images\n"


def test_users_authenticate_too(daemon, tenant):
    token = tenant.user_api().token
    for user, key in [(tenant.email, tenant.password), (tenant.user, tenant.password),
                      (tenant.email, token), (tenant.client, tenant.api().token)]:
        answer = authenticate(daemon, "/v1", user, key)
        assert answer.status in (200, 204), (user, key)
        assert answer.header("X-Storage-Url").endswith(tenant.account)


def test_refused_authentication(daemon, tenant, another):
    for user, key, status in [(tenant.client, "wrong", 401), ("cli-zzzzz", "wrong", 401),
                              (tenant.email, "wrong", 401), ("", tenant.secret, 412),
                              ("nobody@example.com", "x", 401), (tenant.client, "", 401)]:
        answer = authenticate(daemon, "/v1", user, key)
        assert answer.status == status, (user, key)
        assert answer.header("X-Auth-Token") is None
    assert daemon.request("GET", "/v1").status == 401
    # Somebody else's account, or none of that name: alike.
    for account in another().account, "acc-zzzzz":
        assert authenticate(daemon, f"/v1/{account}", tenant.client, tenant.secret).status == 401


def test_the_url_is_the_one_the_client_used(daemon, tenant):
    answer = daemon.request("GET", "/v1", headers={
        "Host": "orbit.example:4443", "X-Auth-User": tenant.client, "X-Auth-Key": tenant.secret})
    assert answer.header("X-Storage-Url") == f"http://orbit.example:4443/v1/{tenant.account}"


def test_oauth_tokens_with_the_orbit_scope_are_valid(daemon, stored):
    tenant, image, _ = stored
    path = f"/v1/{tenant.account}/images/{image['id']}"
    ask = lambda token: daemon.request("HEAD", path, headers={"X-Auth-Token": token}).status
    assert ask(tenant.api().token) == 200
    assert ask(tenant.api(scope="infrastructure orbit").token) == 200
    assert ask(tenant.api(scope="orbit").token) == 200
    assert ask(tenant.api(scope="infrastructure").token) == 403
    # And an Orbit token is none for the API.
    token = orbit_of(tenant).token
    assert daemon.request("GET", "/1.0/images", headers={"Authorization": f"Bearer {token}"}
                          ).status == 403


# ---- who may (hardening.md 3.3) ----

def test_the_matrix_of_the_images_container(daemon, stored, another):
    tenant, image, _ = stored
    account, box, thing = (f"/v1/{tenant.account}", f"/v1/{tenant.account}/images",
                           f"/v1/{tenant.account}/images/{image['id']}")
    owner, other = orbit_of(tenant).token, orbit_of(another()).token
    storage = tenant.storage_api().token
    user = tenant.user_api().token
    reads = [(m, p) for m in ("GET", "HEAD") for p in (account, box, thing)]
    writes = [("PUT", box), ("POST", box), ("DELETE", box), ("PUT", thing), ("POST", thing),
              ("DELETE", thing), ("COPY", thing), ("PUT", box + "/new"), ("DELETE", box + "/none")]

    def ask(method, path, token):
        sent = {"Destination": "images/copy"} if method == "COPY" else {}
        return daemon.request(method, path, headers={**sent, "X-Auth-Token": token} if token else sent).status
    for method, path in reads:
        allowed = 204 if method == "HEAD" and path != thing else 200
        for token, status in [(None, 401), ("0" * 40, 401), (owner, allowed), (user, allowed),
                              (storage, 403), (other, 403)]:
            assert ask(method, path, token) == status, (method, path, token)
    for method, path in writes:
        for token, status in [(None, 401), (owner, 403), (user, 403), (storage, 403), (other, 403)]:
            assert ask(method, path, token) == status, (method, path, token)
    assert b"read-only: use the image API" in daemon.request("PUT", box + "/new", headers={
        "X-Auth-Token": owner}).body
    # Public means bootable, not downloadable; and nothing of the kind in one's own container.
    tenant.api()("PUT", f"/1.0/images/{image['id']}", {"public": True}, expect=200)
    assert ask("GET", thing, other) == 403
    mine = orbit_of(another())
    assert mine("GET", f"/images/{image['id']}").status in (403, 404)
    assert mine("GET", "/images").status == 204
    tenant.api()("PUT", f"/1.0/images/{image['id']}", {"public": False}, expect=200)


def test_what_is_not_there_is_404(orbit):
    for method, tail in [("GET", "/images/img-zzzzz"), ("HEAD", "/images/img-zzzzz"),
                         ("GET", "/other"), ("HEAD", "/other"), ("GET", "/other/x"),
                         ("GET", "/images/a/b"), ("GET", "/images/%2e%2e"), ("PUT", "/other/x"),
                         ("DELETE", "/other"), ("GET", "/images/" + "x" * 2000)]:
        assert orbit(method, tail).status == 404, (method, tail)
    assert orbit("GET", "/images/%ff").status == 412
    assert orbit("GET", "/images/%00").status == 400
    assert orbit("PUT", "/other/x", {"X-Copy-From": "images/img-zzzzz"}, b"").status == 404


# ---- listings (7.5) ----

def test_account(orbit, stored):
    for method in "GET", "HEAD":
        answer = orbit(method)
        assert answer.header("X-Account-Container-Count") == "1"
        assert answer.header("X-Account-Object-Count") == "1"
        assert int(answer.header("X-Account-Bytes-Used")) > 0
        assert re.fullmatch(r"\d+\.\d+", answer.header("X-Timestamp"))
        assert answer.header("X-Trans-Id") and answer.header("Accept-Ranges") == "bytes"
    assert orbit("HEAD").status == 204 and orbit("GET").body == b"images\n"
    for tail, headers in [("?format=json", {}), ("/?format=json", {}),
                          ("", {"Accept": "application/json"})]:
        answer = orbit("GET", tail, headers)
        assert answer.header("Content-Type") == "application/json; charset=utf-8"
        (item,) = answer.json()
        assert item["name"] == "images" and item["count"] == 1 and item["bytes"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", item["last_modified"])
    assert orbit("GET", "?format=json&marker=images").json() == []
    assert orbit("GET", "?marker=images").status == 204
    assert orbit("GET", "?format=json&limit=10000").status == 200


def test_the_container_is_there_even_when_empty(tenant):
    orbit = orbit_of(tenant)
    assert [c["name"] for c in orbit("GET", "?format=json").json()] == ["images"]
    assert orbit("GET", "/images").status == 204
    answer = orbit("GET", "/images?format=json")
    assert answer.status == 200 and answer.json() == []
    assert orbit("HEAD", "/images").status == 204


def test_container_headers(orbit):
    for method in "GET", "HEAD":
        answer = orbit(method, "/images")
        assert answer.status == (200 if method == "GET" else 204)
        names = answer.names()
        # The spelling fog copies (7.6).
        assert "X-Container-Object-Count" in names and "X-Container-Bytes-Used" in names
        assert answer.header("X-Container-Object-Count") == "1"
        assert answer.header("X-Storage-Policy") == "Policy-0"
        assert re.fullmatch(r"\d+\.\d+", answer.header("X-Timestamp"))


def test_listing_of_several(daemon, another, source):
    source.files["orbit.raw"] = disk()
    tenant = another()
    api = tenant.api()
    made = [api.register(source.url("orbit.raw")) for _ in range(4)]
    names = sorted(api.settled(i)["id"] for i in made)
    orbit = orbit_of(tenant)
    ls = lambda query: [o.get("name") or o["subdir"]
                        for o in orbit("GET", "/images?format=json&" + query).json()]
    assert ls("") == names
    assert orbit("GET", "/images").body.decode().split() == names
    assert orbit("GET", "/images/").body.decode().split() == names
    assert ls("limit=2") == names[:2] and ls(f"marker={names[1]}") == names[2:]
    assert ls(f"end_marker={names[2]}") == names[:2] and ls("limit=0") == []
    assert ls(f"marker={names[0]}&limit=1") == names[1:2] and ls("limit=junk") == names
    assert ls("prefix=img-") == names and ls(f"prefix={names[3][:6]}")[-1:] == names[3:]
    assert ls("prefix=nothing") == [] and ls("delimiter=%2F") == names
    assert ls("delimiter=-") == ["img-"] and ls("delimiter=-&prefix=img-") == names
    assert ls("delimiter=-&marker=img-") == [] and ls("path=") == names and ls("path=a") == []
    assert orbit("GET", "/images?limit=10001").status == 412
    # The swift client goes on until nothing comes.
    seen, marker = [], ""
    while True:
        page = orbit("GET", f"/images?format=json&limit=3&marker={marker}")
        assert page.status == 200
        if not page.json():
            break
        marker = page.json()[-1]["name"]
        seen += [o["name"] for o in page.json()]
    assert seen == names
    item = orbit("GET", "/images?format=json").json()[0]
    head = orbit("HEAD", f"/images/{names[0]}")
    assert item["bytes"] == int(head.header("Content-Length"))
    assert item["slo_etag"] == head.header("Etag") == f'"{item["hash"]}"'
    assert item["content_type"] == head.header("Content-Type")
    total = sum(o["bytes"] for o in orbit("GET", "/images?format=json").json())
    assert int(orbit("HEAD", "/images").header("X-Container-Bytes-Used")) == total
    # Gone from here as soon as it is destroyed.
    api("DELETE", f"/1.0/images/{names[0]}", expect=202)
    assert ls("") == names[1:] and orbit("GET", f"/images/{names[0]}").status == 404


# ---- the object (7.8) ----

def test_the_object_is_an_lz4_file(orbit, stored, tmp_path):
    _, image, content = stored
    answer = orbit("GET", f"/images/{image['id']}")
    assert answer.status == 200
    names = answer.names()
    for name in "Etag", "Content-Length", "Content-Type", "Content-Disposition", "Last-Modified", \
            "Accept-Ranges", "X-Timestamp", "X-Trans-Id", "X-Static-Large-Object":
        assert name in names, (name, names)
    assert answer.header("X-Static-Large-Object") == "True"
    assert re.fullmatch(r'"[0-9a-z:-]+"', answer.header("Etag"))
    assert answer.header("Etag").strip('"') != hashlib.md5(answer.body).hexdigest()
    assert f'filename="{image["id"]}' in answer.header("Content-Disposition")
    head = orbit("HEAD", f"/images/{image['id']}")
    assert head.status == 200 and head.body == b""
    volatile = ("Date", "X-Trans-Id", "X-Request-Id")
    assert [h for h in head.headers if h[0] not in volatile] == \
        [h for h in answer.headers if h[0] not in volatile]
    assert int(head.header("Content-Length")) == len(answer.body)
    if not shutil.which("lz4"):
        pytest.skip("no lz4 here")
    (tmp_path / "i.lz4").write_bytes(answer.body)
    subprocess.run(["lz4", "-q", "-d", tmp_path / "i.lz4", tmp_path / "i.raw"], check=True)
    assert (tmp_path / "i.raw").read_bytes() == content


def test_other_formats(orbit, stored, tmp_path):
    _, image, content = stored
    raw = orbit("GET", f"/images/{image['id']}?format=raw")
    assert raw.status == 200 and raw.body == content
    assert raw.header("Content-Disposition").endswith('.raw"')
    lz4 = orbit("GET", f"/images/{image['id']}?format=lz4")
    qcow2 = orbit("GET", f"/images/{image['id']}?format=qcow2")
    assert qcow2.body[:4] == b"QFI\xfb" and qcow2.header("Content-Disposition").endswith('.qcow2"')
    assert len({a.header("Etag") for a in (raw, lz4, qcow2)}) == 3
    for form, whole in ("raw", raw), ("qcow2", qcow2), ("lz4", lz4):
        head = orbit("HEAD", f"/images/{image['id']}?format={form}")
        assert int(head.header("Content-Length")) == len(whole.body)
        assert head.header("Etag") == whole.header("Etag")
    assert orbit("GET", f"/images/{image['id']}?format=json").body == lz4.body
    assert orbit("GET", f"/images/{image['id']}?format=vmdk").status == 400
    if not shutil.which("qemu-img"):
        pytest.skip("no qemu-img here")
    (tmp_path / "i.qcow2").write_bytes(qcow2.body)
    (tmp_path / "i.raw").write_bytes(content)
    subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", tmp_path / "i.qcow2",
                    tmp_path / "i.raw"], check=True, capture_output=True)


@pytest.mark.parametrize("form", ["lz4", "raw", "qcow2"])
def test_ranges(orbit, stored, form):
    path = f"/images/{stored[1]['id']}?format={form}"
    whole = orbit("GET", path).body
    size = len(whole)
    for text, first, last in [("0-0", 0, 0), ("0-99", 0, 99), ("7-", 7, size - 1),
                              (f"{size - 5}-", size - 5, size - 1), ("-17", size - 17, size - 1),
                              (f"-{size * 2}", 0, size - 1), (f"5-{size * 2}", 5, size - 1),
                              (f"{MIB - 3}-{MIB + 9}", MIB - 3, MIB + 9)]:
        if last >= size:
            continue
        answer = orbit("GET", path, {"Range": f"bytes={text}"})
        assert answer.status == 206, text
        assert answer.header("Content-Range") == f"bytes {first}-{last}/{size}"
        assert answer.body == whole[first:last + 1], text
    for text in f"{size}-", f"{size + 5}-{size + 9}", "-0":
        answer = orbit("GET", path, {"Range": f"bytes={text}"})
        assert answer.status == 416 and answer.header("Content-Range") == f"bytes */{size}"
    for text in "bytes=9-5", "bytes=x", "lines=0-4", "bytes=0-,0-,0-":
        answer = orbit("GET", path, {"Range": text})
        assert answer.status == 200 and answer.body == whole, text


def test_several_ranges(orbit, stored):
    path = f"/images/{stored[1]['id']}?format=raw"
    whole = stored[2]
    answer = orbit("GET", path, {"Range": "bytes=0-9,100-199,-5"})
    assert answer.status == 206
    assert int(answer.header("Content-Length")) == len(answer.body)
    kind = answer.header("Content-Type")
    assert kind.startswith("multipart/byteranges; boundary=")
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + answer.body)
    parts = message.get_payload()
    size = len(whole)
    assert [p["Content-Range"] for p in parts] == [
        f"bytes 0-9/{size}", f"bytes 100-199/{size}", f"bytes {size - 5}-{size - 1}/{size}"]
    for part, expected in zip(parts, (whole[:10], whole[100:200], whole[-5:])):
        assert expected in answer.body and part["Content-Type"] == "application/octet-stream"


def test_conditions_and_resuming(orbit, stored):
    path = f"/images/{stored[1]['id']}"
    whole = orbit("GET", path)
    etag, date = whole.header("Etag"), whole.header("Last-Modified")
    for method in "GET", "HEAD":
        for headers, status in [({"If-None-Match": etag}, 304), ({"If-None-Match": '"x"'}, 200),
                                ({"If-None-Match": "*"}, 304), ({"If-Match": etag}, 200),
                                ({"If-Match": '"x"'}, 412), ({"If-Modified-Since": date}, 304),
                                ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412)]:
            answer = orbit(method, path, headers)
            assert answer.status == status, (method, headers)
            assert status == 200 or answer.body == b""
            assert answer.header("Etag") == etag
    rest = {"Range": "bytes=1000-"}
    for validator, status in (etag, 206), (date, 206), ('"other"', 200), \
            ("Sat, 01 Jan 2000 00:00:00 GMT", 200):
        answer = orbit("GET", path, {**rest, "If-Range": validator})
        assert answer.status == status, validator
        assert answer.body == whole.body[1000 if status == 206 else 0:]


def test_creating_images_are_not_there_yet(tenant, source):
    source.files["slow.raw"] = disk()
    api = tenant.api()
    image = api.register(source.url("slow.raw", rate=20000))
    orbit = orbit_of(tenant)
    assert orbit("GET", f"/images/{image['id']}").status == 404
    assert orbit("GET", "/images?format=json").json() == []
    api("DELETE", f"/1.0/images/{image['id']}", expect=202)


def test_info_needs_no_authentication(daemon):
    answer = daemon.request("GET", "/info")
    assert answer.status == 200 and answer.header("Content-Type").startswith("application/json")
    offered = json.loads(answer.body)["swift"]
    assert offered["container_listing_limit"] == 10000 and offered["policies"]
    assert daemon.request("HEAD", "/info").status == 200


# ---- temporary URLs of images (7.7, 7.8) ----

def test_temporary_urls_of_an_image(daemon, orbit, stored):
    _, image, raw = stored
    path = f"{orbit.path}/images/{image['id']}"
    assert orbit("POST", "", {"X-Account-Meta-Temp-Url-Key": "k3y"}, b"").status == 204

    def visit(method, signed, tail="", headers=(), body=None):
        expires = int(time.time()) + 600
        made = hmac.new(b"k3y", f"{signed}\n{expires}\n{path}".encode(), "sha1").hexdigest()
        return daemon.request(method, f"{path}?temp_url_sig={made}&temp_url_expires={expires}{tail}", body,
                              headers)
    whole = visit("GET", "GET")
    assert whole.status == 200 and whole.body == orbit("GET", f"/images/{image['id']}").body
    assert visit("HEAD", "GET").header("Content-Length") == str(len(whole.body))
    assert visit("GET", "GET", "&format=raw", {"Range": "bytes=512-1023"}).body == raw[512:1024]
    disposition = f"attachment; filename=\"{image['id']}.raw.lz4\""
    assert whole.header("Content-Disposition") == disposition
    assert 'filename="disk.lz4"' in visit("GET", "GET", "&filename=disk.lz4").header("Content-Disposition")
    for method in ("PUT", "POST", "DELETE"):
        assert visit(method, method, body=b"").status == 401, method
        assert visit(method, "GET", body=b"").status == 401, method
    assert orbit("POST", "", {"X-Remove-Account-Meta-Temp-Url-Key": "x"}, b"").status == 204
    assert visit("GET", "GET").status == 401


def test_the_images_container_has_no_access_list(orbit):
    for method in ("PUT", "POST"):
        assert orbit(method, "/images", {"X-Container-Read": ".r:*"}, b"").status == 403
    assert orbit("HEAD", "/images").header("X-Container-Read") is None
