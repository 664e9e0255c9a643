#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkroom-fetch and forbidden addresses, where all of the Internet is a canary:
transport_network_test.py RUNNER FETCH [pytest arguments].

The tests run in a network namespace in which every address leads back to this machine and one
source listens on port 80 of all of them. What counts is which addresses were ever connected to, not
what was said about it. Names are resolved by a DNS server of our own, so that nothing but the
address itself can be the reason of a refusal (hardening.md section 2.5, cases 46, 47, 54 to 57 and
64, and 1 to 23 once more behind names)."""

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

try:
    import pytest
except ImportError:
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import sources  # noqa: E402
from fetchrun import fetch, refused, whole  # noqa: E402

DATA = random.Random(2).randbytes(100_000)
PUBLIC = "93.184.216.34"
PUBLIC6 = "2606:4700::1"
OWN = "93.184.216.40"
UNREACHABLE = "93.184.216.99"
ADDRESS_SENTENCE = "that address may not be fetched from"


class Dns:
    """A DNS server on 127.0.0.1. names: host -> list of answers to successive questions of a type;
    each a list of addresses or of ("CNAME", name); the last one stays. None: no answer at all."""

    TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}

    def __init__(self):
        self.names = {}
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
        answers = self.names[name]
        number = self.asked.get((name, kind), 0)
        self.asked[name, kind] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        if answer is None:
            return None
        for one in answer:
            if isinstance(one, tuple):
                yield 5, self.encode(one[1])
            elif (":" in one) == (kind == 28):
                yield kind, socket.inet_pton(self.TYPES[kind], one)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        (kind,) = struct.unpack(">H", query[at + 1:at + 3])
        name = ".".join(labels)
        question = query[12:at + 5]
        if name not in self.names:
            return query[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
        if self.names[name] == [None]:
            return None
        found = list(self.records(name, kind)) if kind in self.TYPES else []
        return (query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0) + question +
                b"".join(b"\xc0\x0c" + struct.pack(">HHIH", record, 1, 0, len(data)) + data
                         for record, data in found))


@pytest.fixture(scope="session")
def dns():
    return Dns()


@pytest.fixture(scope="session")
def internet():
    with sources.Source("0.0.0.0", 80) as four, sources.Source("::", 80) as six:
        four.files["disk"] = six.files["disk"] = DATA
        yield four, six


@pytest.fixture
def reached(internet):
    """The addresses that were connected to since the test began."""
    for source in internet:
        source.accepted.clear()
        source.counts.clear()
    return lambda: {address for source in internet for address, _ in source.accepted}


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


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"])
def test_a_redirect_to_a_name_of_a_forbidden_address_ends_there(dns, internet, reached, address):
    dns.names["public.example.com"] = [[PUBLIC]]
    dns.names["inside.example.com"] = [[address]]
    path = sources.Source.path("x", to="http://inside.example.com/disk")
    refused(fetch(f"http://public.example.com{path}"), "address-not-allowed")
    assert reached() == {PUBLIC}


def test_a_name_that_is_rebound_between_attempts_reaches_nothing_new(dns, internet, reached):
    dns.names["rebound.example.com"] = [[PUBLIC], ["127.0.0.1"]]
    path = sources.Source.path("disk", drop=1000, times=1)
    outcome = fetch(f"http://rebound.example.com{path}")
    refused(outcome, "address-not-allowed")
    assert outcome.retries == ["truncated"]
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("addresses", itertools.permutations([PUBLIC, "127.0.0.1", "10.0.0.1"]))
def test_of_several_addresses_only_the_public_one_is_contacted(dns, internet, reached, addresses):
    dns.names["mixed.example.com"] = [list(addresses)]
    whole(fetch("http://mixed.example.com/disk"), DATA)
    assert reached() == {PUBLIC}


@pytest.mark.parametrize("answer", [
    ["::1"], ["::ffff:10.0.0.1"], [("CNAME", "localhost")], ["127.0.0.1", "::1", "10.0.0.1"]])
def test_names_that_lead_inside_reach_nothing(dns, internet, reached, answer):
    dns.names["inside.example.com"] = [answer]
    assert fetch("http://inside.example.com/disk", attempts=1).failed["reason"] in (
        "address-not-allowed", "source-dns")
    assert reached() == set()


def test_a_forbidden_fallback_is_not_taken(dns, internet, reached):
    dns.names["fallback.example.com"] = [[UNREACHABLE, "127.0.0.1", "::1"]]
    refused(fetch("http://fallback.example.com/disk", attempts=1), "source-connect")
    assert reached() == set()


def test_this_machines_public_address_reaches_nothing(internet, reached):
    refused(fetch(f"http://{OWN}/disk"), "address-not-allowed")
    assert reached() == set()
    whole(fetch(f"http://{OWN}/disk", allow=f"{OWN}/32:80"), DATA)


def test_a_forbidden_port_reaches_nothing(internet, reached):
    refused(fetch(f"http://{PUBLIC}/disk", ports="443,8080"), "port-not-allowed")
    assert reached() == set()


def test_local_names_are_not_even_resolved(dns, internet, reached):
    for name in ("intranet", "printer.local", "x.internal", "x.home.arpa", "localhost"):
        dns.names[name] = [[PUBLIC]]
        refused(fetch(f"http://{name}/disk"), "address-not-allowed")
        assert (name, 1) not in dns.asked
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
