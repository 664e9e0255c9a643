#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-qcow2 whose clusters lie in an unusual order, beside those of seed-qcow2,
into tests/data/fuzz/qcow2: the spool must keep, write or drop other parts of them."""
import pathlib
import struct
import zlib

DATA = pathlib.Path(__file__).resolve().parent.parent / 'data/fuzz/qcow2'
COPIED = 1 << 63


def deflate(data):
    z = zlib.compressobj(9, zlib.DEFLATED, -12)
    return z.compress(data) + z.flush()


def packed(off, length, bits):
    sectors = (off + length - 1) // 512 - off // 512
    return 1 << 62 | sectors << 70 - bits | off


class Image:
    """Host clusters by number; tables are placed by the caller."""

    def __init__(self, clusters, guests, l1, l2, refcounts, bits=9):
        self.size = 1 << bits
        self.data = bytearray(clusters * self.size)
        self.l2 = l2
        struct.pack_into('>IIQIIQIIQQIIQ', self.data, 0, 0x514649fb, 3, 0, 0, bits, guests * self.size, 0,
                         len(l2), l1 * self.size, refcounts * self.size, 1, 0, 0)
        struct.pack_into('>QQQII', self.data, 72, 0, 0, 0, 4, 104)
        for i, table in enumerate(l2):
            struct.pack_into('>Q', self.data, l1 * self.size + 8 * i, table * self.size | COPIED)

    def map(self, guest, entry):
        table, i = divmod(guest, self.size // 8)
        struct.pack_into('>Q', self.data, self.l2[table] * self.size + i * 8, entry)

    def plain(self, guest, host):
        at = host * self.size
        self.data[at:at + self.size] = bytes((guest * 7 + i) & 255 for i in range(self.size))
        self.map(guest, at | COPIED)


def compressed(again=(), apart=0):
    """1,400 compressed clusters of 4 KiB one behind the other, which is more than the decoder has in
    hand at a time; then those named once more. `apart`: bytes between streams."""
    m = Image(40, 1400 + len(again), 2, [3, 4, 5], 1, bits=12)
    at, entries = 6 << 12, []
    for guest in range(1400):
        stream = deflate((b'%04d' % guest * 1024)[:4096])
        m.data[at:at + len(stream)] = stream
        entries.append(packed(at, len(stream), 12))
        at += len(stream) + apart
        m.map(guest, entries[-1])
    for i, guest in enumerate(again):
        m.map(1400 + i, entries[guest])
    del m.data[at + 511 & ~511:]
    return m.data


def backwards():
    m = Image(40, 30, 2, [3], 1)
    for guest in range(30):
        m.plain(guest, 39 - guest)
    return m.data


def tables_last():
    m = Image(40, 80, 38, [36, 37], 39)
    for guest in range(32):
        m.plain(guest * 2, guest + 1)
    return m.data


def half_and_half():
    """Every other cluster of the file is used only after all the others."""
    m = Image(44, 40, 2, [3], 1)
    for guest in range(40):
        m.plain(guest, 4 + (2 * guest if guest < 20 else 2 * guest - 39))
    return m.data


SEEDS = {
    'packed-in-order': (0x00, compressed()),
    'packed-again-at-the-end': (0x11, compressed([0, 1, 700])),
    'packed-again-at-once': (0x08, compressed([1399])),
    'packed-apart': (0x19, compressed([2], apart=3)),
    'plain-backwards': (0x01, backwards()),
    'tables-last': (0x10, tables_last()),
    'half-and-half': (0x05, half_and_half()),
}

for name, (how, data) in SEEDS.items():
    (DATA / name).write_bytes(bytes([how]) + data)
