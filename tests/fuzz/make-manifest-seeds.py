#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed corpus of fuzz-manifest into tests/data/fuzz/manifest (docs/formats/manifest.md)."""
import hashlib
import pathlib
import struct

MIB = 1 << 20
HERE = pathlib.Path(__file__).resolve().parent.parent / "data/fuzz/manifest"


def manifest(size, domains, entries, version=1, count=None, tail=b""):
    """entries: (index, stored bytes, domain number)"""
    head = struct.pack("<8sIIQQII", b"DRMANIF\n", version, MIB, size,
                       len(entries) if count is None else count, len(domains), 0)
    names = b"".join(d.encode().ljust(32, b"\0") for d in domains)
    body = b"".join(
        struct.pack("<IIII", i, n, i * 2654435761 % 2**32, d) + hashlib.sha256(b"%d" % i).digest()
        for i, n, d in entries)
    return head + names + body + tail


ONE = ["acc-12345"]
SEEDS = {
    "all-zero": manifest(64 * MIB, [], []),
    "one-sector": manifest(512, ONE, [(0, 20, 0)]),
    "one-chunk": manifest(MIB, ONE, [(0, MIB + 8, 0)]),
    "short-end": manifest(3 * MIB + 512, ONE, [(1, 700, 0), (3, 520, 0)]),
    "two-domains": manifest(1025 * MIB, ["acc-12345", "global"],
                            [(0, 9, 0), (511, 800, 1), (512, 801, 0), (1024, 802, 1)]),
    "sparse-2t": manifest(2 << 40, ONE, [(0, 100, 0), (777777, 100, 0), ((2 << 20) - 1, 100, 0)]),
    "largest": manifest(16 << 40, ONE, [((16 << 20) - 1, 100, 0)]),
    "newer": manifest(MIB, ONE, [(0, 100, 0)], version=2),
    "cut-short": manifest(MIB, ONE, [(0, 100, 0)])[:-1],
    "trailing": manifest(MIB, ONE, [(0, 100, 0)], tail=b"x"),
    "descending": manifest(4 * MIB, ONE, [(2, 100, 0), (1, 100, 0)]),
    "count-wraps": manifest(4 * MIB, [], [], count=1 << 60),
    "empty": b"",
}

HERE.mkdir(parents=True, exist_ok=True)
for name, data in SEEDS.items():
    (HERE / name).write_bytes(data)
