#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkroom-fetch and forbidden addresses, where all of the Internet is a canary:
transport_network_test.py RUNNER FETCH [pytest arguments].

The tests run in a network namespace in which every address leads back to this machine and sources
listen on all of them. What counts is which addresses were ever connected to, not what was said about
it. Names are resolved by a DNS server of our own, so that nothing but the address itself can be the
reason of a refusal. The numbers are those of hardening.md section 2.5; 65 is a matter of the API, in
tests/e2e/test_source_faults.py."""

import contextlib
import itertools
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

try:
    import pytest
except ImportError:
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import sources  # noqa: E402
import url_cases  # noqa: E402
from fetchrun import fetch, refused, whole  # noqa: E402
from url_cases import PUBLIC  # noqa: E402

DATA = random.Random(2).randbytes(100_000)
PUBLIC6 = "2606:4700::1"
OWN = "93.184.216.40"
OWN6 = "2606:4700::40"
PRIVATE = "10.1.2.3"  # of this machine, too
UNREACHABLE = "93.184.216.99"
TLS_NAMES = ["example.com", "3com.example.com", "0xdeadbeef.example.com"]
FORBIDDEN_PORTS = [22, 25, 6379, 8877]
ADDRESS_SENTENCE = "that address may not be fetched from"


class Dns:
    """A DNS server on 127.0.0.1. names: host -> list of answers to successive questions of a type;
    each a list of addresses or of ("CNAME", name); the last one stays. None: no answer at all.
    otherwise: the same for every other name."""

    TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}

    def __init__(self):
        self.names = {}
        self.otherwise = None
        self.asked = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            answer = self.answer(query)
            if answer:
                self.socket.sendto(answer, peer)

    @staticmethod
    def encode(name):
        return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"

    def records(self, name, kind):
        answers = self.names.get(name, self.otherwise)
        number = self.asked.get((name, kind), 0)
        self.asked[name, kind] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        owner = b"\xc0\x0c"  # the question's name
        for one in answer:
            if isinstance(one, tuple):
                yield owner, 5, self.encode(one[1])
                owner = self.encode(one[1])
            elif (":" in one) == (kind == 28):
                yield owner, kind, socket.inet_pton(self.TYPES[kind], one)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        (kind,) = struct.unpack(">H", query[at + 1:at + 3])
        name = ".".join(labels)
        question = query[12:at + 5]
        if name not in self.names and self.otherwise is None:
            return query[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
        if self.names.get(name) == [None]:
            return None
        found = list(self.records(name, kind)) if kind in self.TYPES else []
        return (query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0) + question +
                b"".join(owner + struct.pack(">HHIH", record, 1, 0, len(data)) + data
                         for owner, record, data in found))


@pytest.fixture(scope="session")
def dns():
    return Dns()


class Everything(dict):
    """The same file under every name."""

    def get(self, name, default=None):
        return DATA


class Internet:
    """Sources on the ports of all addresses; the one on 8080 keeps its connections."""

    def __init__(self, stack):
        def listen(port, **options):
            for host in ("0.0.0.0", "::"):
                source = stack.enter_context(sources.Source(host, port, **options))
                source.files = Everything()
                self.sources.append(source)
            return source
        self.sources = []
        for port in (80, *FORBIDDEN_PORTS):
            listen(port)
        listen(8080, keep=True)
        self.ca_file = listen(443, tls=True, certified=TLS_NAMES).ca_file
        # Both families show the same certificate.
        self.sources[-2].tls.load_cert_chain(self.ca_file, self.ca_file.replace("cert", "key"))

    def forget(self):
        for source in self.sources:
            source.accepted.clear()
            source.requests.clear()
            source.counts.clear()

    @property
    def accepted(self):
        """(address, port) of every connection, source by source."""
        return [address for source in self.sources for address in source.accepted]

    @property
    def requests(self):
        """In the order in which they came."""
        return sorted((request for source in self.sources for request in source.requests),
                      key=lambda request: request.at)


@pytest.fixture(scope="session")
def internet():
    with contextlib.ExitStack() as stack:
        yield Internet(stack)


@pytest.fixture
def reached(internet):
    """The addresses that were connected to since the test began."""
    internet.forget()
    return lambda: {address for address, _ in internet.accepted}


def at_public(name, **faults):
    return f"http://{PUBLIC}{sources.Source.path(name, **faults)}"


@pytest.mark.parametrize("address", [
    PUBLIC, PUBLIC6, PRIVATE, "127.0.0.1", "10.0.0.1", "169.254.169.254", "192.0.0.192", "::1",
    "fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::"])
def test_the_canaries_hear(internet, reached, address):
    for port in (80, 443, *FORBIDDEN_PORTS):
        socket.create_connection((address, port)).close()
    while len(internet.accepted) < 2 + len(FORBIDDEN_PORTS):
        time.sleep(0.01)
    assert reached() == {address}


# Cases 1 to 45: one URL each.

@pytest.mark.parametrize("number, where, url", [
    pytest.param(*case, id=url_cases.name_of(case[0], case[2])) for case in url_cases.REFUSED])
def test_case_refused(dns, internet, reached, number, where, url):
    dns.otherwise = [[PUBLIC, PUBLIC6]]  # whatever is taken for a name leads somewhere
    dns.asked.clear()
    try:
        # A locale in which libcurl would take circled and full-width digits for digits.
        failure = fetch(url, env={**os.environ, "LC_ALL": "C.UTF-8"}).failed
    finally:
        dns.otherwise = None
    assert failure["reason"] in {url_cases.REASONS[stage] for stage in where}, failure
    assert reached() == set() and dns.asked == {}


@pytest.mark.parametrize("number, url, address, target, host", [
    pytest.param(*case, id=url_cases.name_of(*case[:2])) for case in url_cases.FETCHED])
def test_case_fetched(dns, internet, reached, number, url, address, target, host):
    for name in TLS_NAMES:
        dns.names[name] = [[PUBLIC]]
    whole(fetch(url, ca_file=internet.ca_file), DATA)
    assert reached() == {address}
    (request,) = internet.requests
    assert (request.target, request.headers["host"]) == (target, host)
    assert "x-injected" not in request.headers


REFUSED = """
    0.0.0.0 0.255.255.255 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1
    198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
    :: ::1 ::ffff:127.0.0.1 ::ffff:93.184.216.34 ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
    64:ff9b:1::a9fe:a9fe 2002:7f00:1:: 2001:0:7f00:1:: 2001:db8::1 3fff::1 2001:2::1 100::1 5f00::1
    fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1""".split()


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC6, "172.32.0.1", "100.128.0.1", "11.0.0.1"])
def test_a_public_address_is_fetched_from(dns, internet, reached, address):
    dns.names["public.example.com"] = [[address]]
    whole(fetch("http://public.example.com/disk"), DATA)
    assert reached() == {address}


@pytest.mark.parametrize("address", REFUSED)
def test_a_name_of_a_forbidden_address_reaches_nothing(dns, internet, reached, address):
    name = "x" + address.replace(".", "-").replace(":", "_") + ".example.com"
    dns.names[name] = [[address]]
    assert refused(fetch(f"http://{name}/disk"), "address-not-allowed")["msg"] == ADDRESS_SENTENCE
    assert reached() == set()


@pytest.mark.parametrize("address", REFUSED)
def test_a_forbidden_address_itself_reaches_nothing(internet, reached, address):
    host = f"[{address}]" if ":" in address else address
    refused(fetch(f"http://{host}/disk"), "address-not-allowed")
    assert reached() == set()


# Cases 46 to 64: flows.

def redirect_hosts(inside):
    return [f"[{address}]" if ":" in address else address for address in inside]


INSIDE = ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "::1", "fd00:ec2::254",
          "::ffff:10.0.0.1", "fe80::1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", redirect_hosts(INSIDE))
def test_case_46_redirect_to_a_forbidden_address(internet, reached, host, status):
    url = at_public("x", to=f"http://{host}/disk", status=status)
    assert refused(fetch(url), "address-not-allowed")["msg"] == ADDRESS_SENTENCE
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("address", INSIDE)
def test_case_47_redirect_to_a_name_of_a_forbidden_address(dns, internet, reached, address):
    dns.names["inside.example.com"] = [[address]]
    url = at_public("x", to="http://inside.example.com/disk")
    assert refused(fetch(url), "address-not-allowed")["msg"] == ADDRESS_SENTENCE
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "data:,x", "dict:x"])
def test_case_48_redirect_to_another_scheme(dns, internet, reached, location):
    dns.names["example.com"] = [[PUBLIC6]]
    refused(fetch(at_public("x", to=location)), "source-redirects")
    assert reached() == {PUBLIC}


def test_case_49_redirect_from_https_to_http(dns, internet, reached):
    dns.names["example.com"] = [[PUBLIC]]
    path = sources.Source.path("x", to="http://172.32.0.1/disk")
    refused(fetch(f"https://example.com{path}", ca_file=internet.ca_file), "source-redirects")
    assert internet.accepted == [(PUBLIC, 443)]


@pytest.mark.parametrize("location, address, target", [
    ("//172.32.0.1/y", "172.32.0.1", "/y"), ("/y?q", PUBLIC, "/y?q"), ("../y", PUBLIC, "/y")])
def test_case_50_redirect_on_the_same_host_or_scheme(internet, reached, location, address, target):
    whole(fetch(at_public("x", to=location)), DATA)
    _, second = internet.requests
    assert (second.local, second.target) == ((address, 80), target)


@pytest.mark.parametrize("location", ["//127.0.0.1/y", "//[::1]/y", "//localhost/y"])
def test_case_50_redirect_on_the_same_scheme_inside(internet, reached, location):
    refused(fetch(at_public("x", to=location)), "address-not-allowed")
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("location, reason", [
    ("http://u:p@172.32.0.1/", "source-redirects"), ("http://u@172.32.0.1/", "source-redirects"),
    ("http://172.32.0.1:22/", "port-not-allowed"), ("http://172.32.0.1:6379/", "port-not-allowed"),
    ("http://172.32.0.1:0/", "source-redirects")])
def test_case_51_redirect_with_credentials_or_to_a_forbidden_port(internet, reached, location,
                                                                  reason):
    refused(fetch(at_public("x", to=location)), reason)
    assert internet.accepted == [(PUBLIC, 80)]


def test_case_52_five_redirects_and_no_more(internet, reached):
    whole(fetch(at_public("x", hops=5)), DATA)
    assert len(internet.requests) == 6
    internet.forget()
    refused(fetch(at_public("x", hops=6)), "source-redirects")
    assert len(internet.requests) == 6
    internet.forget()
    refused(fetch(at_public("x", to="")), "source-redirects")
    assert len(internet.requests) == 6


@pytest.mark.parametrize("status", [300, 304, 305, 306, 401, 407])
def test_case_53_other_statuses_are_not_followed(internet, reached, status):
    head = "Location: http://172.32.0.1/y\r\nRefresh: 0; url=http://172.32.0.1/z"
    refused(fetch(at_public("x", status=status, head=head)), "source-http-status")
    assert reached() == {PUBLIC} and len(internet.requests) == 1


def test_case_53_refresh_is_not_followed(internet, reached):
    whole(fetch(at_public("x", head="Refresh: 0; url=http://172.32.0.1/z")), DATA)
    assert reached() == {PUBLIC} and len(internet.requests) == 1


def test_case_54_a_name_is_resolved_once_for_each_connection(dns, internet, reached):
    dns.names["once.example.com"] = [[PUBLIC], ["127.0.0.1"]]
    whole(fetch("http://once.example.com/disk"), DATA)
    assert dns.asked["once.example.com", 1] == 1
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("faults", [{"drop": 1000, "times": 1}, {"status": 503, "times": 1},
                                    {"drop": 1000, "times": 1, "etag": "none"}])
@pytest.mark.parametrize("inside", [["127.0.0.1"], ["::1"], ["10.0.0.1", "::1"]])
def test_case_54_a_name_that_is_rebound_between_attempts(dns, internet, reached, faults, inside):
    name = f"rebound{len(dns.names)}.example.com"
    dns.names[name] = [[PUBLIC], inside]
    outcome = fetch(f"http://{name}{sources.Source.path('disk', **faults)}")
    refused(outcome, "address-not-allowed")
    assert len(outcome.retries) == 1
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("inside", [["127.0.0.1"], ["::1"], ["10.0.0.1", "::1"]])
def test_case_54_a_name_that_is_rebound_between_redirects(dns, internet, reached, inside):
    name = f"rebound{len(dns.names)}.example.com"
    dns.names[name] = [[PUBLIC], inside]
    refused(fetch(f"http://{name}{sources.Source.path('disk', hops=2)}"), "address-not-allowed")
    assert reached() == {PUBLIC} and len(internet.requests) == 1


@pytest.mark.parametrize("faults", [{}, {"drop": 1000, "times": 2}, {"hops": 3}])
@pytest.mark.parametrize("addresses", [
    *itertools.permutations([PUBLIC, "127.0.0.1", "10.0.0.1"]), [PUBLIC, "::1"], ["::1", PUBLIC],
    [PUBLIC, "::ffff:10.0.0.1", "fd00::1"]], ids="+".join)
def test_case_55_of_several_addresses_only_the_public_one(dns, internet, reached, addresses, faults):
    dns.names["mixed.example.com"] = [list(addresses)]
    whole(fetch(f"http://mixed.example.com{sources.Source.path('disk', **faults)}"), DATA)
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("answer", [
    ["::1"], ["::ffff:10.0.0.1"], [("CNAME", "localhost"), "127.0.0.1", "::1"],
    [("CNAME", "inside.example.org"), "10.0.0.1"], ["127.0.0.1", "::1", "10.0.0.1"]],
    ids=["loopback6", "mapped", "alias-local", "alias", "several"])
def test_case_56_names_that_lead_inside(dns, internet, reached, answer):
    dns.names["inside.example.com"] = [answer]
    refused(fetch("http://inside.example.com/disk"), "address-not-allowed")
    assert reached() == set()


@pytest.mark.parametrize("inside", [["127.0.0.1"], ["::1"], ["127.0.0.1", "::1"]], ids="+".join)
def test_case_57_a_forbidden_fallback_is_not_taken(dns, internet, reached, inside):
    dns.names["fallback.example.com"] = [[UNREACHABLE, *inside]]
    outcome = fetch("http://fallback.example.com/disk", attempts=2)
    refused(outcome, "source-connect")
    assert outcome.retries == ["source-connect"]
    assert reached() == set()


def test_case_58_the_environment_names_no_proxy_and_no_password(dns, internet, reached, tmp_path):
    dns.names["example.com"] = [[PUBLIC]]
    proxy = "http://172.32.0.1:8080"
    (tmp_path / ".netrc").write_text("default login a password b\n")
    (tmp_path / ".curlrc").write_text(f"proxy = {proxy}\nnetrc\n")
    env = {name: proxy for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                    "ALL_PROXY", "all_proxy")}
    env |= {"HOME": str(tmp_path), "CURL_HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    for scheme in ("http", "https"):
        whole(fetch(f"{scheme}://example.com/disk", env={**os.environ, **env},
                    ca_file=internet.ca_file), DATA)
    assert reached() == {PUBLIC}
    assert not any("authorization" in request.headers for request in internet.requests)


def test_case_59_no_cookie_is_kept(internet, reached):
    whole(fetch(at_public("x", to="/disk", head="Set-Cookie: a=b; Path=/")), DATA)
    whole(fetch(at_public("x", drop=1000, times=1, head="Set-Cookie: a=b; Path=/")), DATA)
    assert len(internet.requests) == 4
    assert not any("cookie" in request.headers for request in internet.requests)


def test_case_59_alternatives_and_strict_transport_are_not_remembered(dns, internet, reached):
    dns.names["example.com"] = [[PUBLIC]]
    head = ('Strict-Transport-Security: max-age=1000; includeSubDomains\r\n'
            'Alt-Svc: h2="10.0.0.1:443", http/1.1="10.0.0.1:80"; ma=1000')
    secure = sources.Source.path("x", drop=1000, times=1, head=head)
    path = sources.Source.path("x", to=f"https://example.com{secure}")
    whole(fetch(f"http://example.com{path}", ca_file=internet.ca_file), DATA)
    assert [request.local for request in internet.requests] == [
        (PUBLIC, 80), (PUBLIC, 443), (PUBLIC, 80), (PUBLIC, 443)]


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", 'Basic realm="x"', 'Digest nonce="x"'])
def test_case_60_no_credentials_are_offered(internet, reached, scheme):
    url = at_public("x", status=401, head=f"WWW-Authenticate: {scheme}")
    refused(fetch(url), "source-http-status")
    (request,) = internet.requests
    assert "authorization" not in request.headers


def test_case_61_no_connection_serves_two_requests(internet, reached):
    url = at_public("x").replace(PUBLIC, f"{PUBLIC}:8080")
    whole(fetch(url), DATA)
    whole(fetch(url), DATA)
    whole(fetch(url.replace("/x", sources.Source.path("x", hops=2))), DATA)
    whole(fetch(url.replace("/x", sources.Source.path("x", status=503, times=1))), DATA)
    assert len(internet.requests) == 7
    assert len({request.peer for request in internet.requests}) == 7


@pytest.mark.parametrize("host", [OWN, f"[{OWN6}]", PRIVATE, "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", [80, 8080, 8877])
def test_case_64_own_addresses(internet, reached, host, port):
    failure = fetch(f"http://{host}:{port}/disk", ports="80,8080,8877").failed
    assert (failure["reason"], failure["msg"]) == ("address-not-allowed", ADDRESS_SENTENCE)
    assert reached() == set()


def test_case_64_a_name_of_an_own_address(dns, internet, reached):
    dns.names["own.example.com"] = [[OWN, OWN6, PRIVATE]]
    refused(fetch("http://own.example.com/disk"), "address-not-allowed")
    assert reached() == set()


def test_case_64_a_range_around_an_own_address_does_not_open_it(internet, reached):
    around = ["10.0.0.0/8", "0.0.0.0/0", "::/0"]
    for host in (OWN, PRIVATE, f"[{OWN6}]", "127.0.0.1", "[::1]"):
        refused(fetch(f"http://{host}:8877/disk", allow=around), "address-not-allowed")
    assert reached() == set()
    whole(fetch("http://10.1.2.4:8877/disk", allow=around), DATA)
    assert internet.accepted == [("10.1.2.4", 8877)]


def test_an_own_address_can_be_allowed(internet, reached):
    for allowed, host in ((f"{OWN}/32:80", OWN), (f"{PRIVATE}/32", PRIVATE),
                          (f"{OWN6}/128:80", f"[{OWN6}]"), ("127.0.0.0/8", "127.0.0.1")):
        whole(fetch(f"http://{host}/disk", allow=allowed), DATA)
        refused(fetch(f"http://{host}:8080/disk", allow=allowed.replace(":80", "") + ":80"),
                "address-not-allowed")


def test_case_18_a_network_with_nat64_only_opens_public_addresses(internet, reached):
    whole(fetch("http://[64:ff9b::5db8:d822]/disk", nat64="yes"), DATA)
    assert reached() == {"64:ff9b::5db8:d822"}
    internet.forget()
    for inside in ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a01:203",
                   "64:ff9b:1::5db8:d822"):
        refused(fetch(f"http://[{inside}]/disk", nat64="yes"), "address-not-allowed")
    assert reached() == set()


def test_a_name_without_an_address_is_tried_again(dns, internet, reached):
    outcome = fetch("http://nowhere.example.com/disk", attempts=2)
    refused(outcome, "source-dns")
    assert outcome.retries == ["source-dns"]


def test_a_name_server_that_does_not_answer_is_no_name(dns, internet):
    dns.names["silent.example.com"] = [None]
    refused(fetch("http://silent.example.com/disk", attempts=1, connect_ms=300), "source-dns")


def enter():
    """This script again, in namespaces of its own; 77 where that is not possible."""
    unshare = ["unshare", "--net", "--mount"] + (["--map-root-user"] if os.getuid() else [])
    if not shutil.which("unshare") or not shutil.which("ip") or subprocess.run(
            [*unshare, "true"], capture_output=True, check=False).returncode != 0:
        print("no network namespaces here")
        sys.exit(77)
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv[:1], "--inside", *sys.argv[1:]])


def furnish(directory):
    """Every address leads here; a few do not."""
    for command in ("link set lo up", f"address add {OWN}/32 dev lo",
                    "route add local default dev lo", f"route add unreachable {UNREACHABLE}/32",
                    f"address add {PRIVATE}/32 dev lo", f"-6 address add {OWN6}/128 dev lo",
                    "-6 route add local default dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    resolver = pathlib.Path(directory, "resolv.conf")
    resolver.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)


def main():
    import tempfile
    if sys.argv[1] != "--inside":
        enter()
    os.environ["FETCH_RUNNER"], os.environ["DARKROOM_FETCH"] = sys.argv[2:4]
    with tempfile.TemporaryDirectory() as directory:
        furnish(directory)
        status = pytest.main(["-q", "-p", "no:cacheprovider", __file__, *sys.argv[4:]])
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
