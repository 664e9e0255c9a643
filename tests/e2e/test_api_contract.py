# SPDX-License-Identifier: Apache-2.0
"""The wire contract of the API (api.md sections 0 to 5), with requests as real clients make them.

Every answer to an `api` call is also held against docs/openapi.yaml (see openapi.py)."""
import json
import pathlib
import re
import urllib.parse

import jsonschema
import pytest

import openapi
from conftest import Api, basic, grant

MIB = 1 << 20
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NONE = ["servers", "server_types", "zones", "volumes", "cloud_ips", "server_groups", "interfaces",
        "load_balancers", "firewall_policies", "firewall_rules", "database_servers",
        "database_snapshots", "database_types", "collaborations", "config_maps", "applications",
        "events"]


def disk(mib=3, seed=1):
    """A small raw disk: some data, some zeros, and sectors in the end."""
    data = bytearray(mib * MIB + 512)
    for at in range(0, MIB, 4096):
        data[at:at + 8] = (seed * 1000003 + at).to_bytes(8, "little")
    data[-8:] = seed.to_bytes(8, "little")
    return bytes(data)


@pytest.fixture
def image(api, source):
    """An available image."""
    source.files["disk.raw"] = disk()
    return api.settled(api.register(source.url("disk.raw"), name="one"))


def errors(answer, status, name):
    body = answer.json()
    assert answer.status == status and list(body) == ["error_name", "errors"], answer
    assert body["error_name"] == name, answer
    assert body["errors"] and all(isinstance(e, str) and e for e in body["errors"])
    return body["errors"]


# ---- tokens (1.1) ----

@pytest.mark.parametrize("path", ["/token", "/token/"])
@pytest.mark.parametrize("encoding", ["json", "form"])
def test_client_credentials_in_every_combination(daemon, tenant, path, encoding):
    fields = {"grant_type": "client_credentials"}
    headers = {"Authorization": "Basic " + basic(tenant.client, tenant.secret)}
    if encoding == "json":
        headers["Content-Type"] = "application/json"
        body = json.dumps(fields).encode()
    else:  # go: a scope too
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode({**fields, "scope": "infrastructure orbit"}).encode()
    answer = daemon.request("POST", path, body, headers)
    openapi.check("POST", path, answer)
    assert answer.status == 200
    assert answer.header("Cache-Control") == "no-store"
    token = answer.json()
    assert token["token_type"] == "Bearer" and 7190 <= token["expires_in"] <= 7200
    assert token["scope"] == "infrastructure, orbit"
    assert "refresh_token" not in token
    assert Api(daemon, token["access_token"])("GET", "/1.0/images").status == 200


def test_credentials_in_the_form_as_go_retries(daemon, tenant):
    body = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": tenant.client,
                                   "client_secret": tenant.secret}).encode()
    answer = daemon.request("POST", "/token/", body,
                            {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 200


def test_password_and_refresh_grants(daemon, tenant):
    application = ("app-12345", "mocbuipbiaa6k6c")
    first = grant(daemon, {"grant_type": "password", "username": tenant.email,
                           "password": tenant.password}, application)
    assert first.status == 200
    refresh = first.json()["refresh_token"]
    second = grant(daemon, {"grant_type": "refresh_token", "refresh_token": refresh}, application)
    assert second.status == 200
    assert second.json()["refresh_token"] != refresh
    assert second.json()["access_token"] != first.json()["access_token"]
    # It was spent; the access token lives on.
    again = grant(daemon, {"grant_type": "refresh_token", "refresh_token": refresh}, application)
    assert again.status == 400 and again.json()["error"] == "invalid_grant"
    assert Api(daemon, first.json()["access_token"])("GET", "/1.0/user").status == 200
    # A user id does as well, and the other public application.
    other = grant(daemon, {"grant_type": "password", "username": tenant.user,
                           "password": tenant.password}, ("app-dkmch", "uogoelzgt0nwawb"))
    assert other.status == 200


def test_refused_tokens(daemon, tenant):
    application = ("app-12345", "mocbuipbiaa6k6c")
    client = (tenant.client, tenant.secret)
    password = {"grant_type": "password", "username": tenant.email, "password": tenant.password}
    for fields, credentials, status, error in [
            ({"grant_type": "client_credentials"}, (tenant.client, "wrong"), 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, ("cli-zzzzz", "wrong"), 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, None, 401, "invalid_client"),
            ({"grant_type": "client_credentials"}, application, 400, "unauthorized_client"),
            ({**password, "password": "wrong"}, application, 401, "invalid_client"),
            ({**password, "username": ""}, application, 401, "invalid_client"),
            ({**password, "username": "nobody@example.com"}, application, 401, "invalid_client"),
            (password, ("app-12345", "wrong"), 401, "invalid_client"),
            ({"grant_type": "refresh_token", "refresh_token": "0" * 40}, application, 400,
             "invalid_grant"),
            ({"grant_type": "password"}, application, 400, "invalid_request"),
            ({"grant_type": "refresh_token"}, application, 400, "invalid_request"),
            ({"grant_type": "magic"}, client, 400, "unsupported_grant_type"),
            ({}, client, 400, "invalid_request"),
            ({"grant_type": 7}, client, 400, "invalid_request"),
            ({"grant_type": "client_credentials", "scope": "everything"}, client, 400,
             "invalid_scope")]:
        answer = grant(daemon, fields, credentials)
        assert (answer.status, answer.json()["error"]) == (status, error), (fields, credentials)
        assert answer.header("Cache-Control") == "no-store"
        challenge = answer.header("WWW-Authenticate")
        assert challenge.startswith("Basic realm=") if status == 401 else challenge is None
    for body in b"", b"{", b"[]", b"grant_type=%zz":
        answer = daemon.request("POST", "/token", body, {
            "Content-Type": "application/json" if body[:1] in b"{[" else
                            "application/x-www-form-urlencoded",
            "Authorization": "Basic " + basic(*client)})
        assert answer.status == 400 and answer.json()["error"] == "invalid_request", body
    answer = daemon.request("GET", "/token")
    assert answer.status == 405 and answer.header("Allow") == "POST"


# ---- using a token (1.3, 1.4) ----

@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "OAuth ", "Bearer nonsense",
                                           "Basic Zm9vOmJhcg==", "Bearer " + "0" * 40])
def test_no_valid_token_is_401(daemon, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = daemon.request("GET", "/1.0/images", headers=headers)
    openapi.check("GET", "/1.0/images", answer)
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'OAuth error="invalid_token"'
    assert answer.json()["error"] == "invalid_token"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "OAuth", "oauth"])
def test_both_schemes(daemon, tenant, scheme):
    token = tenant.api().token
    answer = daemon.request("GET", "/1.0/account", headers={"Authorization": f"{scheme} {token}"})
    assert answer.status == 200
    assert answer.header("X-Oauth-Scopes") == "infrastructure, orbit"
    assert answer.header("X-Request-Id")


def test_account_id_selects_and_hides(tenant, another, api):
    assert api("GET", f"/1.0/images?account_id={tenant.account}").status == 200
    stranger = another()
    for account in stranger.account, "acc-zzzzz", "nonsense":
        errors(api("GET", f"/1.0/images?account_id={account}"), 404, "missing_resource")
        errors(tenant.user_api()("GET", f"/1.0/images?account_id={account}"), 404,
               "missing_resource")
    assert tenant.user_api()("GET", f"/1.0/account?account_id={tenant.account}&nested=false"
                             ).json()["id"] == tenant.account


def test_scopes_are_kept_apart(tenant, image):
    orbit = tenant.api(scope="orbit")
    errors(orbit("GET", "/1.0/images"), 403, "forbidden")
    answer = tenant.api(scope="infrastructure")("GET", "/1.0/images")
    assert answer.status == 200 and answer.header("X-Oauth-Scopes") == "infrastructure"


# ---- images (2.1, 3.1) ----

GO_IMAGE = {  # what a strict client decodes into: type, enumeration, may it be null
    "id": (str, None, False), "name": (str, None, False), "username": (str, None, True),
    "status": (str, ["creating", "available", "deprecated", "unavailable", "deleting", "deleted",
                     "failed"], False),
    "locked": (bool, None, False), "description": (str, None, False),
    "source": (str, None, False), "arch": (str, ["x86_64", "i686"], False),
    "official": (bool, None, False), "public": (bool, None, False), "owner": (str, None, False),
    "source_trigger": (str, ["manual", "schedule"], False),
    "source_type": (str, ["upload", "snapshot"], False), "virtual_size": (int, None, False),
    "disk_size": (int, None, False), "min_ram": (int, None, True),
    "compatibility_mode": (bool, None, False), "licence_name": (str, None, True),
    "created_at": (str, None, False), "ancestor": (dict, None, True)}


def go_decode(image, collection=False):
    for name, (kind, values, nullable) in GO_IMAGE.items():
        if name == "licence_name" and collection:
            continue
        value = image[name]
        if value is None:
            assert nullable, f"{name} is null"
            continue
        assert type(value) is kind, f"{name} is {value!r}"
        assert values is None or value in values, f"{name} is {value!r}"
        assert kind is not int or value >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", image["created_at"])
    assert re.fullmatch(r"img-[0-9a-z]{5}", image["id"])


def test_register_as_the_ruby_cli_does(daemon, tenant, api, source):
    source.files["disk.raw"] = disk()
    answer = api("POST", f"/1.0/images?account_id={tenant.account}", {
        "arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
        "name": "arch-latest", "public": False, "username": None,
        "http_url": source.url("disk.raw")}, expect=201)
    image = answer.json()
    assert answer.header("Location") == f"{daemon.base}/1.0/images/{image['id']}" == image["url"]
    assert list(image)[:21] == [
        "id", "resource_type", "url", "name", "status", "locked", "username", "description",
        "source", "arch", "created_at", "official", "public", "compatibility_mode", "source_type",
        "source_trigger", "disk_size", "virtual_size", "min_ram", "owner", "licence_name"]
    go_decode(image)
    assert image["name"] == "arch-latest" and image["status"] == "creating"
    assert image["owner"] == tenant.account and image["min_ram"] is None
    assert image["description"] == "" and image["username"] is None
    assert image["source_type"] == "upload" and image["source_trigger"] == "manual"
    assert source.base not in json.dumps(image) and "disk.raw" not in image["source"]
    assert image["progress"]["phase"] and image["digest"] is None

    done = api.settled(image)
    go_decode(done)
    assert done["virtual_size"] == 4  # 3 MiB and a sector, rounded up
    assert done["disk_size"] == 2     # the first chunk and the last
    assert done["progress"] is None and done["status_reason"] is None
    assert done["source_format"] == "raw"
    assert re.fullmatch("sha256:[0-9a-f]{64}", done["digest"])
    assert re.fullmatch("sha256:[0-9a-f]{64}", done["checksum"])
    listed = [i for i in api.get("/1.0/images") if i["id"] == image["id"]]
    assert len(listed) == 1
    go_decode(listed[0], collection=True)


def test_register_as_go_does(api, source):
    source.files["disk.raw"] = disk()
    answer = api("POST", "/1.0/images", {"http_url": source.url("disk.raw")}, expect=201,
                 headers={"Accept": "application/json"})
    go_decode(answer.json())
    assert answer.json()["arch"] == "x86_64" and answer.json()["name"]


def test_register_refuses_with_a_sentence_per_problem(api, source, tenant):
    url = source.url("disk.raw")
    for members, words in [
            ({"http_url": None}, None), ({"server": "srv-abcde"}, None),
            ({"volume": "vol-abcde"}, None), ({"http_url": None, "source": "old.img"}, None),
            ({"arch": "sparc"}, "arch"), ({"name": 7}, "name"), ({"name": "a\nb"}, "name"),
            ({"name": "x" * 256}, "name"), ({"public": "true"}, "public"),
            ({"min_ram": -1}, "min_ram"), ({"min_ram": "much"}, "min_ram"),
            ({"http_url": "ftp://a.example/b"}, None), ({"http_url": "file:///etc/passwd"}, None),
            ({"http_url": "http://u:p@a.example/b"}, None), ({"http_url": ["x"]}, "http_url"),
            ({"checksum": "crc32:00"}, "checksum"), ({"official": True}, "official"),
            ({"owner": "acc-zzzzz"}, "owner"), ({"locked": True}, "locked"),
            ({"status": "available"}, "status"), ({"virtual_size": 5}, "virtual_size")]:
        said = errors(api("POST", "/1.0/images", {"arch": "x86_64", "http_url": url, **members}),
                      422, "unprocessable_entity")
        assert not words or any(words in s for s in said), (members, said)
        assert all("passwd" not in s and "u:p" not in s for s in said)
    both = errors(api("POST", "/1.0/images", {"name": 1, "arch": 2, "http_url": url}), 422,
                  "unprocessable_entity")
    assert len(both) == 2
    assert api.get("/1.0/images") == []
    # What it would be anyway is no problem, nor is what nobody knows.
    api.register(url, official=False, owner=tenant.account, account_id="acc-zzzzz", colour="red")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"{}x", b'{"a":1,"a":2}', b'{"a":"\xff"}',
                                  b'{"name":"\\u0000"}', b"[" * 5000])
def test_unparsable_bodies_are_400(api, body):
    errors(api("POST", "/1.0/images", body), 400, "bad_request")


def test_update_as_the_ruby_cli_does(api, image):
    path = f"/1.0/images/{image['id']}"
    for members, expected in [
            ({"name": "two"}, {"name": "two"}),
            ({"description": "d", "username": "root"}, {"description": "d", "username": "root"}),
            ({"description": None, "username": None}, {"description": "", "username": None}),
            ({"arch": "i686"}, {"arch": "i686"}),
            ({"compatibility_mode": True}, {"compatibility_mode": True}),
            ({"public": True}, {"public": True}), ({"public": False}, {"public": False}),
            ({"min_ram": 1024}, {"min_ram": 1024}), ({"min_ram": 0}, {"min_ram": None}),
            ({"status": "deprecated"}, {"status": "deprecated"}),
            ({"status": "deprecated"}, {"status": "deprecated"}),
            ({"status": "available"}, {"status": "available"}), ({}, {})]:
        answer = api("PUT", path, members, expect=200).json()
        go_decode(answer)
        assert {**answer, **expected} == answer, members
        assert api.get(path) == answer
    emptied = api("PUT", path, {"name": None}, expect=200).json()
    assert isinstance(emptied["name"], str)


def test_update_refuses_what_is_ours_to_set(api, image):
    path = f"/1.0/images/{image['id']}"
    for name, value in [("official", True), ("owner", "acc-zzzzz"), ("id", "img-zzzzz"),
                        ("virtual_size", 99), ("disk_size", 99), ("created_at", "2001-01-01T00:00:00Z"),
                        ("source", "x"), ("source_type", "snapshot"), ("locked", True),
                        ("digest", "sha256:" + "0" * 64), ("licence_name", "x"),
                        ("ancestor", {"id": "img-zzzzz"})]:
        said = errors(api("PUT", path, {name: value}), 422, "unprocessable_entity")
        assert any(name in s for s in said)
    for status in "creating", "deleted", "failed", "whatever", "", 7:
        errors(api("PUT", path, {"status": status}), 422, "unprocessable_entity")
    assert api.get(path) == image
    # The whole image sent back, and members nobody knows: no change.
    assert api("PUT", path, {**image, "colour": "red"}, expect=200).json() == image


def test_lock_destroy_unlock(api, image):
    path = f"/1.0/images/{image['id']}"
    assert api("PUT", path + "/lock_resource", expect=200).json()["locked"] is True
    errors(api("DELETE", path), 409, "resource_locked")
    assert api("PUT", path, {"name": "still mine"}, expect=200).json()["locked"] is True
    assert api("PUT", path + "/unlock_resource", b"", expect=200).json()["locked"] is False
    gone = api("DELETE", path, expect=202).json()
    go_decode(gone)
    assert gone["status"] in ("deleting", "deleted")
    # Still there by id, no longer in the list but by explicit wish.
    assert api.get(path)["status"] in ("deleting", "deleted")
    assert api.settled(image, "deleted")["name"] == "still mine"
    assert api.get("/1.0/images") == []
    assert [i["id"] for i in api.get("/1.0/images?status=deleted")] == [image["id"]]
    assert api("DELETE", path).status in (202, 404, 409)


def test_failed_imports_say_why(api, source):
    source.files["page.html"] = b"<!DOCTYPE html><html><title>Not found</title></html>" * 20
    failed = api.settled(api.register(source.url("page.html")), "failed")
    go_decode(failed)
    assert re.match(r"[a-z0-9-]+: .+", failed["status_reason"])
    assert source.base not in failed["status_reason"]
    assert api("DELETE", f"/1.0/images/{failed['id']}").status == 202


def test_destroy_cancels_an_import(api, source):
    source.files["slow.raw"] = disk()
    image = api.register(source.url("slow.raw", rate=20000))
    assert api("DELETE", f"/1.0/images/{image['id']}", expect=202)
    assert api.settled(image, "deleted")


def test_list_is_filtered_paged_and_conditional(api, source):
    source.files["disk.raw"] = disk()
    images = [api.settled(api.register(source.url("disk.raw"), name=f"n{i}", public=i == 1))
              for i in range(3)]
    mine = lambda query: [i["id"] for i in api.get("/1.0/images" + query) if i["owner"] == images[0]["owner"]]
    ids = mine("")
    assert sorted(ids) == sorted(i["id"] for i in images)
    assert mine("?limit=1000") == ids and mine("?unknown=x&nested=false") == ids
    assert mine("?name=n2") == [images[2]["id"]]
    assert mine("?status=available") == ids and mine("?status=failed") == []
    assert mine("?status=public") == [images[1]["id"]]
    assert sorted(mine("?status=private")) == sorted([images[0]["id"], images[2]["id"]])
    paged, marker = [], ""
    while True:
        page = api.get(f"/1.0/images?limit=1&marker={marker}")
        if not page:
            break
        assert len(page) == 1
        marker = page[0]["id"]
        paged.append(marker)
    assert [i for i in paged if i in ids] == ids and len(set(paged)) == len(paged)
    for limit in "0", "x", "-1", "10001":
        errors(api("GET", f"/1.0/images?limit={limit}"), 422, "unprocessable_entity")

    first = api("GET", "/1.0/images", expect=200)
    etag = first.header("ETag")
    for condition in etag, etag.removeprefix("W/"), f'"x", {etag}', "*":
        again = api("GET", "/1.0/images", headers={"If-None-Match": condition})
        assert again.status == 304 and again.header("ETag") == etag and again.body == b""
    api("PUT", f"/1.0/images/{ids[0]}", {"name": "changed"}, expect=200)
    changed = api("GET", "/1.0/images", headers={"If-None-Match": etag})
    assert changed.status == 200 and changed.header("ETag") != etag


# ---- errors (5) ----

def test_unknown_things_are_404_in_json(api):
    for path in "/1.0/images/img-zzzzz", "/1.0/images/%00", "/1.0/nothing", "/1.0", "/1.0/", \
            "/1.0/images/img-zzzzz/nothing", "/1.0/images//", "/1.0/users/usr-zzzzz", \
            "/1.0/accounts/acc-zzzzz", "/1.0/api_clients/cli-zzzzz", "/1.0/images/a%2Fb":
        answer = api("GET", path)
        if "%00" in path:
            assert answer.status == 400
        else:
            errors(answer, 404, "missing_resource")
    for method, path in [("PUT", "/1.0/images/img-zzzzz"), ("DELETE", "/1.0/images/img-zzzzz"),
                         ("PUT", "/1.0/images/img-zzzzz/lock_resource"),
                         ("DELETE", "/1.0/api_clients/cli-zzzzz"),
                         ("POST", "/1.0/api_clients/cli-zzzzz/reset_secret"),
                         ("PUT", "/1.0/users/usr-zzzzz"), ("PUT", "/1.0/accounts/acc-zzzzz")]:
        errors(api(method, path, {"name": "x"}), 404, "missing_resource")


def test_wrong_methods_are_405_with_allow(api):
    for method, path, allow in [
            ("DELETE", "/1.0/images", "GET, HEAD, POST"),
            ("POST", "/1.0/images/img-zzzzz", "GET, HEAD, PUT, DELETE"),
            ("GET", "/1.0/images/img-zzzzz/lock_resource", "PUT"),
            ("PATCH", "/1.0/account", "GET, HEAD, PUT"), ("POST", "/1.0/users", "GET, HEAD")]:
        answer = api(method, path)
        errors(answer, 405, "method_not_allowed")
        assert answer.header("Allow") == allow
    assert api("HEAD", "/1.0/account", expect=200).body == b""


def test_too_large_bodies_are_413(api):
    errors(api("POST", "/1.0/images", b'{"name":"' + b"x" * (2 << 20) + b'"}'), 413,
           "payload_too_large")


# ---- tenants (hardening.md 3) ----

def same(one, other):
    """Two answers alike but for what names the request."""
    strip = lambda a: [(n, v) for n, v in a.headers if n not in ("X-Request-Id", "Date")]
    return (one.status, strip(one), one.body) == (other.status, strip(other), other.body)


def test_private_images_of_others_look_like_nothing(api, another, image):
    stranger = another().api()
    for method, tail, body in [("GET", "", None), ("PUT", "", {"name": "x"}), ("DELETE", "", None),
                               ("PUT", "/lock_resource", None), ("PUT", "/unlock_resource", None),
                               ("PUT", "", {"official": True}), ("PUT", "", {"status": "deleted"})]:
        theirs = stranger(method, f"/1.0/images/{image['id']}{tail}", body)
        nothing = stranger(method, f"/1.0/images/img-zzzzz{tail}", body)
        errors(theirs, 404, "missing_resource")
        assert same(theirs, nothing), (theirs, nothing)
    assert image["id"] not in json.dumps(stranger.get("/1.0/images"))
    # Nor does a marker, a name or a status tell.
    assert same(stranger("GET", f"/1.0/images?marker={image['id']}"),
                stranger("GET", "/1.0/images?marker=img-zzzzz"))
    assert all(i["id"] != image["id"] for i in stranger.get("/1.0/images?name=one"))
    assert stranger.get("/1.0/images?status=deleted") == []


def test_public_images_of_others_are_redacted_and_read_only(api, another, image):
    path = f"/1.0/images/{image['id']}"
    api("PUT", path, {"public": True, "description": "for all"}, expect=200)
    stranger = another().api()
    seen = stranger.get(path)
    go_decode(seen)
    assert seen["description"] == "for all" and seen["owner"] == image["owner"]
    assert seen["checksum"] is None and seen["status_reason"] is None and seen["warnings"] == []
    assert any(i["id"] == image["id"] for i in stranger.get("/1.0/images"))
    for method, tail, body in [("PUT", "", {"name": "x"}), ("DELETE", "", None),
                               ("PUT", "", {"official": True}), ("PUT", "/lock_resource", None)]:
        errors(stranger(method, path + tail, body), 403, "forbidden")
    # Deprecated: by exact id only.
    api("PUT", path, {"status": "deprecated"}, expect=200)
    assert stranger.get(path)["status"] == "deprecated"
    assert all(i["id"] != image["id"] for i in stranger.get("/1.0/images"))
    assert any(i["id"] == image["id"] for i in api.get("/1.0/images"))
    api("DELETE", path, expect=202)
    errors(stranger("GET", path), 404, "missing_resource")


def test_storage_clients_have_no_api(tenant, image):
    storage = tenant.storage_api()
    for method, path in routes():
        errors(storage(method, path.format(id=image["id"], action="x")), 403, "forbidden")


def test_anonymous_is_401_on_every_route(daemon):
    for method, path in routes():
        answer = daemon.request(method, path.format(id="img-zzzzz", action="x"))
        assert answer.status == 401 and answer.json()["error"] == "invalid_token"


# ---- accounts, users, clients (3.3 to 3.5) ----

def test_accounts_of_a_client_and_of_a_user(tenant, api, image):
    accounts = api.get("/1.0/accounts?nested=false")
    assert [a["id"] for a in accounts] == [tenant.account]
    assert accounts[0]["status"] == "active" and "images" not in accounts[0]
    assert tenant.user_api().get("/1.0/accounts?nested=false") == accounts
    full = api.get("/1.0/account")
    assert full == api.get(f"/1.0/accounts/{tenant.account}")
    assert [i["id"] for i in full["images"]] == [image["id"]]
    assert tenant.client in [c["id"] for c in full["clients"]]
    assert [u["id"] for u in full["users"]] == [tenant.user] and full["owner"]["id"] == tenant.user
    assert full["telephone_number"] == "" and full["library_ftp_password"] is None
    assert "images" not in api.get("/1.0/account?nested=false")
    renamed = api("PUT", "/1.0/account", {"name": "New name", "address_1": "x"}, expect=200).json()
    assert renamed["name"] == "New name"
    assert api("PUT", f"/1.0/accounts/{tenant.account}", {}, expect=200).json() == renamed
    errors(api("POST", "/1.0/account/reset_ftp_password"), 422, "unprocessable_entity")


def test_foreign_accounts_are_404(api, another):
    stranger = another()
    for account in stranger.account, "acc-zzzzz":
        errors(api("GET", f"/1.0/accounts/{account}"), 404, "missing_resource")
        errors(api("PUT", f"/1.0/accounts/{account}", {"name": "x"}), 404, "missing_resource")
    for user in stranger.user, "usr-zzzzz":
        errors(api("GET", f"/1.0/users/{user}"), 404, "missing_resource")
    for client in stranger.client, "cli-zzzzz":
        errors(api("GET", f"/1.0/api_clients/{client}"), 404, "missing_resource")
        errors(api("DELETE", f"/1.0/api_clients/{client}"), 404, "missing_resource")


def test_users(tenant, api):
    user = tenant.user_api()
    me = user.get("/1.0/user")
    assert me["id"] == tenant.user and me["email_address"] == tenant.email
    assert me["2fa"] == {"enabled": False} and me["created_at"]
    assert [a["id"] for a in me["accounts"]] == [tenant.account]
    assert user.get(f"/1.0/users/{tenant.user}") == me
    assert [u["id"] for u in user.get("/1.0/users")] == [tenant.user]
    assert tenant.user in [u["id"] for u in api.get("/1.0/users")]
    errors(api("GET", "/1.0/user"), 404, "missing_resource")
    assert api.get("/1.0/user/collaborations") == user.get("/1.0/user/collaborations") == []
    # All three, as the Ruby CLI sends them.
    changed = user("PUT", f"/1.0/users/{tenant.user}", {
        "email_address": "new-" + tenant.email, "ssh_key": "ssh-ed25519 AAAA me", "name": "Ada"},
        expect=200).json()
    assert changed["name"] == "Ada" and changed["ssh_key"] == "ssh-ed25519 AAAA me"
    assert user.get("/1.0/user") == changed
    assert user("PUT", f"/1.0/users/{tenant.user}", {"ssh_key": None}).json()["ssh_key"] == ""
    errors(user("PUT", f"/1.0/users/{tenant.user}", {"email_address": "nonsense"}), 422,
           "unprocessable_entity")


def test_api_clients(daemon, tenant, api):
    made = api("POST", "/1.0/api_clients", {"name": "ci", "description": "d",
                                            "permissions_group": "full"}, expect=201)
    client = made.json()
    assert made.header("Location") == client["url"]
    assert re.fullmatch("[0-9a-z]{15}", client["secret"]) and client["revoked_at"] is None
    assert client["account"]["id"] == tenant.account
    path = f"/1.0/api_clients/{client['id']}"
    assert api.get(path) == {**client, "secret": None}
    assert client["id"] in [c["id"] for c in api.get("/1.0/api_clients")]
    works = lambda secret: grant(daemon, {"grant_type": "client_credentials"},
                                 (client["id"], secret)).status
    assert works(client["secret"]) == 200
    assert api("PUT", path, {"name": "renamed"}, expect=200).json()["name"] == "renamed"
    reset = api("POST", path + "/reset_secret", expect=200).json()
    assert reset["secret"] != client["secret"]
    assert works(client["secret"]) == 401 and works(reset["secret"]) == 200
    gone = api("DELETE", path, expect=200).json()
    assert gone["revoked_at"] and gone["secret"] is None
    assert works(reset["secret"]) == 401
    errors(api("POST", "/1.0/api_clients", {"permissions_group": "root"}), 422,
           "unprocessable_entity")
    plain = api("POST", "/1.0/api_clients", {}, expect=201).json()
    assert plain["permissions_group"] == "full" and plain["name"] is None
    storage = api("POST", "/1.0/api_clients", {"permissions_group": "storage"}, expect=201).json()
    assert storage["permissions_group"] == "storage"


# ---- what is not offered (2.3) ----

@pytest.mark.parametrize("name", NONE)
def test_resources_not_offered_are_empty(api, name):
    assert api.get(f"/1.0/{name}") == []
    for method, tail in ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x"), ("POST", "/x/start"):
        errors(api(method, f"/1.0/{name}{tail}", {} if method != "GET" else None), 404,
               "missing_resource")
    errors(api("POST", f"/1.0/{name}", {"name": "x"}), 422, "unprocessable_entity")


# ---- the description ----

def routes():
    """(method, path) of the server's own route table, but for /token."""
    text = (ROOT / "src/api/routes.c").read_text()
    found = re.findall(r'\{HTTP_(\w+), "(/1\.0/[^" ]+)"', text)
    none = re.findall(r'HTTP_(\w+), *"/1\.0/" name( "[^"]+")?', text)
    names = re.findall(r'^\tNONE\("(\w+)"\)', text, re.M)
    assert names == NONE and len(none) == 7 and len(found) > 25
    return found + [(method, f"/1.0/{name}" + tail.strip(' "')) for name in names
                    for method, tail in none]


def test_the_description_has_every_route_and_no_other():
    spec = openapi.spec()
    documented = {(method.upper(), path) for path, item in spec["paths"].items()
                  for method in openapi.resolve(item) if method in ("get", "put", "post", "delete")
                  if path.startswith("/1.0/")}
    assert documented == set(routes())


def test_the_description_holds_together():
    spec = openapi.spec()

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                openapi.resolve(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
    walk(spec)
    for name, schema in spec["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        missing = set(schema.get("required", [])) - set(schema.get("properties", {}))
        assert not missing, (name, missing)
    operations = [openapi.resolve(item)[m].get("operationId") for item in spec["paths"].values()
                  for m in openapi.resolve(item) if m in ("get", "put", "post", "delete")]
    named = [o for o in operations if o]
    assert len(set(named)) >= len(named) - 2  # /token/ and /v1 share theirs by meaning
