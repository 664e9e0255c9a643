# SPDX-License-Identifier: Apache-2.0
"""The HTTP front under clients that mean no good (hardening.md section 4)."""
import hashlib
import http.client
import re
import socket
import urllib.parse

import pytest

from conftest import Tenant, wait_for

MIB = 1 << 20


def connect(daemon):
    where = urllib.parse.urlsplit(daemon.base)
    made = socket.create_connection((where.hostname, where.port), timeout=30)
    return made


def answer_to(daemon, raw):
    """All that comes back until the server closes, or says nothing for a while."""
    with connect(daemon) as s:
        s.sendall(raw)
        s.settimeout(5)
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
        except socket.timeout:
            pass
        return got


def test_slow_heads_leave_room_for_others(fresh):
    daemon = fresh("http.connections=64")
    slow = []
    for _ in range(400):
        slow.append(connect(daemon))
        slow[-1].sendall(b"GET /1.0/images HTTP/1.1\r\nHost: h\r\nX-Slow: ")
    for _ in range(5):
        assert daemon.request("GET", "/healthz").status == 200
    for s in slow:
        s.close()
    assert daemon.stop() == 0


@pytest.mark.parametrize("raw", [
    b"POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /token HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /token HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    b"GET /1.0/images HTTP/1.1\r\n\r\n", b"GET /1.0/images HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /1.0/%zz HTTP/1.1\r\nHost: h\r\n\r\n"],
    ids=["both lengths", "two lengths", "unknown coding", "no host", "two hosts", "bad escape"])
def test_ambiguous_requests_are_400_and_end_the_connection(daemon, raw):
    got = answer_to(daemon, raw + b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 ") and b"X-Request-Id: " in got
    assert b"\r\nConnection: close\r\n" in got and got.count(b"HTTP/1.1") == 1
    assert b'"error_name":"bad_request"' in got


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["unasked", "with 100-continue"])
@pytest.mark.parametrize("length", [b"Content-Length: 200000", b"Transfer-Encoding: chunked"], ids=["long", "chunked"])
@pytest.mark.parametrize("line", [b"PUT /v1/acc-abcde/c/o", b"POST /v1/acc-abcde?bulk-delete",
                                  b"DELETE /v1/acc-abcde?bulk-delete", b"GET /v1/%zz", b"DELETE /1.0/%zz"])
def test_a_refused_body_is_never_the_next_request(daemon, line, length, expect):
    got = answer_to(daemon, line + b" HTTP/1.1\r\nHost: h\r\n" + expect + length + b"\r\n\r\n"
                    + b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 3)
    assert re.fullmatch(rb"4\d\d", got[9:12]) and got.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in got and b'"status"' not in got


def test_garbage_does_not_hurt(daemon):
    for raw in b"\0" * 1000, b"\r\n" * 1000, b"\x16\x03\x01\x02\x00\x01" * 50, b"GET\r\n\r\n", \
            b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n":
        with connect(daemon) as s:
            s.sendall(raw)
    assert daemon.request("GET", "/healthz").status == 200


def test_pipelined_requests_are_answered_in_order(daemon):
    got = answer_to(daemon, b"GET /info HTTP/1.1\r\nHost: h\r\n\r\n"
                            b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
                            b"GET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"200", b"404"]
    assert got.index(b'"swift"') < got.index(b'"status"')


def test_every_answer_has_a_request_id_of_its_own(daemon):
    ids = [daemon.request("GET", path).header("X-Request-Id")
           for path in ("/healthz", "/nothing", "/1.0/images", "/v1", "/info", "/token") * 3]
    assert all(re.fullmatch("[0-9a-f]{32}", i) for i in ids) and len(set(ids)) == len(ids)


def test_a_download_may_finish_while_the_server_stops(fresh, source):
    daemon = fresh()
    tenant = Tenant(daemon)
    content = hashlib.sha256(b"y").digest() * (8 * MIB // 32)
    source.files["drain.raw"] = content
    api = tenant.api()
    image = api.settled(api.register(source.url("drain.raw")))
    where = urllib.parse.urlsplit(daemon.base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    connection.request("GET", f"/v1/{tenant.account}/images/{image['id']}?format=raw",
                       headers={"X-Auth-Token": api.token})
    answer = connection.getresponse()
    begun = answer.read(MIB)
    daemon.process.terminate()
    # New requests are turned away at once, the old one goes on.
    def turned_away():
        try:
            return daemon.request("GET", "/healthz").status == 503
        except OSError:
            return True
    wait_for(turned_away)
    assert begun + answer.read() == content
    assert daemon.stop() == 0
