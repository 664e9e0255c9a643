#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkroom-fetch against a hostile source: transport_fetch_test.py RUNNER FETCH [pytest options]."""

import hashlib
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
import warnings

try:
    import pytest
except ImportError:
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import fetchrun  # noqa: E402
import sources  # noqa: E402
from fetchrun import refused  # noqa: E402

DATA = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
ADDRESS_SENTENCE = "that address may not be fetched from"


def fetch(url, runner=(), env=None, **keys):
    return fetchrun.fetch(url, runner, env, **{"allow": "127.0.0.1/32"} | keys)


def whole(outcome, data=DATA):
    return fetchrun.whole(outcome, data)


def child_of(pid):
    """The only one."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())


@pytest.fixture
def source():
    with sources.Source() as s:
        s.files["disk"] = DATA
        yield s


@pytest.fixture
def tls_source():
    with sources.Source(tls=True) as s:
        s.files["disk"] = DATA
        yield s


# What a good source gets and gives.

def test_a_file_with_a_length_comes_whole(source):
    outcome = fetch(source.url("disk"))
    assert whole(outcome)["length_proven"] == "1"
    assert outcome.find("begin") == {"total": "300000", "proven": "1", "etag": "yes", "msg": ""}
    assert outcome.find("facts") == {"total": "300000", "done": "300000", "proven": "1", "msg": ""}


def test_the_request_says_no_more_than_it_must(source):
    whole(fetch(source.url("disk") + "?a=b"))
    (request,) = source.requests
    assert (request.method, request.target) == ("GET", "/disk?a=b")
    assert set(request.headers) == {"host", "user-agent", "accept"}
    assert request.headers["user-agent"].startswith("Darkroom/")


def test_a_chunked_file_proves_its_end(source):
    outcome = fetch(source.url("disk", framing="chunked"))
    assert whole(outcome)["length_proven"] == "1"
    assert outcome.find("begin")["total"] == "-"
    assert outcome.find("facts")["total"] == "-1"


def test_a_file_without_framing_proves_nothing(source):
    outcome = fetch(source.url("disk", framing="close"))
    assert whole(outcome)["length_proven"] == "0"
    assert outcome.find("begin")["proven"] == "0"


def test_a_file_without_framing_is_proven_by_a_checksum(source):
    outcome = fetch(source.url("disk", framing="close"), checksum=f"sha256:{SHA256}")
    assert whole(outcome)["length_proven"] == "1"
    assert outcome.find("begin")["proven"] == "1"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_an_empty_file_is_a_file(source, framing):
    source.files["empty"] = b""
    whole(fetch(source.url("empty", framing=framing)), b"")


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 131072])
def test_slots_are_filled_to_the_brim(source, size):
    source.files["small"] = DATA[:size]
    whole(fetch(source.url("small")), DATA[:size])


def test_content_encoding_is_not_looked_at(source):
    whole(fetch(source.url("disk", head="Content-Encoding: gzip")))


@pytest.mark.parametrize("kind", ["sha256", "sha512", "md5"])
def test_a_right_checksum_is_right(source, kind):
    value = hashlib.new(kind, DATA).hexdigest()
    assert whole(fetch(source.url("disk"), checksum=f"{kind}:{value.upper()}"))[kind] == value


@pytest.mark.parametrize("kind", ["sha256", "sha512", "md5"])
def test_a_wrong_checksum_is_a_mismatch(source, kind):
    value = hashlib.new(kind, b"something else").hexdigest()
    failure = refused(fetch(source.url("disk"), checksum=f"{kind}:{value}"), "checksum-mismatch")
    assert value in failure["msg"]
    assert hashlib.new(kind, DATA).hexdigest() in failure["msg"]


def test_interim_answers_are_skipped(source):
    whole(fetch(source.url("disk", interim=3)))


def test_a_slow_consumer_is_not_the_sources_fault(source):
    # 19 items of 0.1 s, and a stall limit that any second of waiting for the source would break.
    outcome = fetch(source.url("disk"), runner=[2, 16384, 100], stall_seconds=1,
                    stall_bytes=1_000_000)
    whole(outcome)
    assert len(source.requests) == 1


def test_a_consumer_that_gives_up_ends_the_fetch(source):
    outcome = fetch(source.url("disk", endless=1, framing="chunked"), runner=[2, 4096, 0, 3])
    assert outcome.status == 1
    assert outcome.find("fail")["code"] == "cancelled"


# Drops, and going on.

@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_a_drop_is_resumed_by_range(source, fault):
    outcome = fetch(source.url("disk", **{fault: 100_000}, times=1))
    whole(outcome)
    assert outcome.retries == ["truncated"]
    first, second = source.requests
    assert "range" not in first.headers
    assert second.headers["range"] == "bytes=100000-"
    assert second.headers["if-range"] == f'"{hashlib.md5(DATA).hexdigest()}"'


def test_several_drops_are_resumed_where_they_happened(source):
    whole(fetch(source.url("disk", drop=70_000, times=4)))
    assert [r.headers.get("range") for r in source.requests] == [
        None, "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"]


@pytest.mark.parametrize("faults", [
    {"etag": "weak"}, {"etag": "none"}, {"ranges": "no"}, {"framing": "chunked"}])
def test_what_cannot_be_resumed_starts_over_without_a_trace(source, faults):
    outcome = fetch(source.url("disk", drop=100_000, times=2, **faults))
    whole(outcome)
    assert [r.headers.get("range") for r in source.requests] == [None] * 3


@pytest.mark.parametrize("faults", [{"ranges": "ignored"}, {"etag": "each"}])
def test_a_whole_answer_to_a_range_starts_over(source, faults):
    outcome = fetch(source.url("disk", drop=100_000, times=1, **faults))
    whole(outcome)
    assert [r.headers.get("range") for r in source.requests] == [None, "bytes=100000-", None]


@pytest.mark.parametrize("ranges", ["start", "total", "nothing", "short", "refused"])
def test_one_wrong_answer_to_a_range_starts_over(source, ranges):
    outcome = fetch(source.url("disk", drop=100_000, times=1, ranges=ranges))
    whole(outcome)
    assert outcome.retries == ["truncated", "source-protocol"]
    assert [r.headers.get("range") for r in source.requests] == [None, "bytes=100000-", None]


@pytest.mark.parametrize("ranges", ["start", "total", "nothing", "short", "refused"])
def test_a_second_wrong_answer_to_a_range_is_a_lie(source, ranges):
    outcome = fetch(source.url("disk", drop=100_000, ranges=ranges))
    refused(outcome, "source-protocol")
    assert outcome.retries == ["truncated", "source-protocol", "truncated"]


def test_a_range_of_another_version_starts_over(source):
    outcome = fetch(source.url("disk", drop=100_000, times=1, ranges="tag"))
    whole(outcome)
    assert outcome.retries == ["truncated", "source-changed"]


@pytest.mark.parametrize("faults", [
    {}, {"etag": "none"}, {"framing": "chunked"}, {"framing": "close", "reset": 100_000}])
def test_two_versions_are_never_mixed(source, faults):
    outcome = fetch(source.url("disk", **{"drop": 100_000, "times": 1, "change": 1} | faults))
    assert refused(outcome, "source-changed")
    assert DATA.startswith(outcome.data)


def test_a_grown_file_is_another_version(source):
    refused(fetch(source.url("disk", drop=100_000, times=1, grow=512)), "source-changed")


def test_a_file_that_changed_before_its_first_byte_is_taken_as_it_is_then(source):
    outcome = fetch(source.url("disk", drop=0, times=1, change=1))
    whole(outcome, bytes([DATA[0] ^ 1]) + DATA[1:])


def test_attempts_are_counted(source):
    outcome = fetch(source.url("disk", drop=0), attempts=3)
    failure = refused(outcome, "truncated")
    assert failure["msg"] == "the source broke off after 0 of 300000 bytes"
    assert failure["code"] == "remote"
    assert outcome.retries == ["truncated"] * 2
    assert len(source.requests) == 3


# Lengths that lie.

def test_a_length_too_large_is_truncated(source):
    refused(fetch(source.url("disk", length="+1000"), attempts=2), "truncated")


def test_a_length_too_small_is_believed(source):
    whole(fetch(source.url("disk", length="-1000")), DATA[:-1000])


@pytest.mark.parametrize("length", ["twice", "bad", "huge", "negative", "9223372036854775808"])
def test_a_length_that_is_none_is_a_protocol_error(source, length):
    refused(fetch(source.url("disk", length=length)), "source-protocol")
    assert len(source.requests) == 1


def test_a_length_and_chunks_are_a_protocol_error(source):
    refused(fetch(source.url("disk", head="Transfer-Encoding: chunked")), "source-protocol")


def test_chunks_without_their_end_are_truncated(source):
    refused(fetch(source.url("disk", framing="chunked", drop=1000), attempts=2), "truncated")


def test_an_announced_length_over_the_limit_is_refused_before_the_body(source):
    outcome = fetch(source.url("disk"), max_bytes=299_999)
    failure = refused(outcome, "too-large")
    assert "300000" in failure["msg"] and "299999" in failure["msg"]
    assert outcome.data == b""


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_counted_bytes_over_the_limit_are_refused(source, framing):
    outcome = fetch(source.url("disk", endless=1, framing=framing), max_bytes=1_000_000)
    refused(outcome, "too-large")
    assert len(outcome.data) <= 1_000_000


# Statuses and redirects.

@pytest.mark.parametrize("status", [204, 300, 304, 305, 306, 400, 401, 403, 404, 407, 410])
def test_another_status_is_final(source, status):
    outcome = fetch(source.url("disk", status=status, head="WWW-Authenticate: NTLM"))
    failure = refused(outcome, "source-http-status")
    closed = ": it takes a login, or the temporary URL is wrong or has expired" if status in (401, 403) else ""
    assert failure["msg"] == f"the source answered with HTTP status {status}{closed}"
    assert len(source.requests) == 1
    assert "authorization" not in source.requests[0].headers


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(source, status):
    whole(fetch(source.url("disk", status=status, times=2)))
    assert len(source.requests) == 3


def test_a_server_in_trouble_is_not_asked_for_ever(source):
    outcome = fetch(source.url("disk", status=503), attempts=3)
    assert "503" in refused(outcome, "source-http-status")["msg"]
    assert len(source.requests) == 3


def test_a_retry_after_beyond_the_time_ends_the_fetch(source):
    outcome = fetch(source.url("disk", status=503, retry_after=100), total_seconds=20)
    assert "503" in refused(outcome, "source-http-status")["msg"]
    assert len(source.requests) == 1


def test_a_retry_after_in_seconds_is_waited_for(source):
    whole(fetch(source.url("disk", status=429, retry_after=1, times=1)))
    first, second = source.requests
    assert second.at - first.at >= 1


def test_a_retry_after_with_a_date_is_waited_for(source):
    whole(fetch(source.url("disk", status=503, retry_date=2, times=1)))
    first, second = source.requests
    assert second.date >= first.asked


@pytest.mark.parametrize("wish", ["soon", "-5", "", "1.5", "Tue, 03 Jan 2023 13:08:05 GMT"])
def test_another_retry_after_is_no_wish(source, wish):
    whole(fetch(source.url("disk", status=503, head=f"Retry-After: {wish}", times=1)))
    assert len(source.requests) == 2


def test_a_retry_after_is_capped(source):
    # 300 s at most: with less time than that the fetch ends at once, with more it waits.
    url = source.url("disk", status=503, retry_after=10_000_000)
    refused(fetch(url, total_seconds=290), "source-http-status")
    with subprocess.Popen(fetchrun.command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as runner:
        runner.stdin.write(fetchrun.order(url, allow="127.0.0.1/32", total_seconds=400))
        runner.stdin.close()
        try:
            while len(source.requests) < 2:
                time.sleep(0.01)
            child = child_of(runner.pid)
            with pytest.raises(subprocess.TimeoutExpired):
                runner.wait(1)
        finally:
            runner.kill()
            os.kill(child, signal.SIGKILL)
    assert len(source.requests) == 2


def test_a_source_is_asked_five_times_and_less_and_less_often(source):
    outcome = fetch(source.url("disk", status=500), backoff_ms=50)
    refused(outcome, "source-http-status")
    at = [request.at for request in source.requests]
    assert len(at) == 5
    for number, (before, after) in enumerate(zip(at, at[1:])):
        assert after - before >= 0.05 * 2 ** number


def test_a_part_that_nobody_asked_for_is_a_protocol_error(source):
    refused(fetch(source.url("disk", status=206)), "source-protocol")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(source, status):
    whole(fetch(source.url("x", to="/disk", status=status, head="Set-Cookie: a=b")))
    assert "cookie" not in source.requests[1].headers
    assert "referer" not in source.requests[1].headers


def test_a_redirect_of_each_attempt_starts_at_the_registered_url(source):
    whole(fetch(source.url("x", to=sources.Source.path("disk", drop=100_000, times=1))))
    assert [r.headers.get("range") for r in source.requests] == [
        None, None, "bytes=100000-", "bytes=100000-"]
    assert source.requests[0].target == source.requests[2].target


def test_five_redirects_are_followed(source):
    whole(fetch(source.url("disk", hops=5)))


def test_six_redirects_are_not(source):
    refused(fetch(source.url("disk", hops=6)), "source-redirects")
    assert len(source.requests) == 6


@pytest.mark.parametrize("location", ["", "?", "x"])
def test_a_redirect_in_circles_is_not_followed_for_ever(source, location):
    refused(fetch(source.url("x", to=location)), "source-redirects")


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "http://u:p@127.0.0.1/",
    "http://127.1/", "\\\\127.0.0.1\\x", "/a b", "http:///x"])
def test_a_redirect_to_what_is_no_source_is_refused(source, location):
    refused(fetch(source.url("disk", to=location)), "source-redirects")
    assert len(source.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "10.0.0.1", "[::1]", "169.254.169.254",
                                  "[::ffff:127.0.0.1]", "x.internal"])
def test_a_redirect_to_a_forbidden_address_is_refused(source, host):
    outcome = fetch(source.url("disk", to=f"http://{host}:{source.port}/disk"))
    assert refused(outcome, "address-not-allowed")["msg"] == ADDRESS_SENTENCE
    assert len(source.accepted) == 1


def test_a_redirect_to_a_forbidden_port_is_refused(source):
    outcome = fetch(source.url("disk", to="http://93.184.216.34:22/"),
                    allow=[f"127.0.0.1/32:{source.port}"])
    refused(outcome, "port-not-allowed")


def test_headers_in_a_redirect_are_not_sent_on(source):
    whole(fetch(source.url("x", to="/disk?%0d%0aX-Injected:%201")))
    assert source.requests[1].target == "/disk?%0d%0aX-Injected:%201"
    assert "x-injected" not in source.requests[1].headers


# Time.

def test_a_source_that_never_answers_has_stalled(source):
    outcome = fetch(source.url("disk", silent=1), first_byte_ms=100, attempts=2)
    refused(outcome, "source-stalled")
    assert outcome.retries == ["source-stalled"]


def test_a_source_that_stops_sending_has_stalled(source):
    outcome = fetch(source.url("disk", stall=100_000), stall_seconds=1, attempts=1)
    refused(outcome, "source-stalled")


def test_a_stalled_source_is_resumed(source):
    whole(fetch(source.url("disk", stall=100_000, times=1), stall_seconds=1))
    assert source.requests[1].headers["range"] == "bytes=100000-"


def test_a_trickle_is_a_stall(source):
    outcome = fetch(source.url("disk", rate=1000), stall_seconds=1, attempts=1)
    refused(outcome, "source-stalled")


def test_everything_ends_with_the_time_for_all_of_it(source):
    outcome = fetch(source.url("disk", rate=1000), total_seconds=1)
    refused(outcome, "timed-out")


# Not HTTP.

NOT_HTTP = {
    "binary": b"\0\1\2",
    "0.9": b"<html>hello</html>",
    "version": b"HTTP/0.9 200 OK\r\n\r\nhello",
    "icy": b"ICY 200 OK\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n Folded: x\r\n\r\nhello",
    "transfer-gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\nhello",
    "long-line": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\nhello",
    "long-lines": b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 7000 + b"\r\n") * 10 + b"\r\nhello",
    "many-lines": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12_000 + b"\r\nhello",
    "many-interims": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000 + b"HTTP/1.1 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_not_http_is_a_protocol_error(source, name):
    source.files["answer"] = NOT_HTTP[name]
    refused(fetch(source.url("answer", verbatim=1)), "source-protocol")
    assert len(source.requests) == 1


def test_a_connection_without_an_answer_is_no_connection(source):
    source.files["answer"] = b""
    outcome = fetch(source.url("answer", verbatim=1), attempts=2)
    refused(outcome, "source-connect")
    assert outcome.retries == ["source-connect"]


def test_bad_chunks_end_the_fetch(source):
    source.files["answer"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\nhello")
    outcome = fetch(source.url("answer", verbatim=1), attempts=2)
    refused(outcome, "truncated")


# Connections.

def test_a_closed_port_is_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = fetch(f"http://127.0.0.1:{port}/", attempts=2)
    refused(outcome, "source-connect")
    assert outcome.retries == ["source-connect"]


def test_loopback_is_refused_without_an_allowed_range(source):
    outcome = fetch(source.url("disk"), allow=[], ports=source.port)
    assert refused(outcome, "address-not-allowed")["msg"] == ADDRESS_SENTENCE
    assert source.accepted == []


def test_a_denied_range_beats_the_allowed_one(source):
    outcome = fetch(source.url("disk"), deny=f"127.0.0.0/8:{source.port}")
    refused(outcome, "address-not-allowed")
    assert source.accepted == []


def test_proxies_and_netrc_of_the_environment_are_ignored(source, tmp_path):
    with sources.Source() as proxy:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        env = {name: proxy.base for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}
        whole(fetch(source.url("disk"), env=env | {"HOME": str(tmp_path)}))
        assert proxy.accepted == []
    assert "authorization" not in source.requests[0].headers


def test_the_query_never_shows(source):
    for faults in ({"drop": 1000}, {"status": 404}, {"to": "http://127.0.0.2/x?hunter2"},
                   {"to": "gopher://x/?hunter2"}, {"length": "bad"}):
        outcome = fetch(source.url("disk", **faults) + "?hunter2", attempts=2)
        assert outcome.status == 1
        assert "hunter2" not in outcome.text
    assert "hunter2" not in fetch("http://u:hunter2@127.0.0.1/?hunter2").text


# TLS.

def test_a_verified_source_comes_whole(tls_source):
    whole(fetch(tls_source.url("disk"), ca_file=tls_source.ca_file))


def test_a_dropped_tls_source_is_resumed(tls_source):
    whole(fetch(tls_source.url("disk", drop=100_000, times=1), ca_file=tls_source.ca_file))
    assert tls_source.requests[1].headers["range"] == "bytes=100000-"


def test_an_unknown_authority_is_refused(tls_source):
    outcome = fetch(tls_source.url("disk"))
    assert "could not be verified" in refused(outcome, "source-tls")["msg"]
    assert tls_source.requests == [] and outcome.retries == []


def test_another_hosts_certificate_is_refused():
    with sources.Source(tls=True, certified="127.0.0.2") as other:
        outcome = fetch(other.url("disk"), ca_file=other.ca_file)
        assert "could not be verified" in refused(outcome, "source-tls")["msg"]


def test_an_expired_certificate_is_refused():
    with sources.Source(tls="expired") as late:
        outcome = fetch(late.url("disk"), ca_file=late.ca_file)
        assert "could not be verified" in refused(outcome, "source-tls")["msg"]
        assert late.requests == [] and outcome.retries == []


def test_old_tls_is_refused():
    with sources.Source(tls="1.0") as old:
        old.files["disk"] = DATA
        permissive = ssl.create_default_context(cafile=old.ca_file)
        permissive.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            permissive.minimum_version = ssl.TLSVersion.TLSv1
        with socket.create_connection(("127.0.0.1", old.port)) as plain:
            with permissive.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                assert secure.version() == "TLSv1"  # so it is nothing else that is in the way
        outcome = fetch(old.url("disk"), ca_file=old.ca_file)
        assert refused(outcome, "source-tls")["msg"] == "no TLS connection to the source could be made"
        assert old.requests == []


def test_plain_http_on_a_tls_port_is_no_tls(source):
    # The source may answer with nonsense, or wait for the end of the line: both are no TLS.
    url = source.url("disk").replace("http:", "https:")
    refused(fetch(url, attempts=1, connect_ms=300), "source-tls")


def test_a_redirect_from_https_to_http_is_refused(tls_source, source):
    outcome = fetch(tls_source.url("disk", to=source.url("disk")), ca_file=tls_source.ca_file)
    refused(outcome, "source-redirects")
    assert source.accepted == []


# The process.

def test_the_process_is_confined_while_it_listens_to_strangers(source):
    if b"__asan_init" in pathlib.Path(os.environ["DARKROOM_FETCH"]).read_bytes():
        pytest.skip("not confined under a sanitizer")
    with subprocess.Popen(fetchrun.command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as runner:
        runner.stdin.write(fetchrun.order(source.url("disk", stall=1000), allow="127.0.0.1/32"))
        runner.stdin.close()
        try:
            while not source.requests:
                time.sleep(0.01)
            child = child_of(runner.pid)
            proc = pathlib.Path("/proc", str(child))
            status = dict(line.split(":\t", 1)
                          for line in (proc / "status").read_text().splitlines() if ":\t" in line)
            limits = (proc / "limits").read_text()
        finally:
            runner.kill()  # the program's end of the order and the report go with it
            os.kill(child, signal.SIGKILL)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    for limit in ("Max core file size", "Max file size"):
        (line,) = [line for line in limits.splitlines() if line.startswith(limit)]
        assert line[len(limit):].split()[:2] == ["0", "0"]


# The work order.

@pytest.mark.parametrize("keys", [
    {"allow": "10.0.0.0"}, {"deny": "x"}, {"ports": "http"}, {"attempts": 0}, {"max_bytes": "1k"},
    {"checksum": "sha256:00"}, {"nat64": "maybe"}])
def test_a_wrong_order_is_not_worked_on(source, keys):
    assert fetch(source.url("disk"), **keys).failed["code"] == "invalid"
    assert source.accepted == []


def test_an_order_without_a_url_is_refused():
    refused(fetch(""), "url-invalid")


if __name__ == "__main__":
    os.environ["FETCH_RUNNER"], os.environ["DARKROOM_FETCH"] = sys.argv[1:3]
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__, *sys.argv[3:]]))
