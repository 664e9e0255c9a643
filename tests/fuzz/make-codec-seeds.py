#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz-codec and fuzz-detect: tests/data/fuzz/{codec,detect}/.

Needs the lz4 and zstd commands. Finds of the fuzzers are kept beside the seeds by hand."""
import bz2
import gzip
import io
import lzma
import pathlib
import struct
import subprocess

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "fuzz"
LZ4, XZ, GZIP, ZSTD, BZIP2, SKIPPABLE = range(6)
DISK = bytes(512) + b"GRUB Geom Hard Disk Read Error\0" * 16 + bytes(range(256)) * 2


def tool(*args, data=DISK):
    return subprocess.run(args, input=data, stdout=subprocess.PIPE, check=True).stdout


def gz(data):
    out = io.BytesIO()
    with gzip.GzipFile("name", "wb", 9, out, 0) as f:
        f.write(data)
    return out.getvalue()


def skippable(data):
    return struct.pack("<II", 0x184D2A53, len(data)) + data


def codec_seeds():
    lz4 = tool("lz4", "-q", "-c", "-B4", "-BX")
    zstd = tool("zstd", "-q", "-c", "--check")
    xz = lzma.compress(DISK, lzma.FORMAT_XZ, lzma.CHECK_CRC32, 0)
    delta = [{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    yield LZ4, "independent", lz4
    yield LZ4, "linked", tool("lz4", "-q", "-c", "-B4", "-BD")
    yield LZ4, "legacy", tool("lz4", "-q", "-c", "-l")
    yield LZ4, "two-and-skippable", lz4 + skippable(b"note") + lz4
    yield LZ4, "cut", lz4[:-3]
    yield XZ, "one", xz
    yield XZ, "blocks", tool("xz", "-q", "-c", "-0", "-T2", "--block-size=512")
    yield XZ, "filters", lzma.compress(DISK, lzma.FORMAT_XZ, lzma.CHECK_SHA256, None, delta)
    yield XZ, "two-and-padding", xz + bytes(8) + xz + bytes(4)
    yield GZIP, "one", gz(DISK)
    yield GZIP, "two-and-zeros", gz(DISK) + gz(b"") + bytes(100)
    yield ZSTD, "one", zstd
    yield ZSTD, "streamed", tool("zstd", "-q", "-c", "--no-content-size", "-19")
    yield ZSTD, "two-and-skippable", zstd + skippable(bytes(40)) + zstd
    yield BZIP2, "one", bz2.compress(DISK, 1)
    yield BZIP2, "two", bz2.compress(DISK, 9) + bz2.compress(b"", 9)
    yield SKIPPABLE, "lz4", skippable(b"x") + lz4
    yield SKIPPABLE, "zstd", skippable(b"") + skippable(b"y") + zstd
    # Without checksums what is mutated is also accepted.
    yield LZ4, "no-sums", tool("lz4", "-q", "-c", "-B4", "-BD", "--no-frame-crc")
    yield LZ4, "small-blocks", tool("lz4", "-q", "-c", "-B4", "-BI", "--no-frame-crc", data=DISK * 150)
    yield LZ4, "legacy-blocks", tool("lz4", "-q", "-c", "-l", data=bytes(8 << 20) + DISK)
    yield XZ, "no-check", lzma.compress(DISK, lzma.FORMAT_XZ, lzma.CHECK_NONE, 0)
    yield XZ, "bcj", lzma.compress(DISK, lzma.FORMAT_XZ, lzma.CHECK_NONE, None,
                                   [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 0}])
    yield XZ, "blocks-no-check", tool("xz", "-q", "-c", "-0", "-C", "none", "-T2", "--block-size=512")
    yield ZSTD, "no-check", tool("zstd", "-q", "-c", "--no-check")
    yield ZSTD, "long-no-check", tool("zstd", "-q", "-c", "--no-check", "-B1KB", data=DISK * 40)


def detect_seeds():
    mbr = bytearray(1024)
    mbr[446:462] = bytes([128, 0, 0, 0, 0x83, 0, 0, 0]) + struct.pack("<II", 1, 100)
    mbr[510:512] = b"\x55\xaa"
    gpt = bytearray(2048)
    gpt[450] = 0xEE
    gpt[510:520] = b"\x55\xaaEFI PART"
    gpt[512 + 72:512 + 88] = struct.pack("<QII", 2, 4, 128)
    gpt[1024:1072] = b"\1" * 32 + struct.pack("<QQ", 34, 2 ** 40)
    iso = bytes(0x8001) + b"CD001" + bytes(100)
    yield "mbr", mbr
    yield "gpt", gpt
    yield "fat", b"\xeb\x3c\x90MSDOS5.0\0\2\4" + bytes(7) + b"\xf8" + bytes(488) + b"\x55\xaa"
    yield "iso", iso
    yield "qcow2", b"QFI\xfb\0\0\0\3" + bytes(504)
    yield "vdi-in-gzip", b"\x1f\x8b\x08" + bytes(61) + b"\x7f\x10\xda\xbe" + bytes(100)
    yield "vmdk-text", b"# x\n \nversion=1\n"
    yield "vhd-footer", bytes(1024) + b"conectix" + bytes(504)
    yield "page", b" \r\n<!DOCTYPE html>"
    yield "lzma", b"\x5d\0\0\x80\0" + b"\xff" * 8 + bytes(10)
    yield "cpio", b"\xc7\x71" + bytes(18) + b"\2\0\0\0\0\0a\0" + bytes(500)
    yield "skippable", skippable(b"abc") * 3 + b"\x28\xb5\x2f\xfd"
    yield "short", b"BZh9\x31"


def main():
    names = ["lz4", "xz", "gzip", "zstd", "bzip2", "skippable"]
    for d in ("codec", "detect"):
        (DATA / d).mkdir(parents=True, exist_ok=True)
    for i, (kind, name, data) in enumerate(codec_seeds()):
        how = kind | (i & 3) << 3 | (i >> 1 & 3) << 5 | (i & 1) << 7
        (DATA / "codec" / f"{names[kind]}-{name}").write_bytes(bytes([how]) + data)
    for i, (name, data) in enumerate(detect_seeds()):
        (DATA / "detect" / name).write_bytes(bytes([i % 16]) + bytes(data))


main()
