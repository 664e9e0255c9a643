# SPDX-License-Identifier: Apache-2.0
"""Orbit beside OpenStack Swift (api.md section 7, hardening.md 3.3): accounts, containers, listings, objects, copies.

The same tests for both: see orbitapi.py. What is wanted to be different is there, with the reason;
docs/compatibility.md tells users."""
import email
import os
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

from conftest import PATIENCE
from orbitapi import REAL, box, expected, md5, people, quote, swift  # noqa: F401


# ---- authentication and what may be relied on ----

def test_info_needs_no_authentication(swift):
    answer = swift.raw("GET", "/info")
    assert answer.status == 200 and answer.header("Content-Type").startswith("application/json")
    info = answer.json()
    assert set(info) >= {"swift", "tempurl", "slo", "dlo", "bulk_delete", "container_quotas",
                         "account_quotas", "staticweb"} or REAL
    assert info["swift"]["container_listing_limit"] == 10000
    assert set(info["tempurl"]["allowed_digests"]) >= {"sha1", "sha256", "sha512"}
    assert set(info["tempurl"]["methods"]) == {"GET", "HEAD", "PUT", "POST", "DELETE"}
    assert info["slo"]["max_manifest_segments"] == 1000
    assert info["bulk_delete"]["max_deletes_per_request"] == 10000
    assert "formpost" not in info
    assert swift.raw("HEAD", "/info").status == 200


def test_without_a_token_nothing_is_there(swift, box):
    for method, tail in [("GET", ""), ("HEAD", ""), ("POST", ""), ("GET", box), ("HEAD", box), ("PUT", box),
                         ("DELETE", box), ("GET", box + "/x"), ("PUT", box + "/x"), ("GET", "/no-such"),
                         ("GET", "/no-such/x"), ("DELETE", box + "/x"), ("POST", box + "/x")]:
        answer = swift.anonymous(method, tail)
        assert answer.status == 401, (method, tail, answer)
        assert answer.header("Www-Authenticate").startswith("Swift realm=")
        assert swift(method, tail, token="0" * 40).status == 401


def test_another_s_account_and_one_that_is_none_look_alike(people):
    swift, _, stranger = people
    none = swift.path[:-1] + ("x" if swift.path[-1] != "x" else "y")
    for method, tail in [("GET", ""), ("HEAD", ""), ("GET", "/box"), ("PUT", "/box"), ("GET", "/box/x"),
                         ("PUT", "/box/x"), ("DELETE", "/box")]:
        headers = {"X-Auth-Token": stranger.token}
        theirs = swift.raw(method, swift.path + tail, headers, b"" if method == "PUT" else None)
        nobodys = swift.raw(method, none + tail, headers, b"" if method == "PUT" else None)
        assert (theirs.status, theirs.body) == (nobodys.status, nobodys.body) == (403, theirs.body)


# ---- accounts ----

def test_account_sums_and_forms(swift, box):
    head = swift("HEAD")
    assert head.status == 204 and head.body == b""
    for name in ("X-Account-Container-Count", "X-Account-Object-Count", "X-Account-Bytes-Used"):
        assert int(head.header(name)) >= 0
    whole, fraction = head.header("X-Timestamp").split(".")
    assert len(fraction) == 5 and whole.isdigit() and head.header("X-Trans-Id")
    assert int(head.header("X-Account-Container-Count")) == len(swift.json(""))
    one = next(item for item in swift.json("") if item["name"] == box[1:])
    assert set(one) == {"name", "count", "bytes", "last_modified"}
    assert len(one["last_modified"]) == len("2023-01-03T13:08:05.000000")
    assert box[1:] in swift("GET").body.decode().splitlines()
    tree = xml.etree.ElementTree.fromstring(swift("GET", "?format=xml").body)
    assert tree.tag == "account" and tree.get("name") == swift.account
    assert box[1:] in [e.text for e in tree.iter("name")]
    assert [e.tag for e in tree.find("container")] == ["name", "count", "bytes", "last_modified"]
    assert swift.names(f"?prefix={box[1:]}") == [box[1:]]
    assert swift.names(f"?marker={box[1:]}zzz&end_marker={box[1:]}zzz") == []
    assert swift("GET", "?prefix=none-such").status == 204
    assert swift("GET", "?prefix=none-such&format=json").body == b"[]"
    assert swift("GET", "?prefix=none-such&format=xml").status == 200
    assert f"box-{os.getpid()}-" in swift.names(f"?prefix=box-{os.getpid()}&delimiter=-")


def test_account_metadata(swift):
    assert swift("POST", headers={"X-Account-Meta-Colour": "red", "X-Account-Meta-b_c": "ü 1"}).status == 204
    head = swift("HEAD")
    assert head.header("X-Account-Meta-Colour") == "red"
    assert "X-Account-Meta-Colour" in head.names()
    assert swift("POST", headers={"X-Account-Meta-Other": "1"}).status == 204
    assert swift("HEAD").header("X-Account-Meta-Colour") == "red"
    assert swift("POST", headers={"X-Remove-Account-Meta-Colour": "x", "X-Account-Meta-Other": ""}).status == 204
    head = swift("HEAD")
    assert head.header("X-Account-Meta-Colour") is None and head.header("X-Account-Meta-Other") is None
    swift("POST", headers={"X-Remove-Account-Meta-B_c": "x"})


def test_methods_that_there_are_not(swift, box):
    for method, tail in [("PUT", ""), ("COPY", ""), ("COPY", box), ("PATCH", box), ("PATCH", box + "/x")]:
        answer = swift(method, tail)
        assert answer.status == 405 and "GET" in answer.header("Allow"), (method, tail)


# ---- containers ----

def test_container_life(swift):
    box = f"/life-{os.getpid()}"
    for method in ("GET", "HEAD", "DELETE", "POST"):
        assert swift(method, box).status == 404
    assert swift("PUT", box, {"X-Container-Meta-A": "1"}).status == 201
    assert swift("PUT", box, {"X-Container-Meta-B": "2"}).status == 202
    head = swift("HEAD", box)
    assert head.status == 204
    assert (head.header("X-Container-Meta-A"), head.header("X-Container-Meta-B")) == ("1", "2")
    assert head.header("X-Container-Object-Count") == head.header("X-Container-Bytes-Used") == "0"
    assert head.header("X-Storage-Policy") == "Policy-0" and head.header("Accept-Ranges") == "bytes"
    assert head.header("Last-Modified").endswith(" GMT")
    assert {"X-Container-Object-Count", "X-Container-Bytes-Used", "X-Timestamp"} <= set(head.names())
    assert swift("POST", box, {"X-Container-Meta-A": "", "X-Remove-Container-Meta-B": "x"}).status == 204
    assert swift("HEAD", box).header("X-Container-Meta-A") is None
    assert swift("HEAD", box).header("X-Container-Meta-B") is None
    assert swift("GET", box).status == 204 and swift.json(box) == []
    swift.put(box + "/x", b"1")
    assert swift("DELETE", box).status == 409
    assert swift("DELETE", box + "/x").status == 204
    assert swift("DELETE", box).status == 204
    assert swift("DELETE", box).status == 404


def test_names_of_containers(swift):
    longest = expected("longest container name")
    name = "/" + quote("ü <&>\"'" + "x" * (longest - 8))
    assert len(urllib.parse.unquote(name).encode()) == longest + 1
    assert swift("PUT", name).status == 201
    assert urllib.parse.unquote(name[1:]) in swift.names("")
    assert swift("DELETE", name).status == 204
    assert swift("PUT", "/" + "x" * (longest + 1)).status == 400
    assert swift("GET", "/%ff").status == 412
    assert swift("PUT", "/%ff").status == 412


@pytest.mark.parametrize("name,value,status", [
    ("X-Container-Meta-", "1", 400), ("X-Container-Meta-" + "a" * 128, "1", 202),
    ("X-Container-Meta-" + "a" * 129, "1", 400), ("X-Container-Meta-A", "a" * 256, 202),
    ("X-Container-Meta-A", "a" * 257, 400), ("X-Container-Meta-A", b"\xff", 400),
    ("X-Container-Read", ".r:", 400), ("X-Container-Read", ".x:y", 400), ("X-Container-Read", ".r:*", 202),
    ("X-Container-Read", " .referrer : * ,, .rlistings ,", 202), ("X-Container-Write", ".r:*", 400),
    ("X-Container-Meta-Quota-Bytes", "x", 400), ("X-Container-Meta-Quota-Count", "-1", 400)])
def test_container_headers_are_checked(swift, box, name, value, status):
    assert swift("PUT", box, {name: value}).status == status


def test_metadata_limits_are_of_the_whole(swift, box):
    many = {f"X-Container-Meta-{i}": "x" for i in range(45)}
    assert swift("POST", box, many).status == 204
    assert swift("POST", box, {f"X-Container-Meta-A{i}": "x" for i in range(45)}).status == 204
    assert swift("POST", box, {"X-Container-Meta-More": "x"}).status == 400
    assert swift("HEAD", box).header("X-Container-Meta-More") is None
    assert swift("POST", box, {"X-Container-Meta-0": "changed"}).status == 204
    much = {f"X-Object-Meta-{i:03}": "x" * 250 for i in range(10)}
    assert swift("PUT", box + "/x", much, b"").status == 201
    much.update({f"X-Object-Meta-A{i:03}": "x" * 250 for i in range(7)})
    assert swift("PUT", box + "/x", much, b"").status == 400


def test_acl_elements_get_their_normal_form(swift, box):
    swift.put(box, X_Container_Read=" .referrer:*.example.com , .r:-thief.example.com,, .rlistings ")
    assert swift("HEAD", box).header("X-Container-Read") == ".r:.example.com,.r:-thief.example.com,.rlistings"
    swift.put(box, X_Container_Read="")
    assert swift("HEAD", box).header("X-Container-Read") is None
    swift.put(box, X_Container_Read=".r:*")
    swift("POST", box, {"X-Remove-Container-Read": "x"})
    assert swift("HEAD", box).header("X-Container-Read") is None
    assert swift("POST", box, {"X-Container-Read": "somebody"}).status == expected("unknown element in an ACL")


# ---- listings ----

NAMES = ["a", "a/1", "a/2", "a/b/3", "b", "b/", "c/x", "d", "ä"]


@pytest.fixture
def listed(swift, box):
    for name in NAMES:
        swift.put(f"{box}/{quote(name)}", name.encode())
    return box


@pytest.mark.parametrize("query,names", [
    ("", NAMES), ("limit=2", NAMES[:2]), ("limit=0", []), ("limit=x", NAMES), ("limit=-1", NAMES),
    ("limit=10000", NAMES), ("marker=a/2", NAMES[3:]), ("marker=a/15", NAMES[2:]), ("end_marker=a/2", NAMES[:2]),
    ("marker=a&end_marker=b", NAMES[1:4]), ("prefix=a/", NAMES[1:4]), ("prefix=", NAMES), ("prefix=zz", []),
    ("delimiter=/", ["a", "a/", "b", "b/", "c/", "d", "ä"]), ("delimiter=/&limit=2", ["a", "a/"]),
    ("delimiter=/&marker=a/", ["b", "b/", "c/", "d", "ä"]), ("delimiter=/&prefix=a", ["a", "a/"]),
    ("delimiter=/&prefix=a/", ["a/1", "a/2", "a/b/"]), ("delimiter=b", ["a", "a/1", "a/2", "a/b", "b", "c/x", "d", "ä"]),
    ("delimiter=/&prefix=a/&marker=a/1", ["a/2", "a/b/"]), ("path=a", ["a/1", "a/2"]), ("path=a/", ["a/1", "a/2"]),
    ("path=", ["a", "b", "b/", "d", "ä"]), ("path=a/b", ["a/b/3"]), ("path=b", []),
    ("reverse=true", NAMES[::-1]), ("reverse=on&limit=2", ["ä", "d"]), ("reverse=true&marker=b", NAMES[3::-1]),
    ("reverse=true&marker=c&end_marker=a/1", ["b/", "b", "a/b/3", "a/2"]), ("reverse=false", NAMES),
    ("reverse=true&delimiter=/", ["ä", "d", "c/", "b/", "b", "a/", "a"]),
    ("marker=" + quote("ä"), []), ("prefix=" + quote("ä"), ["ä"])])
def test_listing_queries(swift, listed, query, names):
    answer = swift("GET", f"{listed}?{query}")
    assert answer.body.decode().splitlines() == names
    assert answer.status == (200 if names else 204)
    assert swift.names(f"{listed}?{query}") == names


def test_listing_forms(swift, listed):
    one = swift.json(listed + "?limit=1")[0]
    assert set(one) == {"name", "hash", "bytes", "content_type", "last_modified"}
    assert (one["name"], one["hash"], one["bytes"]) == ("a", md5(b"a"), 1)
    assert one["content_type"] == "application/octet-stream" and len(one["last_modified"]) == 26
    assert swift.json(listed + "?delimiter=/&marker=a&limit=1") == [{"subdir": "a/"}]
    tree = xml.etree.ElementTree.fromstring(swift("GET", listed + "?format=xml&delimiter=/").body)
    assert tree.tag == "container" and tree.get("name") == listed[1:]
    assert [e.tag for e in tree.find("object")] == ["name", "hash", "bytes", "content_type", "last_modified"]
    assert [(e.get("name"), e.find("name").text) for e in tree.iter("subdir")] == [("a/", "a/"), ("b/", "b/"), ("c/", "c/")]
    for query, accept, kind in [
            ("", None, "text/plain"), ("", "*/*", "text/plain"), ("", "application/json", "application/json"),
            ("", "text/html, application/xml;q=0.5, application/json;q=0.9", "application/json"),
            ("", "text/*", "text/plain"), ("", "text/xml", "text/xml"), ("", "*/*, application/json", "application/json"),
            ("", "text/plain;q=0.1,application/xml", "application/xml"),
            ("?format=xml", "application/json", "application/xml"), ("?format=JSON", None, "application/json"),
            ("?format=other", None, "text/plain")]:
        answer = swift("GET", listed + query, {"Accept": accept} if accept else {})
        assert answer.header("Content-Type") == kind + "; charset=utf-8", (query, accept)
        assert answer.header("X-Container-Object-Count") == str(len(NAMES))
    assert swift("GET", listed, {"Accept": "image/png"}).status == 406
    assert swift("GET", listed, {"Accept": "x"}).status == 400
    assert swift("GET", listed + "?limit=10001").status == 412
    assert swift("GET", listed + "?marker=%ff").status == 400


def test_names_cannot_be_taken_for_markup(swift, box):
    names = ["<b>&\"'</b>", "a\u2028b", "tab\there", "\U0001f600", "%41", "a+b", " ", "?#;", "\x7f"]
    for name in names:
        swift.put(f"{box}/{quote(name, '')}", b"x")
    assert sorted(swift.names(box)) == sorted(names)
    answer = swift("GET", box + "?format=json")
    assert "\u2028".encode() not in answer.body
    tree = xml.etree.ElementTree.fromstring(swift("GET", box + "?format=xml").body)
    assert sorted(e.text for e in tree.iter("name")) == sorted(names)
    for name in names:
        assert swift("GET", f"{box}/{quote(name, '')}").body == b"x"


def test_line_breaks_and_control_characters_in_names(swift, box):
    for name in ("a\nb", "c\rd", "e\x01f"):
        swift.put(f"{box}/{quote(name, '')}", b"x")
    assert swift.names(box) == ["a\nb", "c\rd", "e\x01f"]
    assert expected("line break in a plain listing").encode() in swift("GET", box).body
    if expected("control character in XML"):
        tree = xml.etree.ElementTree.fromstring(swift("GET", box + "?format=xml").body)
        assert [e.text for e in tree.iter("name")] == ["a\nb", "c\rd", f"e{expected('control character in XML')}f"]


# ---- objects ----

def test_object_life(swift, box):
    path = box + "/a/b.txt"
    for method in ("GET", "HEAD", "DELETE", "POST"):
        assert swift(method, path).status == 404
    made = swift("PUT", path, {"X-Object-Meta-Colour": "red", "X-Object-Meta-Mtime": "1.5"}, b"hello")
    assert made.status == 201 and made.header("Etag") == md5(b"hello")
    assert made.header("Last-Modified").endswith(" GMT")
    for method in ("GET", "HEAD"):
        answer = swift(method, path)
        assert answer.status == 200 and answer.body == (b"hello" if method == "GET" else b"")
        assert answer.header("Content-Length") == "5" and answer.header("Etag") == md5(b"hello")
        assert answer.header("Content-Type") == "text/plain" and answer.header("Accept-Ranges") == "bytes"
        assert answer.header("X-Object-Meta-Colour") == "red" and answer.header("X-Object-Meta-Mtime") == "1.5"
        assert answer.header("Last-Modified") == made.header("Last-Modified")
        assert float(answer.header("X-Timestamp")) > 0
        assert {"Etag", "Last-Modified", "X-Object-Meta-Colour", "Content-Type"} <= set(answer.names())
    assert swift("POST", path, {"X-Object-Meta-Size": "big"}).status == 202
    head = swift("HEAD", path)
    assert head.header("X-Object-Meta-Size") == "big" and head.header("X-Object-Meta-Colour") is None
    assert head.header("Content-Type") == "text/plain" and head.header("Etag") == md5(b"hello")
    assert swift("POST", path, {"Content-Type": "a/b"}).status == 202
    assert swift("HEAD", path).header("Content-Type") == "a/b"
    swift.put(path, b"again")
    assert swift("GET", path).body == b"again"
    assert swift("HEAD", path + "?symlink=get").status == 200
    assert swift("DELETE", path).status == 204
    assert swift("GET", path).status == 404
    assert swift("PUT", "/no-such/x", {}, b"x").status == 404


def test_parameters_that_mean_nothing_for_an_object(swift, box):
    swift.put(box + "/x.png", b"hello")
    for query in ("format=webp", "format=raw", "format=json", "limit=a", "symlink=get", "x"):
        answer = swift("GET", f"{box}/x.png?{query}")
        assert (answer.status, answer.body) == (200, b"hello"), query


def test_sums_follow_objects(swift, box):
    swift.put(box + "/x", b"12345")
    swift.put(box + "/y", b"123")
    swift.put(box + "/x", b"1")
    head = swift("HEAD", box)
    assert head.header("X-Container-Object-Count") == "2" and head.header("X-Container-Bytes-Used") == "4"
    if expected("sums of a new object are there"):
        one = next(item for item in swift.json("") if item["name"] == box[1:])
        assert (one["count"], one["bytes"]) == (2, 4)


def test_names_of_objects(swift, box):
    longest = quote("a/" + "x" * 1022)
    assert swift("PUT", f"{box}/{longest}", {}, b"1").status == 201
    assert swift("GET", f"{box}/{longest}").body == b"1"
    assert swift("PUT", f"{box}/{longest}x", {}, b"1").status == 400
    assert swift("PUT", f"{box}/%ff", {}, b"1").status == 412
    swift.put(f"{box}/p%2Fq%20r", b"fog")
    assert swift("GET", f"{box}/p/q%20r").body == b"fog"
    for name in ("..", ".", "a//b", "/lead", "trail/", "a/../b"):
        swift.put(f"{box}/{name}", name.encode())
    for name in ("..", ".", "a//b", "/lead", "trail/", "a/../b"):
        assert swift("GET", f"{box}/{name}").body == name.encode()


@pytest.mark.parametrize("name,sent,kind", [
    ("x", None, "application/octet-stream"), ("x.txt", None, "text/plain"), ("x.html", None, "text/html"),
    ("x.json", "", "application/json"), ("x.png", "", "image/png"), ("x.txt", "text/x; charset=utf-8", "text/x; charset=utf-8"),
    ("dir.txt/x", None, "application/octet-stream"), ("X.PDF", None, "application/pdf")])
def test_content_types(swift, box, name, sent, kind):
    swift("PUT", f"{box}/{name}", {} if sent is None else {"Content-Type": sent}, b"x")
    assert swift("HEAD", f"{box}/{name}").header("Content-Type") == kind


def test_a_content_type_is_detected_on_request(swift, box):
    swift.put(box + "/x.txt", b"x", Content_Type="a/b", X_Detect_Content_Type="true")
    assert swift("HEAD", box + "/x.txt").header("Content-Type") == "text/plain"
    assert swift("PUT", box + "/x", {"Content-Type": "a/b; swift_bytes=1"}, b"").status == 400


def test_headers_kept_with_an_object(swift, box):
    kept = {"Content-Encoding": "gzip", "Content-Disposition": "inline; filename=\"a b\"", "Cache-Control": "max-age=1",
            "Content-Language": "de", "Expires": "Thu, 01 Dec 1994 16:00:00 GMT", "X-Robots-Tag": "none"}
    swift("PUT", box + "/x", {**kept, "X-Other": "1", "Access-Control-Allow-Origin": "*"}, b"x")
    head = swift("HEAD", box + "/x")
    for name, value in kept.items():
        assert head.header(name) == value
    assert head.header("X-Other") is None and head.header("Access-Control-Allow-Origin") is None
    swift("POST", box + "/x", {"X-Object-Meta-A": "1"})
    assert swift("HEAD", box + "/x").header("Content-Disposition") is None
    swift("PUT", box + "/x", {"X-Object-Meta-A": "é".encode()}, b"x")
    assert swift("HEAD", box + "/x").header("X-Object-Meta-A").encode("latin-1").decode() == "é"


def test_a_body_without_a_length(swift, box):
    assert swift.raw("PUT", f"{swift.path}{box}/x", {"X-Auth-Token": swift.token}).status == 411
    chunked = {"Transfer-Encoding": "chunked"}
    assert swift("PUT", box + "/x", chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").status == 201
    assert swift("GET", box + "/x").body == b"abcde"
    assert swift("PUT", box + "/empty", chunked, b"0\r\n\r\n").header("Etag") == md5(b"")
    assert swift("PUT", box + "/zero", {}, b"").status == 201
    assert swift("GET", box + "/zero").header("Content-Length") == "0"


def test_an_etag_is_verified(swift, box):
    assert swift("PUT", box + "/x", {"Etag": md5(b"y")}, b"x").status == 422
    assert swift("HEAD", box + "/x").status == 404
    assert swift("PUT", box + "/x", {"Etag": md5(b"x")}, b"x").status == 201
    assert swift("PUT", box + "/x", {"Etag": "nonsense"}, b"z").status == 422
    assert swift("GET", box + "/x").body == b"x"
    assert swift("PUT", box + "/x", {"Etag": md5(b"y").upper()}, b"y").status == expected("an ETag in capitals")
    assert swift("PUT", box + "/x", {"Etag": f'"{md5(b"y")}"'}, b"y").status == 201


def test_uploads_on_conditions(swift, box):
    assert swift("PUT", box + "/x", {"If-None-Match": "*"}, b"1").status == 201
    assert swift("PUT", box + "/x", {"If-None-Match": "*"}, b"2").status == 412
    assert swift("PUT", box + "/x", {"If-None-Match": "abc"}, b"2").status == 400
    assert swift("GET", box + "/x").body == b"1"


def test_a_client_s_timestamp_means_nothing(swift, box):
    """CVE-2013-4155."""
    for value in ("1", "99999999999.00000", "x"):
        assert swift("PUT", box + "/x", {"X-Timestamp": value}, b"x").status == 201
        assert abs(float(swift("HEAD", box + "/x").header("X-Timestamp")) - time.time()) < 3600


@pytest.mark.parametrize("name,value,text", [
    ("X-Delete-At", "1", "X-Delete-At in past"), ("X-Delete-At", "x", "Non-integer X-Delete-At"),
    ("X-Delete-After", "-1", "X-Delete-After in past"), ("X-Delete-After", "0", "X-Delete-After in past"),
    ("X-Delete-After", "1.5", "Non-integer X-Delete-After")])
def test_expiry_that_is_none(swift, box, name, value, text):
    answer = swift("PUT", box + "/x", {name: value}, b"x")
    assert (answer.status, answer.body.decode()) == (400, text)


def test_expiry(swift, box):
    at = str(int(time.time()) + 3000)
    swift.put(box + "/x", b"x", X_Delete_At=at)
    assert swift("HEAD", box + "/x").header("X-Delete-At") == at
    swift("POST", box + "/x", {"X-Object-Meta-A": "1"})
    assert swift("HEAD", box + "/x").header("X-Delete-At") is None
    swift("POST", box + "/x", {"X-Delete-After": "3000"})
    assert abs(int(swift("HEAD", box + "/x").header("X-Delete-At")) - int(at)) < 60
    assert swift("POST", box + "/x", {"X-Delete-At": "1"}).status == 400
    swift.put(box + "/y", b"y", X_Delete_After="1")
    assert swift("HEAD", box + "/y").status == 200
    deadline = time.monotonic() + PATIENCE
    while swift("HEAD", box + "/y").status != 404:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_conditions(swift, box):
    swift.put(box + "/x", b"x")
    head = swift("HEAD", box + "/x")
    tag, date = head.header("Etag"), head.header("Last-Modified")
    old = "Thu, 01 Dec 1994 16:00:00 GMT"
    for headers, status in [
            ({"If-Match": tag}, 200), ({"If-Match": f'"{tag}"'}, 200), ({"If-Match": "*"}, 200), ({"If-Match": '"x"'}, 412),
            ({"If-Match": f'"x", "{tag}"'}, 200), ({"If-None-Match": f'"{tag}"'}, 304), ({"If-None-Match": "*"}, 304),
            ({"If-None-Match": '"x"'}, 200), ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": old}, 200),
            ({"If-Unmodified-Since": date}, 200), ({"If-Unmodified-Since": old}, 412)]:
        for method in ("GET", "HEAD"):
            answer = swift(method, box + "/x", headers)
            assert answer.status == status, (method, headers)
            assert answer.header("Etag") == tag
            assert answer.body == (b"x" if (method, status) == ("GET", 200) else answer.body)


def test_ranges(swift, box):
    swift.put(box + "/x", b"0123456789")
    for wanted, status, body, said in [
            ("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"),
            ("bytes=-3", 206, b"789", "bytes 7-9/10"), ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
            ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"), ("bytes=10-", 416, None, "bytes */10"),
            ("bytes=-0", 416, None, "bytes */10"), ("bytes=4-2", 200, b"0123456789", None),
            ("bytes=x", 200, b"0123456789", None), ("lines=1-2", 200, b"0123456789", None)]:
        answer = swift("GET", box + "/x", {"Range": wanted})
        assert (answer.status, answer.header("Content-Range")) == (status, said), wanted
        assert body is None or answer.body == body
    answer = swift("GET", box + "/x", {"Range": "bytes=0-1,4-4,-1"})
    assert answer.status == 206
    parts = email.message_from_bytes(b"Content-Type: " + answer.header("Content-Type").encode() + b"\r\n\r\n" + answer.body)
    assert [p.get_payload(decode=True) for p in parts.get_payload()] == [b"01", b"4", b"9"]
    assert [p["Content-Range"] for p in parts.get_payload()] == ["bytes 0-1/10", "bytes 4-4/10", "bytes 9-9/10"]
    assert [p["Content-Type"] for p in parts.get_payload()] == ["application/octet-stream"] * 3
    assert int(answer.header("Content-Length")) == len(answer.body)
    assert swift("HEAD", box + "/x", {"Range": "bytes=0-1"}).header("Content-Length") in ("10", "2")
    swift.put(box + "/empty", b"")
    assert swift("GET", box + "/empty", {"Range": "bytes=-5"}).status == 200


# ---- copies ----

def test_copies(swift, box):
    source, target = f"{box}/s%20%C3%BC", f"{box}/t"
    swift.put(source, b"hello", X_Object_Meta_A="1", Content_Type="a/b")
    plain = source[1:]
    for value in (plain, "/" + plain):
        answer = swift("COPY", source, {"Destination": f"{box[1:]}/t%20%C3%BC"})
        assert answer.status == 201 and answer.header("Etag") == md5(b"hello")
        assert answer.header("X-Copied-From") == plain and answer.header("X-Copied-From-Account") == swift.account
        assert answer.header("X-Copied-From-Last-Modified") == swift("HEAD", source).header("Last-Modified")
        answer = swift("PUT", target, {"X-Copy-From": value, "X-Object-Meta-B": "2"}, b"")
        assert answer.status == 201
        head = swift("HEAD", target)
        assert (head.header("X-Object-Meta-A"), head.header("X-Object-Meta-B")) == ("1", "2")
        assert head.header("Content-Type") == "a/b"
    assert swift("GET", f"{box}/t%20%C3%BC").body == b"hello"
    swift("COPY", source, {"Destination": f"{box[1:]}/t", "X-Fresh-Metadata": "true", "Content-Type": "c/d"})
    head = swift("HEAD", target)
    assert head.header("X-Object-Meta-A") is None and head.header("Content-Type") == "c/d"
    assert swift("COPY", target, {"Destination": f"{box[1:]}/t", "X-Object-Meta-C": "3"}).status == 201
    assert swift("HEAD", target).header("X-Object-Meta-C") == "3"


def test_copies_that_are_none(swift, box, people):
    swift.put(box + "/s", b"hello")
    name = box[1:]
    for method, tail, headers, body, status in [
            ("COPY", "/s", {}, None, 412), ("COPY", "/s", {"Destination": name}, None, 412),
            ("COPY", "/s", {"Destination": "none-such/t"}, None, 404), ("COPY", "/none", {"Destination": f"{name}/t"}, None, 404),
            ("PUT", "/t", {"X-Copy-From": name}, b"", 412), ("PUT", "/t", {"X-Copy-From": f"{name}/none"}, b"", 404),
            ("PUT", "/t", {"X-Copy-From": f"{name}/s"}, b"abc", 400),
            ("COPY", "/s", {"Destination": f"{name}/t", "Destination-Account": people[2].account}, None, 403),
            ("PUT", "/t", {"X-Copy-From": f"{name}/s", "X-Copy-From-Account": people[2].account}, b"", 403)]:
        assert swift(method, box + tail, headers, body).status == status, (method, tail, headers)
    assert swift.names(box) == ["s"]
    nobody = swift.raw("PUT", f"/v1/{'x' * 100}/c/o", {"X-Auth-Token": swift.token, "X-Copy-From": f"{name}/s"}, b"")
    assert nobody.status == 403
