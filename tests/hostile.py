# SPDX-License-Identifier: Apache-2.0
"""Small files, each right but for one thing, and what an import must say about them.

    cases()    every row of the rules for raw disks, foreign formats and compressed files; those of
               qcow2 are in hostile_qcow2.py

The rules are those of docs/refusals.md. Files are made here byte by byte, because no tool makes
wrong ones, and checksums are right unless they are what is wrong."""
import bz2
import gzip
import hashlib
import lzma
import random
import struct
import typing
import zlib

SECTOR = 512
MIB = 1 << 20


class Case(typing.NamedTuple):
    """One file and its verdict."""
    name: str
    data: bytes
    code: typing.Optional[str] = None  # the refusal; None: it is accepted
    says: typing.Tuple[str, ...] = ()  # in the sentence of the refusal
    disk: typing.Union[bytes, int, None] = None  # what an accepted file decodes to; a number: so many zeros
    warns: typing.Tuple[str, ...] = ()  # the warnings' codes, in order
    faults: dict = {}  # of the source, see sources.py
    members: dict = {}  # more of the registration
    cap: bool = False  # at a server that takes no more than CAP bytes of disk


CAP = 64 << 10


def refused(name, data, code, *says, **more):
    return Case(name, data, code, says, **more)


def accepted(name, data, disk, *warns, **more):
    return Case(name, data, None, (), disk, warns, **more)


def mbr(*partitions, start=b"", total=16):
    """A partition table with (first sector, sectors) entries, then noise up to `total` sectors."""
    table = b"".join(struct.pack("<B3xB3xII", 0x80, 0x83, *p) for p in partitions)
    sector = start.ljust(446, b"\0") + table.ljust(64, b"\0") + b"\x55\xaa"
    return sector + random.Random(total).randbytes((total - 1) * SECTOR)


# Nothing about it is worth a warning; compresses badly; has no zero sector.
DISK = mbr((1, 15))


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def flip(data, at):
    return put(data, at, bytes([data[at] ^ 1]))


# ---- raw disks ----

def gpt(protective=True, last=30, backup=True, total=40):
    """A GPT disk with one partition up to sector `last`."""
    entry = b"\x01" * 32 + struct.pack("<QQQ", 34, last, 0)
    header = b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 1, 128)
    first = mbr((1, 39), total=1)[:SECTOR] if not protective else \
        bytes(446) + struct.pack("<B3xB3xII", 0, 0xEE, 1, total - 1) + bytes(48) + b"\x55\xaa"
    disk = first + header.ljust(SECTOR, b"\0") + entry.ljust(SECTOR, b"\0")
    disk = disk.ljust((total - 1) * SECTOR, b"\0")
    return disk + (b"EFI PART" if backup else b"no").ljust(SECTOR, b"\0")


def fat():
    """A FAT boot sector: what stands at 446 is code, and no partition table."""
    start = b"\xeb\x3c\x90mkfs.fat" + struct.pack("<HBHBHHB", 512, 4, 1, 2, 512, 16, 0xF8)
    return start.ljust(446, b"\xff") + b"\xff" * 64 + b"\x55\xaa" + bytes(15 * SECTOR)


def raw_cases():
    digest = {"checksum": "sha256:" + hashlib.sha256(DISK).hexdigest()}
    close = {"framing": "close"}
    yield accepted("raw", DISK, DISK)
    yield accepted("raw-chunked", DISK, DISK, faults={"framing": "chunked"})
    yield accepted("raw-one-sector", DISK[:SECTOR], DISK[:SECTOR], "partition-beyond-end")
    yield accepted("raw-without-length-but-digest", DISK, DISK, faults=close, members=digest)
    yield refused("raw-without-length", DISK, "length-unknown", "give its size or sha256",
                  faults=close)
    yield refused("raw-empty", b"", "empty")
    yield refused("raw-empty-chunked", b"", "empty", faults={"framing": "chunked"})
    yield refused("raw-a-byte-short", DISK[:-1], "not-whole-sectors", "8191 bytes",
                  "512-byte sectors", "cut short")
    yield refused("raw-a-byte-short-chunked", DISK[:-1], "not-whole-sectors", "8191 bytes",
                  faults={"framing": "chunked"})
    yield refused("raw-less-than-a-sector", DISK[:511], "truncated", "511 bytes")
    yield refused("raw-over-the-cap", bytes(CAP + SECTOR), "too-large", str(CAP + SECTOR), str(CAP),
                  cap=True)
    yield refused("raw-over-the-cap-uncounted", bytes(CAP + SECTOR), "too-large", str(CAP), cap=True,
                  faults={"framing": "chunked"})
    yield accepted("raw-at-the-cap", bytes(CAP), bytes(CAP), "no-boot-record", cap=True)
    yield accepted("raw-blank", bytes(MIB), bytes(MIB), "no-boot-record")
    beyond = mbr((1, 16))
    yield accepted("raw-partition-beyond-end", beyond, beyond, "partition-beyond-end")
    huge = mbr((2**32 - 1, 2**32 - 1))
    yield accepted("raw-partition-number-overflow", huge, huge, "partition-beyond-end")
    for name, disk, *warns in [
            ("gpt", gpt()), ("gpt-beyond-end", gpt(last=40), "partition-beyond-end"),
            ("gpt-overflow", gpt(last=2**64 - 1), "partition-beyond-end"),
            ("gpt-without-backup", gpt(backup=False), "partition-beyond-end"),
            ("gpt-without-protective-mbr", gpt(protective=False), "no-boot-record"),
            ("fat", fat())]:
        yield accepted("raw-" + name, disk, disk, *warns)


# ---- what else a file may be ----

LZMA_HEAD = b"\x5d\0\0\x80\0" + b"\xff" * 8 + b"\0"
CPIO_HEAD = b"\xc7\x71" + bytes(range(1, 19)) + b"\x03\0\0\0\0\0a.\0"

# name: (offset, bytes, refusal, words). Inside another layer the refusal is the same, but for INNER.
FOREIGN = {
    "qcow1": (0, b"QFI\xfb\0\0\0\1", "format-qcow1", "old qcow image (version 1); convert to qcow2"),
    "qcow0": (0, b"QFI\xfb\0\0\0\0", "qcow2-version", "versions 2 and 3"),
    "qcow4": (0, b"QFI\xfb\0\0\0\4", "qcow2-version", "versions 2 and 3"),
    "qcow-huge": (0, b"QFI\xfb\xff\xff\xff\xff", "qcow2-version", "versions 2 and 3"),
    "qed": (0, b"QED\0", "format-qed", "QED"),
    "vmdk-sparse": (0, b"KDMV", "format-vmdk", "VMDK"),
    "vmdk-esx": (0, b"COWD", "format-vmdk", "VMDK"),
    "vmdk-text": (0, b"# Disk DescriptorFile\nRW 63 FLAT \"/etc/shadow\" 0\n", "format-vmdk", "VMDK"),
    "vmdk-version": (0, b"# x\nversion=1\nRW 63 FLAT \"/etc/shadow\" 0\n", "format-vmdk", "VMDK"),
    "vhd": (0, b"conectix", "format-vhd", "VHD"),
    "vhdx": (0, b"vhdxfile", "format-vhdx", "VHDX"),
    "vdi": (0x40, b"\x7f\x10\xda\xbe", "format-vdi", "VDI"),
    "parallels": (0, b"WithoutFreeSpace", "format-parallels", "Parallels"),
    "parallels-ext": (0, b"WithouFreSpacExt", "format-parallels", "Parallels"),
    "bochs": (0, b"Bochs Virtual HD Image", "format-bochs", "Bochs"),
    "cloop": (0, b"#!/bin/sh\n#V2.0 Format\n", "format-cloop", "cloop"),
    "luks1": (0, b"LUKS\xba\xbe\0\1", "format-luks", "encrypted disk; cannot boot without a key"),
    "luks2": (0, b"LUKS\xba\xbe\0\2", "format-luks", "encrypted disk; cannot boot without a key"),
    "iso": (0x8000, b"\1CD001\1", "format-iso", "optical-disc image", "cannot boot as a disk"),
    "udf": (0x8000, b"\0BEA01\1".ljust(2048, b"\0") + b"\0NSR03\1", "format-iso", "optical-disc"),
    "lzma": (0, LZMA_HEAD, "format-unsupported", "lzma", "raw and qcow2"),
    "lzip": (0, b"LZIP\1", "format-unsupported", "lzip"),
    "compress": (0, b"\x1f\x9d\x90", "format-unsupported", "compress"),
    "zip": (0, b"PK\3\4", "format-unsupported", "zip"),
    "7z": (0, b"7z\xbc\xaf\x27\x1c", "format-unsupported", "7z"),
    "rar": (0, b"Rar!\x1a\7\1\0", "format-unsupported", "rar"),
    "tar": (257, b"ustar\0", "format-unsupported", "tar"),
    "cpio": (0, b"070701", "format-unsupported", "cpio"),
    "cpio-binary": (0, CPIO_HEAD, "format-unsupported", "cpio"),
    "squashfs": (0, b"hsqs", "format-unsupported", "squashfs"),
    "zstd-0.7": (0, b"\x27\xb5\x2f\xfd", "format-unsupported", "before version 1.0"),
}
CODECS = {
    "lz4": b"\x04\x22\x4d\x18", "lz4-legacy": b"\x02\x21\x4c\x18", "skippable": b"\x5a\x2a\x4d\x18",
    "zstd": b"\x28\xb5\x2f\xfd", "xz": b"\xfd7zXZ\0", "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh9\x31\x41\x59\x26\x53\x59"}
INNER = {"qcow1": "nested-image", "qed": "nested-image"}


def carrying(at, magic, total=80 << 10):
    """A disk that would be fine, but for these bytes."""
    return put(bytes(total), at, magic)


def foreign_disks():
    """(name, disk, refusal, words) of disks that are something else, wherever they come out."""
    for name, (at, magic, code, *words) in FOREIGN.items():
        if name in INNER:
            yield name, carrying(at, magic), INNER[name], ("the disk inside is itself",)
        else:
            yield name, carrying(at, magic), code, tuple(words)
    for name, magic in CODECS.items():
        yield name, carrying(0, magic), "nested-compression", ("again compressed",)
    yield "vhd-fixed", fixed_vhd(), "format-vhd", ("fixed VHD", "footer of 512 bytes")
    yield "dmg", DISK[:-SECTOR] + b"koly".ljust(SECTOR, b"\0"), "format-dmg", ("DMG",)


def fixed_vhd():
    return DISK + b"conectix".ljust(SECTOR, b"\0")


def foreign_cases():
    for name, (at, magic, code, *words) in FOREIGN.items():
        yield refused("foreign-" + name, carrying(at, magic), code, *words)
    yield refused("foreign-vhd-fixed", fixed_vhd(), "format-vhd", "fixed VHD", "truncate -s -512")
    yield refused("foreign-dmg", DISK + b"koly".ljust(SECTOR, b"\0"), "format-dmg", "DMG")
    for name, disk, code, words in foreign_disks():
        yield refused("gzip-of-" + name, gzip.compress(disk, 1), code, *words)
    hybrid = put(carrying(0x8000, b"\1CD001\1"), 510, b"\x55\xaa")
    yield accepted("hybrid-iso", hybrid, hybrid, "no-boot-record", "optical-disc")
    for name, page in {
            "html": b"<!DOCTYPE html><html><body>gone</body></html>",
            "html-after-blanks": b"\r\n\t <HTML>" + b" " * 4096,
            "html-after-bom": b"\xef\xbb\xbf<html>", "xml": b"<?xml version=\"1.0\"?><Error/>",
            "json": b"{\"error\": \"no such file\"}", "large-html": b"<html>".ljust(100 << 10)}.items():
        yield refused("page-" + name, page, "not-an-image", "sent a web page, not a disk")
    page = b"<html>".ljust(100 << 10)
    yield refused("page-chunked", page, "not-an-image", "a web page", faults={"framing": "chunked"})
    yield refused("page-gzip-large", gzip.compress(page), "not-an-image", "a web page")
    yield refused("page-gzip", gzip.compress(b"<!doctype html>"), "not-an-image", "a web page")


def polyglot_cases():
    def both(name, data, *words):
        return refused("polyglot-" + name, data, "ambiguous-format", *words, "at once")
    iso = (0x8000, b"\1CD001\1")
    qcow2 = carrying(0, b"QFI\xfb\0\0\0\3")
    yield both("qcow2-iso", put(qcow2, *iso), "a qcow2 image", "an optical-disc image")
    yield both("qcow2-hybrid-iso", put(put(qcow2, *iso), 510, b"\x55\xaa"), "qcow2", "optical-disc")
    yield both("qcow2-vdi", put(qcow2, 0x40, b"\x7f\x10\xda\xbe"), "qcow2", "VDI")
    yield both("qcow2-tar", put(qcow2, 257, b"ustar"), "qcow2", "tar")
    yield both("vdi-iso", put(carrying(0x40, b"\x7f\x10\xda\xbe"), *iso), "VDI", "optical-disc")
    yield both("gzip-vdi", put(gzip.compress(random.Random(1).randbytes(4096)), 0x40,
                               b"\x7f\x10\xda\xbe"), "gzip", "VDI")
    yield both("gzip-tar", put(gzip.compress(random.Random(1).randbytes(4096)), 257, b"ustar"),
               "gzip", "tar")
    yield both("tar-zip", put(carrying(0, b"PK\3\4"), 257, b"ustar"), "zip", "tar")
    yield both("in-gzip", gzip.compress(put(qcow2, *iso)), "qcow2", "optical-disc")
    yield refused("polyglot-gzip-vhd", GZIP + b"conectix".ljust(SECTOR, b"\0"), "trailing-data")
    yield both("skippable-vhd", lz4(DISK) + skippable(b"conectix".ljust(SECTOR, b"\0")), "lz4",
               "fixed VHD")
    yield both("skippable-dmg", zstd(DISK) + skippable(b"koly".ljust(SECTOR, b"\0")), "zstd", "DMG")
    boots = put(carrying(0x40, b"\x7f\x10\xda\xbe"), 510, b"\x55\xaa")
    yield refused("polyglot-mbr-vdi", boots, "format-vdi", "VDI")
    yield refused("polyglot-mbr-vhd", put(DISK, 0, b"conectix"), "format-vhd", "VHD")


# ---- lz4 ----

def xxh32(data):
    """XXH32 with seed 0."""
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    mask = 2**32 - 1

    def rol(x, n):
        return (x << n | x >> (32 - n)) & mask
    at = 0
    h = p5
    if len(data) >= 16:
        v = [(p1 + p2) & mask, p2, 0, -p1 & mask]
        while at + 16 <= len(data):
            for i, lane in enumerate(struct.unpack_from("<4I", data, at)):
                v[i] = rol((v[i] + lane * p2) & mask, 13) * p1 & mask
            at += 16
        h = (rol(v[0], 1) + rol(v[1], 7) + rol(v[2], 12) + rol(v[3], 18)) & mask
    h = (h + len(data)) & mask
    while at + 4 <= len(data):
        h = rol((h + struct.unpack_from("<I", data, at)[0] * p3) & mask, 17) * p4 & mask
        at += 4
    for byte in data[at:]:
        h = rol((h + byte * p5) & mask, 11) * p1 & mask
    h = (h ^ h >> 15) * p2 & mask
    h = (h ^ h >> 13) * p3 & mask
    return h ^ h >> 16


def skippable(data, nibble=0):
    return struct.pack("<II", 0x184D2A50 + nibble, len(data)) + data


def lz4_block(data, stored=True, size=None):
    word = (len(data) if size is None else size) | (0x80000000 if stored else 0)
    return struct.pack("<I", word) + data


def lz4_frame(content, blocks, flags=0x60, descriptor=0x40, size=None, dictionary=None, header_sum=None,
              content_sum=None, end=True):
    """A frame; `blocks` as they stand in the file, content_sum None: none; True: the right one."""
    flags |= (8 if size is not None else 0) | (1 if dictionary is not None else 0)
    flags |= 4 if content_sum is not None else 0
    head = bytes([flags, descriptor])
    head += b"" if size is None else struct.pack("<Q", size)
    head += b"" if dictionary is None else struct.pack("<I", dictionary)
    head += bytes([xxh32(head) >> 8 & 255 if header_sum is None else header_sum])
    data = b"\x04\x22\x4d\x18" + head + b"".join(blocks) + (bytes(4) if end else b"")
    if content_sum is not None:
        data += struct.pack("<I", xxh32(content) if content_sum is True else content_sum)
    return data


def lz4(content, **options):
    return lz4_frame(content, [lz4_block(content)], **options)


def lz4_literals(data):
    """A compressed block that is one run of literals."""
    assert len(data) > 15
    return b"\xf0" + b"\xff" * ((len(data) - 15) // 255) + bytes([(len(data) - 15) % 255]) + data


def lz4_zeros(count):
    """How compressors write a block of `count` zeros."""
    more, rest = divmod(count - 1 - 19 - 5, 255)
    return b"\x1f\0\1\0" + b"\xff" * more + bytes([rest]) + b"\x50" + bytes(5)


def lz4_legacy(*blocks):
    return b"\x02\x21\x4c\x18" + b"".join(lz4_block(b, stored=False) for b in blocks)


def summed(data, right=True):
    """A stored block with its checksum."""
    return lz4_block(data) + struct.pack("<I", xxh32(data) ^ (not right))


def lz4_cases():
    good = lz4(DISK, size=len(DISK), content_sum=True)
    half = len(DISK) // 2
    first, second = lz4(DISK[:half]), lz4(DISK[half:])
    legacy = lz4_legacy(lz4_literals(DISK))
    legacy_first = lz4_legacy(lz4_literals(DISK[:half]))
    nothing = lz4_frame(b"", [])
    skip = skippable(b"whatever", 15)
    zeros = [lz4_block(lz4_zeros(4 * MIB), stored=False)] * 64
    close = {"framing": "close"}
    digest = {"checksum": "sha256:" + hashlib.sha256(legacy).hexdigest()}
    for name, data in {
            "all-sums": lz4_frame(DISK, [summed(DISK)], flags=0x70, size=len(DISK), content_sum=True),
            "two-frames": first + second, "legacy": legacy, "legacy-then-frame": legacy_first + second,
            "frame-then-legacy": first + lz4_legacy(lz4_literals(DISK[half:])),
            "two-legacy": legacy_first + lz4_legacy(lz4_literals(DISK[half:])),
            "empty-frames": nothing + first + nothing + second + nothing,
            "skippable-frames": skip + first + skip + second + skip,
            "compressed": lz4_frame(DISK, [lz4_block(lz4_literals(DISK), stored=False)])}.items():
        yield accepted("lz4-" + name, data, DISK)
    yield accepted("lz4-zeros", lz4_frame(b"", zeros, descriptor=0x70), 256 * MIB, "no-boot-record")
    yield accepted("lz4-without-length", good, DISK, faults=close)
    yield accepted("lz4-legacy-without-length-but-digest", legacy, DISK, faults=close, members=digest)
    yield refused("lz4-legacy-without-length", legacy, "length-unknown", "legacy lz4 frame",
                  "give its size or sha256", faults=close)
    yield refused("lz4-legacy-later-without-length", first + legacy, "length-unknown", "legacy",
                  faults=close)

    for name, at in {"in-header": 9, "in-block": 1000, "before-end-mark": len(good) - 8,
                     "in-end-mark": len(good) - 6, "before-content-sum": len(good) - 4,
                     "in-content-sum": len(good) - 1}.items():
        yield refused("lz4-cut-" + name, good[:at], "truncated", f"lz4 data ends after {at} bytes")
    yield refused("lz4-cut-magic", good + good[:3], "truncated", "inside the magic of a frame")
    yield refused("lz4-cut-legacy", legacy[:-1], "truncated", "inside a block")
    yield refused("lz4-cut-skippable", good + skip[:-1], "truncated", "inside a skippable frame")
    yield refused("lz4-cut-skippable-header", good + skip[:7], "truncated", "a skippable frame")

    for name, data, words in [
            ("version", lz4(DISK, flags=0xA0), "version bits are not 01"),
            ("reserved-flag", lz4(DISK, flags=0x62), "reserved bit"),
            ("reserved-descriptor", lz4(DISK, descriptor=0xC0), "reserved bit"),
            ("reserved-low-bits", lz4(DISK, descriptor=0x41), "reserved bit"),
            ("block-code", lz4(DISK, descriptor=0x30), "block maximum code is not 4 to 7"),
            ("block-too-large", lz4(bytes(MIB)), "1048576 bytes, more than 65536"),
            ("block-absurd", lz4_frame(b"", [lz4_block(DISK, size=0x7FFFFFFF)]), "2147483647 bytes"),
            ("block-absurd-packed", lz4_frame(b"", [lz4_block(DISK, False, 0x7FFFFFFF)]),
             "2147483647 bytes"),
            ("block-content", lz4_frame(b"", [lz4_block(b"\xff" * 600, False)]), "does not decode"),
            ("block-expands", lz4_frame(b"", [lz4_block(lz4_zeros(MIB), False)]), "does not decode"),
            ("header-sum", lz4(DISK, header_sum=0), "header checksum is wrong"),
            ("block-sum", lz4_frame(DISK, [summed(DISK, False)], flags=0x70),
             "a block checksum is wrong"),
            ("content-sum", lz4(DISK, content_sum=1), "content checksum is wrong"),
            ("size-more", lz4(DISK, size=len(DISK) + 1), "announces 8193 bytes and holds 8192"),
            ("size-less", lz4(DISK, size=len(DISK) - 1), "announces 8191 bytes and holds 8192"),
            ("legacy-absurd", b"\x02\x21\x4c\x18" + lz4_block(DISK, False, 0x7FFFFFFF), "2147483647"),
            ("legacy-over-bound", b"\x02\x21\x4c\x18" + lz4_block(DISK, False, 0x00810000), "8454144"),
            ("legacy-short-block", lz4_legacy(lz4_literals(DISK), lz4_literals(DISK)),
             "before the last holds less than 8 MiB")]:
        yield refused("lz4-" + name, data, "corrupt", words)
    yield refused("lz4-dictionary", lz4(DISK, dictionary=77), "needs-dictionary", "dictionary 77")
    yield refused("lz4-nothing", nothing, "empty", "hold no disk")
    yield refused("lz4-only-skippable", skip * 3, "empty", "3 skippable frames and no data")
    yield refused("lz4-65-skippable", skippable(b"") * 65 + good, "format-unsupported",
                  "more than 64 skippable frames")
    yield refused("lz4-65-skippable-later", good + skippable(b"") * 65, "format-unsupported",
                  "65 skippable frames")
    yield refused("lz4-huge-skippable", struct.pack("<II", 0x184D2A50, 2**32 - 1) + good,
                  "format-unsupported", "67108864")
    yield from trailing("lz4", good)
    yield from lengths("lz4", lz4)


# ---- what all codecs have in common ----

def trailing(name, good):
    """What must not follow the end of compressed data."""
    others = {"gzip": GZIP, "xz": XZ, "bzip2": BZIP2, "zstd": zstd(DISK), "lz4": lz4(DISK)}
    del others[name]
    words = (f"the {name} data ends at byte {len(good)}", "something else follows")
    for other, data in others.items():
        yield refused(f"{name}-then-{other}", good + data, "trailing-data", *words)
    yield refused(f"{name}-then-garbage", good + b"garbage!", "trailing-data", *words)
    if name == "gzip":
        yield accepted("gzip-then-zeros", good + bytes(100000), DISK)
        yield refused("gzip-then-zeros-and-more", good + bytes(100) + b"x", "trailing-data")
    elif name == "xz":
        yield accepted("xz-then-zeros", good + bytes(1024), DISK)
    else:
        yield refused(f"{name}-then-zeros", good + bytes(512), "trailing-data", *words)


def lengths(name, pack):
    """Disks of a length that no disk has."""
    yield refused(f"{name}-odd", pack(DISK[:-7]), "not-whole-sectors", "8185 bytes")
    yield refused(f"{name}-over-the-cap", pack(bytes(CAP)) + pack(bytes(SECTOR)), "too-large",
                  str(CAP), cap=True)


# ---- gzip ----

GZIP = gzip.compress(DISK, mtime=0)


def gzip_member(flags=0, method=8, extra=b"", content=DISK):
    """One member, with whatever belongs to the flags."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(content) + deflate.flush()
    return bytes([0x1F, 0x8B, method, flags]) + bytes(6) + extra + body + \
        struct.pack("<II", zlib.crc32(content), len(content) % 2**32)


def header_crc(flags, extra, right=True):
    head = bytes([0x1F, 0x8B, 8, flags]) + bytes(6) + extra
    return extra + struct.pack("<H", zlib.crc32(head) & 0xFFFF ^ (not right))


def gzip_cases():
    half = len(DISK) // 2
    two = gzip_member(content=DISK[:half]) + gzip_member(content=DISK[half:])
    every = header_crc(0x1E, b"\4\0abcd" + b"../../etc/passwd\0" + b"comment\0")
    zeros = gzip.compress(bytes(16 * MIB), 1) * 16
    for name, data in {"two-members": two, "all-fields": gzip_member(0x1E, extra=every),
                       "empty-member": gzip.compress(b"") + GZIP}.items():
        yield accepted("gzip-" + name, data, DISK)
    yield accepted("gzip-zeros", zeros, 256 * MIB, "no-boot-record")
    yield accepted("gzip-without-length", GZIP, DISK, faults={"framing": "close"})
    for name, data, words in [
            ("reserved-flag", gzip_member(0x20), "reserved flag bits"),
            ("method", GZIP + gzip_member(method=7), "compression method 7"),
            ("header-crc", gzip_member(2, extra=header_crc(2, b"", False)), "header checksum is wrong"),
            ("crc", flip(GZIP, len(GZIP) - 8), "the CRC of member 1 is wrong"),
            ("later-crc", GZIP + flip(GZIP, len(GZIP) - 8), "the CRC of member 2 is wrong"),
            ("length", flip(GZIP, len(GZIP) - 4), "the length field of member 1 is wrong"),
            ("long-name", gzip_member(8, extra=b"n" * 65537 + b"\0"), "longer than 65536 bytes"),
            ("long-comment", gzip_member(16, extra=b"n" * 65537 + b"\0"), "longer than 65536 bytes"),
            ("endless-name", gzip_member(8, extra=b"n" * 200000), "longer than 65536 bytes"),
            ("block-type", put(GZIP, 10, b"\7"), "member 1 does not decode")]:
        yield refused("gzip-" + name, data, "corrupt", words)
    for at in (5, 11, 1000, len(GZIP) - 8, len(GZIP) - 1):
        yield refused(f"gzip-cut-{at}", GZIP[:at], "truncated", f"{at} bytes")
    yield refused("gzip-cut-second-header", GZIP + GZIP[:1], "truncated", "header of a member")
    yield refused("gzip-nothing", gzip.compress(b""), "empty", "hold no disk")
    yield from trailing("gzip", GZIP)
    yield from lengths("gzip", gzip.compress)


# ---- bzip2 ----

BZIP2 = bz2.compress(DISK)


def bzip2_cases():
    half = len(DISK) // 2
    yield accepted("bzip2-two-streams", bz2.compress(DISK[:half]) + bz2.compress(DISK[half:]), DISK)
    yield accepted("bzip2-empty-stream", bz2.compress(b"") + BZIP2, DISK)
    yield accepted("bzip2-zeros", bz2.compress(bytes(MIB)) * 256, 256 * MIB, "no-boot-record")
    yield refused("bzip2-block-crc", flip(BZIP2, 10), "corrupt", "a CRC or the structure of a block")
    yield refused("bzip2-stream-crc", flip(BZIP2, len(BZIP2) - 3), "corrupt", "stream 1")
    yield refused("bzip2-later-stream", BZIP2 + flip(BZIP2, 10), "corrupt", "stream 2")
    yield refused("bzip2-block-mark", BZIP2 + flip(BZIP2, 5), "corrupt", "stream 2")
    for at in (1000, len(BZIP2) - 1):
        yield refused(f"bzip2-cut-{at}", BZIP2[:at], "truncated", f"{at} bytes", "inside a stream")
    yield refused("bzip2-cut-second-header", BZIP2 + b"BZ", "truncated", "header of a stream")
    yield refused("bzip2-level", BZIP2 + b"BZh0" + BZIP2[4:], "trailing-data")
    yield refused("bzip2-nothing", bz2.compress(b""), "empty", "hold no disk")
    yield from trailing("bzip2", BZIP2)
    yield from lengths("bzip2", bz2.compress)


# ---- xz ----

XZ = lzma.compress(DISK, check=lzma.CHECK_CRC64)


def with_crc(data, at, end):
    """The bytes from `at` on have their CRC32 at `end`."""
    return put(data, end, struct.pack("<I", zlib.crc32(data[at:end])))


def xz_check(check):
    """As if another check had been used: in the stream's header and its footer."""
    data = with_crc(put(XZ, 7, bytes([check])), 6, 8)
    end = len(data)
    data = put(data, end - 3, bytes([check]))
    return put(data, end - 12, struct.pack("<I", zlib.crc32(data[end - 8:end - 2])))


def xz_block_header(header, data=None):
    """The first block gets this header, padded, instead."""
    data = XZ if data is None else data
    header = bytes([0]) + header
    header = header.ljust((len(header) + 3) // 4 * 4, b"\0")
    header = bytes([len(header) // 4]) + header[1:]
    header += struct.pack("<I", zlib.crc32(header))
    return data[:12] + header + data[12 + (data[12] + 1) * 4:]


def vli(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def xz_filtered(*filters):
    chain = [*filters, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    return lzma.compress(DISK, filters=chain)


def xz_cases():
    half = len(DISK) // 2
    first, second = lzma.compress(DISK[:half], preset=0), lzma.compress(DISK[half:], preset=0)
    index = len(XZ) - 12 - (struct.unpack_from("<I", XZ, len(XZ) - 8)[0] + 1) * 4
    lzma2 = b"\0\x21\1"
    huge = vli(2**63 - 1 & ~3)
    for name, data in {
            "two-streams": first + second, "padding": first + bytes(4) + second + bytes(8),
            "crc32": lzma.compress(DISK, check=lzma.CHECK_CRC32),
            "sha256": lzma.compress(DISK, check=lzma.CHECK_SHA256),
            "delta": xz_filtered({"id": lzma.FILTER_DELTA, "dist": 5}),
            "x86": xz_filtered({"id": lzma.FILTER_X86}), "arm": xz_filtered({"id": lzma.FILTER_ARM}),
            "powerpc": xz_filtered({"id": lzma.FILTER_POWERPC}),
            "empty-stream": lzma.compress(b"") + XZ}.items():
        yield accepted("xz-" + name, data, DISK)
    none = lzma.compress(DISK, check=lzma.CHECK_NONE)
    yield accepted("xz-no-check", none, DISK, "no-checksum")
    yield accepted("xz-zeros", lzma.compress(bytes(256 * MIB), preset=0), 256 * MIB, "no-boot-record")
    for at in (3, 5, 7):
        pad = first + bytes(at) + second
        yield refused(f"xz-padding-{at}", pad, "corrupt", f"{at} bytes of padding", "multiple of four")
    yield refused("xz-padding-at-end", XZ + bytes(6), "corrupt", "6 bytes of padding")
    yield refused("xz-memory", xz_block_header(lzma2 + b"\x25"), "needs-memory", "161", "134217728")
    for check in (2, 3, *range(5, 10), *range(11, 16)):
        yield refused(f"xz-check-{check}", xz_check(check), "unsupported-check", f"check id {check}",
                      "cannot be verified")
    yield refused("xz-future-flags", with_crc(put(XZ, 6, b"\1"), 6, 8), "format-unsupported",
                  "a later version")
    yield refused("xz-future-block", xz_block_header(b"\x04\x21\1\x16"), "format-unsupported",
                  "a block of xz stream 1", "a later version")
    for name, header in {"unknown-filter": b"\1\x22\0" + lzma2[1:] + b"\x16",
                         "delta-alone": b"\0\3\1\0", "dictionary-code": lzma2 + b"\x29",
                         "lzma2-twice": b"\1\x21\1\x16\x21\1\x16"}.items():
        yield refused("xz-" + name, xz_block_header(header), "unsupported-filter", "xz stream 1")
    for name, data, words in [
            ("header-crc", flip(XZ, 9), "checksum of a stream header"),
            ("block-header-crc", flip(XZ, 20), "a block header of stream 1"),
            ("private-filter", xz_block_header(b"\0" + vli(2**62 + 1) + b"\0"), "a block header of stream 1"),
            ("block-data", flip(XZ, 500), "a block does not decode, or its check is wrong"),
            ("block-check", flip(XZ, index - 1), "a block does not decode, or its check is wrong"),
            ("index", flip(XZ, index + 3), "index of stream 1"),
            ("index-crc", flip(XZ, len(XZ) - 13), "index of stream 1"),
            ("footer-crc", flip(XZ, len(XZ) - 12), "footer of stream 1"),
            ("footer-size", with_footer(put(XZ, len(XZ) - 8, b"\x7f")), "footer of stream 1"),
            ("footer-check", with_footer(put(XZ, len(XZ) - 3, b"\1")), "footer of stream 1"),
            ("footer-magic", flip(XZ, len(XZ) - 1), "footer of stream 1"),
            ("huge-packed", xz_block_header(b"\x40" + huge + lzma2[1:] + b"\x16"), "stream 1"),
            ("huge-plain", xz_block_header(b"\x80" + huge + lzma2[1:] + b"\x16"), "stream 1"),
            ("huge-both", xz_block_header(b"\xc0" + huge + huge + lzma2[1:] + b"\x16"), "stream 1"),
            ("wrong-size", xz_block_header(b"\x80" + vli(8191) + lzma2[1:] + b"\x16"), "stream 1")]:
        yield refused("xz-" + name, data, "corrupt", words)
    for at in (9, 15, 500, index - 1, index + 1, len(XZ) - 5):
        yield refused(f"xz-cut-{at}", XZ[:at], "truncated", f"{at} bytes")
    yield refused("xz-cut-second-header", XZ + XZ[:5], "truncated", "inside a stream header")
    yield refused("xz-nothing", lzma.compress(b""), "empty", "hold no disk")
    yield from trailing("xz", XZ)
    yield from lengths("xz", lzma.compress)


def with_footer(data):
    end = len(data)
    return put(data, end - 12, struct.pack("<I", zlib.crc32(data[end - 8:end - 2])))


# ---- zstd ----

def zstd_block(kind, size, data, last=True):
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3] + data


def zstd(content, window=0x40, flags=0, head=b"", blocks=None, tail=b""):
    """A frame of raw blocks: descriptor, window, dictionary id and content size in `head`."""
    window = b"" if window is None else bytes([window])
    if blocks is None:
        blocks = [zstd_block(0, len(content), content)]
    return b"\x28\xb5\x2f\xfd" + bytes([flags]) + window + head + b"".join(blocks) + tail


def zstd_cases():
    good = zstd(DISK, flags=0x80, head=struct.pack("<I", len(DISK)))
    half = len(DISK) // 2
    first, second = zstd(DISK[:half]), zstd(DISK[half:])
    skip = skippable(b"whatever", 3)
    run = [zstd_block(1, 1 << 17, b"\0", last=False)] * 2048 + [zstd_block(0, 0, b"")]
    for name, data in {"sized": good, "two-frames": first + second, "skippable": skip + first + skip + second + skip,
                       "empty-frame": zstd(b"") + good,
                       "window-128-MiB": zstd(DISK, window=17 << 3)}.items():
        yield accepted("zstd-" + name, data, DISK)
    yield accepted("zstd-zeros", zstd(b"", blocks=run), 256 * MIB, "no-boot-record")
    yield accepted("zstd-without-length", good, DISK, faults={"framing": "close"})
    yield refused("zstd-window", zstd(DISK, window=17 << 3 | 1), "needs-memory",
                  "a window of 150994944 bytes; 134217728 are allowed")
    yield refused("zstd-window-2-GiB", zstd(DISK, window=21 << 3), "needs-memory", "2147483648")
    single = zstd(DISK, window=None, flags=0xE0, head=struct.pack("<Q", 2**62))
    yield refused("zstd-single-segment", single, "needs-memory", str(2**62))
    for flags, head in ((1, b"\5"), (2, b"\5\0"), (3, b"\5\0\0\0")):
        yield refused(f"zstd-dictionary-{flags}", zstd(DISK, flags=flags, head=head),
                      "needs-dictionary", "dictionary 5")
    for name, data in {
            "reserved-bit": zstd(DISK, flags=8),
            "size-less": zstd(DISK, flags=0x80, head=struct.pack("<I", len(DISK) - 1)),
            "size-more": zstd(DISK, flags=0x80, head=struct.pack("<I", len(DISK) + 1)),
            "checksum": zstd(DISK, flags=4, tail=b"\1\2\3\4"),
            "block-type": zstd(b"", blocks=[zstd_block(3, 4, b"\0" * 4)]),
            "block-too-large": zstd(b"", window=0, blocks=[zstd_block(1, 4096, b"\0")]),
            "block-content": zstd(b"", blocks=[zstd_block(2, 40, b"\xff" * 40)])}.items():
        yield refused("zstd-" + name, data, "corrupt", "frame 1")
    for at in (5, 1000, len(good) - 1):
        yield refused(f"zstd-cut-{at}", good[:at], "truncated", f"{at} bytes")
    yield refused("zstd-cut-checksum", zstd(DISK, flags=4), "truncated", "inside a frame")
    yield refused("zstd-cut-skippable", good + skip[:-1], "truncated", "inside a skippable frame")
    yield refused("zstd-nothing", zstd(b""), "empty", "hold no disk")
    yield refused("zstd-legacy-later", good + b"\x27\xb5\x2f\xfd" + good[4:], "trailing-data")
    yield from trailing("zstd", good)
    yield from lengths("zstd", zstd)


def cases():
    for family in (raw_cases, foreign_cases, polyglot_cases, lz4_cases, gzip_cases, bzip2_cases, xz_cases,
                   zstd_cases):
        yield from family()
