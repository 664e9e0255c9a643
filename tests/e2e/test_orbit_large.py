# SPDX-License-Identifier: Apache-2.0
"""Orbit beside OpenStack Swift (api.md section 7, hardening.md 3.3): large objects and many deletions.

The same tests for both: see orbitapi.py. What is wanted to be different is there, with the reason;
docs/compatibility.md tells users."""
import json

from orbitapi import WHOLE, WHOLE_ETAG, box, expected, manifest_of, md5, people, put_static, segments, swift  # noqa: F401


# ---- large objects ----

def check_large(swift, path):
    for method in ("GET", "HEAD"):
        answer = swift(method, path)
        assert answer.status == 200 and answer.header("Content-Length") == "15"
        assert answer.header("Etag") == WHOLE_ETAG
        assert answer.body == (WHOLE if method == "GET" else b"")
    for wanted, body in [("bytes=3-11", WHOLE[3:12]), ("bytes=5-9", b"22222"), ("bytes=-1", b"3")]:
        answer = swift("GET", path, {"Range": wanted})
        assert answer.status == 206 and answer.body == body
    assert swift("GET", path, {"Range": "bytes=15-"}).status == 416
    assert swift("GET", path, {"If-None-Match": WHOLE_ETAG}).status == 304
    assert swift("GET", path, {"If-Match": '"x"'}).status == 412


def test_dynamic_large_objects(swift, segments):
    path = segments + "/dynamic"
    made = swift("PUT", path, {"X-Object-Manifest": f"{segments[1:]}/seg/", "Transfer-Encoding": "chunked"}, b"0\r\n\r\n")
    assert made.status == 201 and made.header("Etag") == md5(b"")
    check_large(swift, path)
    assert swift("HEAD", path).header("X-Object-Manifest") == f"{segments[1:]}/seg/"
    listed = next(item for item in swift.json(segments) if item["name"] == "dynamic")
    assert (listed["bytes"], listed["hash"]) == (0, md5(b""))
    swift.put(segments + "/seg/4", b"44")
    assert swift("HEAD", path).header("Content-Length") == "17"
    answer = swift("GET", path + "?multipart-manifest=get")
    assert answer.body == b"" and answer.header("Etag") == md5(b"")
    swift.put(segments + "/none", b"", X_Object_Manifest=f"{segments[1:]}/none-such/")
    assert swift("GET", segments + "/none").body == b""
    for value in (segments[1:], f"{segments[1:]}/", "x?y/z", f"{segments[1:]}/seg?x", "/"):
        assert swift("PUT", segments + "/bad", {"X-Object-Manifest": value}, b"").status == 400, value


def test_static_large_objects(swift, segments):
    path = segments + "/static"
    made = put_static(swift, path, manifest_of(segments, 1, 2, 3), {"X-Object-Meta-A": "1", "Content-Type": "a/b"})
    assert made.status == 201 and made.header("Etag") == WHOLE_ETAG
    check_large(swift, path)
    head = swift("HEAD", path)
    assert head.header("X-Static-Large-Object") == "True" and head.header("X-Object-Meta-A") == "1"
    assert head.header("Content-Type") == "a/b"
    answer = swift("GET", path + "?multipart-manifest=get")
    assert answer.header("Content-Type").startswith("application/json")
    assert answer.header("Etag") == md5(answer.body) == head.header("X-Manifest-Etag")
    first = answer.json()[0]
    assert (first["name"], first["bytes"], first["hash"]) == (f"{segments}/seg/1", 5, md5(b"11111"))
    assert {"content_type", "last_modified"} <= set(first)
    listed = next(item for item in swift.json(segments) if item["name"] == "static")
    assert (listed["bytes"], listed["slo_etag"]) == (15, WHOLE_ETAG)
    assert swift("POST", path, {"X-Object-Meta-B": "2"}).status == 202
    check_large(swift, path)
    whole = swift("HEAD", path).header("Etag").strip('"')
    assert put_static(swift, path, manifest_of(segments, 1, 2, 3), {"Etag": whole}).status == 201


def test_static_parts_of_parts(swift, segments):
    put_static(swift, segments + "/inner", manifest_of(segments, 1, 2))
    made = put_static(swift, segments + "/outer", [{"path": f"{segments}/inner"}, *manifest_of(segments, 3)])
    assert made.status == 201
    assert swift("GET", segments + "/outer").body == WHOLE
    assert put_static(swift, segments + "/ranged", manifest_of(segments, 1, 3, range="1-2")).status == 201
    assert swift("GET", segments + "/ranged").body == b"1133"
    assert put_static(swift, segments + "/tail", manifest_of(segments, 2, range="-3")).status == 201
    assert swift("HEAD", segments + "/tail").header("Content-Length") == "3"


def test_static_manifests_that_are_none(swift, segments):
    one = manifest_of(segments, 1)[0]
    for body in (b"x", b"{}", json.dumps([{"path": segments}]).encode(), json.dumps([{**one, "foo": 1}]).encode(),
                 json.dumps([one] * 1001).encode(),
                 json.dumps([{**one, "range": "x"}]).encode(), json.dumps([{**one, "range": "7-9"}]).encode(),
                 json.dumps([{**one, "size_bytes": "x"}]).encode(), json.dumps([{**one, "size_bytes": 0}]).encode()):
        status = swift("PUT", segments + "/bad?multipart-manifest=put", {}, body).status
        assert status == (413 if len(body) > 50000 else 400), body[:200]
    assert put_static(swift, segments + "/bad", [{"size_bytes": 5}]).status == expected("a segment without a path")
    wrong = [{**one, "size_bytes": 4}, {**one, "etag": md5(b"")}, {"path": f"{segments}/none"}]
    answer = put_static(swift, segments + "/bad", wrong, {"Accept": "application/json"})
    assert answer.status == 400
    errors = {tuple(e) for e in answer.json()["Errors"]}
    assert errors == {(f"{segments}/seg/1", "Size Mismatch"), (f"{segments}/seg/1", "Etag Mismatch"),
                      (f"{segments}/none", "404 Not Found")}
    assert swift("HEAD", segments + "/bad").status == 404


def test_static_objects_without_their_segments(swift, segments):
    put_static(swift, segments + "/static", manifest_of(segments, 1, 2, 3))
    swift.put(segments + "/seg/1", b"other")
    status = swift("GET", segments + "/static").status
    assert status == 409


def test_static_objects_are_deleted_with_their_segments(swift, segments):
    put_static(swift, segments + "/static", manifest_of(segments, 1, 2))
    answer = swift("DELETE", segments + "/static?multipart-manifest=delete", {"Accept": "image/png"})
    assert b"Number Deleted: 0" in answer.body and b"Response Status: 406" in answer.body
    answer = swift("DELETE", segments + "/static?multipart-manifest=delete", {"Accept": "application/json"})
    assert answer.status == 200
    assert answer.json() == {"Number Deleted": 3, "Number Not Found": 0, "Response Status": "200 OK",
                             "Response Body": "", "Errors": []}
    assert swift.names(segments) == ["seg/3"]
    answer = swift("DELETE", segments + "/static?multipart-manifest=delete")
    assert b"Number Not Found: 1" in answer.body and b"Response Status: 200 OK" in answer.body
    answer = swift("DELETE", segments + "/seg/3?multipart-manifest=delete", {"Accept": "application/json"})
    assert answer.json()["Errors"] == [[f"{segments}/seg/3", "Not an SLO manifest"]]
    put_static(swift, segments + "/static", manifest_of(segments, 3))
    assert swift("DELETE", segments + "/static").status == 204
    assert swift.names(segments) == ["seg/3"]


def test_copies_of_large_objects(swift, segments):
    put_static(swift, segments + "/static", manifest_of(segments, 1, 2, 3), {"X-Object-Meta-A": "1"})
    assert swift("COPY", segments + "/static", {"Destination": f"{segments[1:]}/flat"}).header("Etag") == md5(WHOLE)
    head = swift("HEAD", segments + "/flat")
    assert head.header("X-Static-Large-Object") is None and head.header("X-Object-Meta-A") == "1"
    made = swift("COPY", segments + "/static?multipart-manifest=get", {"Destination": f"{segments[1:]}/again"})
    assert made.status == 201
    check_large(swift, segments + "/again")


# ---- many deletions ----

def test_bulk_delete(swift, box):
    for n in range(3):
        swift.put(f"{box}/{n}%20x", b"x")
    lines = f"{box}/0%20x\n{box[1:]}/1%20x\n\n{box}/none\n/none-such/x\n"
    for method, accept in [("DELETE", "application/json"), ("POST", "text/plain")]:
        answer = swift(method, "?bulk-delete", {"Content-Type": "text/plain", "Accept": accept}, lines.encode())
        assert answer.status == 200 and answer.header("Content-Type").startswith(accept)
        lines = f"{box}/2%20x\n{box}/none\n/none-such/x"
        if accept == "application/json":
            assert answer.json() == {"Number Deleted": 2, "Number Not Found": 2, "Response Status": "200 OK",
                                     "Response Body": "", "Errors": []}
        else:
            assert answer.body == (b"Number Deleted: 1\nNumber Not Found: 2\nResponse Body: \n"
                                   b"Response Status: 200 OK\nErrors:\n")
    assert swift.names(box) == []


def test_bulk_delete_of_containers_and_what_goes_wrong(swift, box):
    swift.put(box + "/x", b"x")
    sent = {"Content-Type": "text/plain", "Accept": "application/json"}

    def ask(body, headers=sent):
        return swift("POST", "?bulk-delete", headers, body).json()
    answer = ask(box.encode())
    assert answer["Response Status"] == "400 Bad Request" and answer["Errors"] == [[box, "409 Conflict"]]
    answer = ask(f"{box}/x\n{box}".encode())
    assert (answer["Number Deleted"], answer["Response Status"]) == (2, "200 OK")
    swift.put(box)
    assert ask(b"")["Response Body"] == "Invalid bulk delete."
    assert ask(b"/a/b", {**sent, "Content-Type": "application/json"})["Response Status"] == "406 Not Acceptable"
    chunked = {**sent, "Transfer-Encoding": "chunked"}
    assert ask(b"5\r\n/a/b\n\r\n0\r\n\r\n", chunked)["Number Not Found"] == 1
    assert b"<number_not_found>1</number_not_found>" in swift(
        "POST", "?bulk-delete", {**sent, "Accept": "application/xml"}, b"/a/b").body


def test_bulk_delete_of_what_is_no_name(swift, box):
    swift.put(box + "/a", b"x")
    told = swift("POST", "?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                 f"{box}/a\0b\n{box}/ü\n{box}/%zz\n".encode() + box.encode() + b"/\xff\n").json()
    assert told["Number Deleted"] == 0 and swift.names(box) == ["a"]
    errors = dict(told["Errors"])
    assert errors.pop(f"{box}/%FF") == "412 Precondition Failed"
    assert set(errors.values()) == {"412 Precondition Failed"}


def test_bulk_delete_of_thousands(swift, box):
    names = [f"{box}/{n}-{'x' * 200}" for n in range(3000)]
    swift.put(names[2999], b"x")
    answer = swift("POST", "?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                   "\n".join(names).encode()).json()
    assert (answer["Number Deleted"], answer["Number Not Found"]) == (1, 2999)
    answer = swift("POST", "?bulk-delete", {"Content-Type": "text/plain", "Accept": "application/json"},
                   "\n".join(f"{box}/%ff{'x' * 900}" for _ in range(3000)).encode()).json()
    assert answer["Response Status"] == "400 Bad Request" and len(answer["Errors"]) >= 1000
