# SPDX-License-Identifier: Apache-2.0
"""qcow2 images, each right but for one field, and what an import must say about them (see
hostile.py). The fields are those of qemu's docs/interop/qcow2.txt."""
import gzip
import random
import struct
import zlib

from hostile import CAP, DISK, MIB, SECTOR, accepted, foreign_disks, put, refused, zstd, zstd_block

FIELDS = {  # name: (offset, bytes)
    "version": (4, 4), "backing_offset": (8, 8), "backing_size": (16, 4), "cluster_bits": (20, 4), "size": (24, 8),
    "crypt_method": (32, 4), "l1_size": (36, 4), "l1_offset": (40, 8), "refcount_offset": (48, 8),
    "refcount_clusters": (56, 4), "snapshots": (60, 4), "snapshots_offset": (64, 8), "incompatible": (72, 8),
    "compatible": (80, 8), "autoclear": (88, 8), "refcount_order": (96, 4), "header_length": (100, 4),
    "compression": (104, 1)}
COPIED, PACKED = 1 << 63, 1 << 62
SECRET = b"/etc/shadow"  # must never be said


class Image:
    """A good image. Host clusters: header, refcount table, L1 table, L2 table, the disk's clusters in
    order. `edit`, `l1`, `l2`, `extension` and `append` damage it; bytes(image) is the file."""

    def __init__(self, version=3, bits=9, disk=DISK, extended=False, zstd_type=False):
        self.cluster = 1 << bits
        self.entry = 16 if extended else 8
        self.disk = disk
        self.guests = -(-len(disk) // self.cluster)
        self.data = bytearray(4 * self.cluster) + disk
        self.data += bytes(-len(disk) % self.cluster)
        self.data[0:4] = b"QFI\xfb"
        self.edit(version=version, cluster_bits=bits, size=len(disk), l1_size=1, l1_offset=2 * self.cluster,
                  refcount_offset=self.cluster, refcount_clusters=1)
        self.extensions = 112
        if version == 3:
            self.edit(refcount_order=4, header_length=112, compression=int(zstd_type),
                      incompatible=(16 if extended else 0) | (8 if zstd_type else 0))
        self.l1(0, COPIED | 3 * self.cluster)
        for i in range(self.guests):
            self.l2(i, COPIED | self.host(i))
            if extended:
                self.bitmap(i, 2 ** -(-min(self.cluster, len(disk)) // (self.cluster // 32)) - 1)

    def host(self, guest):
        return (4 + guest) * self.cluster

    def write(self, at, width, value):
        self.data[at:at + width] = (value % 256**width).to_bytes(width, "big")
        return self

    def edit(self, **fields):
        for name, value in fields.items():
            self.write(*FIELDS[name], value)
        return self

    def l1(self, index, entry):
        return self.write(2 * self.cluster + 8 * index, 8, entry)

    def l2(self, guest, entry):
        return self.write(3 * self.cluster + self.entry * guest, 8, entry)

    def bitmap(self, guest, bits):
        return self.write(3 * self.cluster + 16 * guest + 8, 8, bits)

    def extension(self, kind, data=b"", length=None):
        head = struct.pack(">II", kind, len(data) if length is None else length)
        body = data + bytes(-len(data) % 8)
        self.data[self.extensions:self.extensions + 8 + len(body)] = head + body
        self.extensions += 8 + len(body)
        return self

    def append(self, data):
        """A further host cluster or several; where they are."""
        at = len(self.data)
        self.data += data + bytes(-len(data) % self.cluster)
        return at

    def packed(self, guest, at, length):
        """The cluster is the compressed stream there."""
        bits = 62 - (self.cluster.bit_length() - 1 - 8)
        sectors = (at + length - 1) // SECTOR - at // SECTOR
        assert sectors < self.cluster >> 8
        return self.l2(guest, PACKED | sectors << bits | at)

    def __bytes__(self):
        return bytes(self.data)


def deflate(data, window=12):
    packer = zlib.compressobj(9, zlib.DEFLATED, -window)
    return packer.compress(data) + packer.flush()


def no(name, image, code, *says, **more):
    return refused("qcow2-" + name, bytes(image), code, *says, **more)


def yes(name, image, *warns, disk=None, **more):
    disk = image.disk if disk is None and isinstance(image, Image) else disk
    return accepted("qcow2-" + name, bytes(image), disk, *warns, **more)


# ---- the header ----

def named(image, at=256):
    """With the name of a file that must not be opened, or said."""
    image.data[at:at + len(SECRET)] = SECRET
    return image


def header_refusals():
    """(name, fields, code, words)"""
    file = len(Image().data)
    beyond = file + 512 - file % 512
    wrap = 2**64 - 512
    yield "version-1", {"version": 1}, "format-qcow1", "old qcow image (version 1); convert to qcow2"
    yield "version-4", {"version": 4}, "qcow2-version", "versions 2 and 3"
    yield "backing", {"backing_offset": 256, "backing_size": 11}, "qcow2-backing", "backing file"
    yield "backing-empty", {"backing_offset": 256}, "qcow2-backing", "depends on another file"
    yield "backing-huge", {"backing_offset": wrap, "backing_size": 2**32 - 1}, "qcow2-backing", "flatten it"
    for bits in (0, 8, 22, 32, 63, 64, 2**32 - 1):
        yield f"cluster-bits-{bits}", {"cluster_bits": bits}, "qcow2-cluster-size", f"cluster_bits is {bits};"
    for method in (1, 2, 3, 2**32 - 1):
        yield f"crypt-{method}", {"crypt_method": method}, "qcow2-encrypted", f"method {method}"
    yield "size-0", {"size": 0}, "empty", "the disk in the image is empty"
    for size in (1, 513, 8191):
        yield f"size-{size}", {"size": size}, "not-whole-sectors", f"a disk of {size} bytes"
    for name, size in {"over-the-cap": 2**41 + 512, "63": 2**63, "64": 2**64 - 1, "64-512": 2**64 - 512}.items():
        yield f"size-{name}", {"size": size}, "too-large", f"virtual size {size}, allowed {2**41}"
    yield "l1-entries", {"l1_size": 2**22 + 1}, "qcow2-l1", "4194305 entries", "4194304 are allowed"
    yield "l1-entries-31", {"l1_size": 2**31 - 1}, "qcow2-l1", "2147483647 entries"
    yield "l1-entries-32", {"l1_size": 2**32 - 1}, "qcow2-l1", "4294967295 entries"
    yield "l1-entries-none", {"l1_size": 0}, "qcow2-l1", "0 entries; the disk needs 1"
    yield "l1-entries-few", {"size": 2**15 * 3}, "qcow2-l1", "1 entries; the disk needs 3"
    yield "l1-past-the-end", {"l1_size": 2**20}, "qcow2-l1", "beyond the end of the file"
    yield "l1-unaligned", {"l1_offset": 1032}, "qcow2-l1", "cannot be at byte 1032"
    yield "l1-nowhere", {"l1_offset": 0}, "qcow2-l1", "cannot be at byte 0"
    yield "l1-outside", {"l1_offset": beyond}, "qcow2-l1", "beyond the end of the file"
    yield "l1-wraps", {"l1_offset": wrap, "l1_size": 4096}, "qcow2-l1", f"cannot be at byte {wrap}"
    yield "refcounts-unaligned", {"refcount_offset": 520}, "qcow2-refcounts", "cannot be at byte 520"
    yield "refcounts-nowhere", {"refcount_offset": 0}, "qcow2-refcounts", "cannot be at byte 0"
    yield "refcounts-outside", {"refcount_offset": beyond}, "qcow2-refcounts", "beyond the end of the file"
    yield "refcounts-wrap", {"refcount_offset": wrap, "refcount_clusters": 2}, "qcow2-refcounts", f"at byte {wrap}"
    yield "refcounts-none", {"refcount_clusters": 0}, "qcow2-refcounts", "table of 0 clusters"
    yield "refcounts-long", {"refcount_clusters": 16385}, "qcow2-refcounts", "table of 16385 clusters"
    yield "refcounts-order", {"refcount_order": 7}, "qcow2-refcounts", "refcount_order is 7"
    yield "refcounts-order-huge", {"refcount_order": 2**32 - 1}, "qcow2-refcounts", "refcount_order is 4294967295"
    yield "snapshots-many", {"snapshots": 65537, "snapshots_offset": 4096}, "qcow2-snapshots", "65537 internal"
    yield "snapshots-unaligned", {"snapshots": 1, "snapshots_offset": 4097}, "qcow2-snapshots", "at byte 4097"
    yield "snapshots-nowhere", {"snapshots": 1}, "qcow2-snapshots", "cannot be at byte 0"
    yield "snapshots-outside", {"snapshots": 1, "snapshots_offset": beyond}, "qcow2-snapshots", "beyond the end"
    yield "snapshots-wrap", {"snapshots": 65536, "snapshots_offset": wrap}, "qcow2-snapshots", f"at byte {wrap}"
    for length in (0, 96, 105, 520, 2**32 - 1):
        yield f"header-length-{length}", {"header_length": length}, "qcow2-header", f"a header of {length} bytes"
    yield "autoclear-data-file", {"autoclear": 2}, "qcow2-data-file", "its data in another file"
    yield "bit-corrupt", {"incompatible": 2}, "qcow2-corrupt", "marked as corrupt"
    yield "bit-data-file", {"incompatible": 4}, "qcow2-data-file", "its data in another file"
    for bit in (5, 6, 31, 32, 62, 63):
        yield f"bit-{bit}", {"incompatible": 1 << bit}, "qcow2-feature", f"does not know (bit {bit})"
    yield "compression-0", {"incompatible": 8}, "qcow2-compression", "type 0 with its feature bit"
    yield "compression-1", {"compression": 1}, "qcow2-compression", "type 1 without its feature bit"
    for kind in (2, 255):
        yield f"compression-{kind}", {"incompatible": 8, "compression": kind}, "qcow2-compression", f"type {kind} with"
    yield "compression-absent", {"incompatible": 8, "header_length": 104}, "qcow2-compression", "type 0 with"
    yield "small-extended", {"incompatible": 16}, "qcow2-cluster-size", "need clusters of 16 KiB; these have 512 bytes"


def header_cases():
    for name, fields, code, *words in header_refusals():
        yield no(name, named(Image()).edit(**fields), code, *words)
    for version, length in ((2, 72), (3, 104)):
        # A file of less than a sector is too short to be anything.
        yield no(f"v{version}-cut-header", bytes(Image(version))[:length - 1], "truncated")
    yield no("cut-extensions", bytes(Image(bits=16))[:1024].rstrip(b"\0").ljust(104, b"\0"), "truncated")
    for name, fields in {"l1-spare": {"l1_size": 64}, "compatible-bits": {"compatible": 2**64 - 1},
                         "autoclear-bits": {"autoclear": 2**64 - 1 - 2}, "autoclear-bitmaps": {"autoclear": 1},
                         "refcount-width-1": {"refcount_order": 0}, "refcount-width-64": {"refcount_order": 6}}.items():
        yield yes(name, Image().edit(**fields))
    yield yes("l1-spare-nonsense", Image().edit(l1_size=64).l1(1, 2**64 - 1))
    yield yes("v2", Image(version=2))
    yield yes("v2-nonsense-behind", put(bytes(Image(version=2)), 72, b"\xff" * 440), disk=DISK)
    yield yes("dirty", Image().edit(incompatible=1), "qcow2-dirty")
    refcounts = Image()
    refcounts.data[512:1024] = b"\xff" * 512
    yield yes("refcounts-nonsense", refcounts)
    several = Image()
    yield yes("snapshots", several.edit(snapshots_offset=several.append(b"\xff" * 512), snapshots=3),
              "snapshots-ignored")
    yield yes("short-header", Image().edit(header_length=104))
    yield yes("long-header", Image().edit(header_length=512))
    yield yes("largest-clusters", Image(bits=21))
    yield yes("not-whole-clusters", Image(disk=DISK[:-512], bits=12), "partition-beyond-end")


def extension_cases():
    yield no("extension-data-file", Image().extension(0x44415441, SECRET), "qcow2-data-file", "names another file")
    yield no("extension-encryption", Image().extension(0x0537BE77, bytes(16)), "qcow2-encrypted", "encryption header")
    yield no("extension-long", Image().extension(0x6803F857, length=512), "qcow2-header", "past the first cluster")
    yield no("extension-endless", Image().extension(0x6803F857, length=2**32 - 1), "qcow2-header", "first cluster")
    many = Image(bits=12)
    for _ in range(65):
        many.extension(0x12345678)
    yield no("extension-65", many, "qcow2-header", "more than 64 header extensions")
    fine = Image().extension(0x6803F857, b"names").extension(0x23852875, bytes(24)).extension(0xE2792ACA, b"raw")
    yield yes("extensions", fine.extension(0x12345678, b"unknown").extension(0).extension(0x44415441, SECRET))
    full = Image(bits=12)
    for _ in range(64):
        full.extension(0x12345678)
    yield yes("extension-64", full.extension(0))
    to_the_end = Image()
    yield yes("extension-to-the-end", to_the_end.extension(0x12345678, bytes(512 - 112 - 8)))


# ---- the mapping tables ----

def mapping_cases():
    for bit in (0, 8, 56, 62):
        yield no(f"l1-reserved-{bit}", Image().l1(0, COPIED | 1536 | 1 << bit), "qcow2-l1", "entry 0 has reserved bits")
    yield no("l1-entry-unaligned", Image(bits=12).l1(0, COPIED | 3 * 4096 + 512), "qcow2-l1", "L1 entry 0 is not aligned")
    yield no("l1-entry-copied", Image().l1(0, COPIED), "qcow2-l1", "L1 entry 0 contradicts itself")
    yield no("l1-entry-outside", Image().l1(0, 2**20), "truncated", "L2 table 0 lies beyond the end of the file")
    yield no("l1-entry-half-outside", bytes(Image(bits=12).l1(0, 6 * 4096))[:6 * 4096 + 100], "truncated", "L2 table 0")
    yield no("l1-entry-far", Image().l1(0, (2**56 - 1) & ~511), "truncated", "L2 table 0", "beyond the end")
    for name, at in {"header": 0, "refcounts": 512, "l1": 1024}.items():
        image = Image(disk=bytes(2**15 + 512)).edit(l1_size=2).l1(1, 1536 if at == 0 else at)
        yield no(f"l1-entry-on-{'l2' if at == 0 else name}", image, "qcow2-overlap", "L2 table 1", "used twice")
    taken = Image()
    taken.edit(snapshots_offset=taken.append(bytes(512)), snapshots=1).l1(0, len(taken.data) - 512)
    yield no("l1-entry-on-snapshots", taken, "qcow2-overlap", "L2 table 0", "used twice")
    yield no("tables-overlap", Image().edit(refcount_offset=1024), "qcow2-overlap", "refcount table", "byte 1024")
    yield no("l1-on-the-header", Image().edit(l1_offset=512, refcount_offset=512), "qcow2-overlap", "byte 512")
    yield yes("l1-entry-0", Image(disk=bytes(8192)).l1(0, 0), "no-boot-record")
    yield yes("l1-not-copied", Image().l1(0, 3 * 512))

    for bit in (1, 8, 56, 61):
        image = Image(bits=12).l2(1, COPIED | 5 * 4096 | 1 << bit)
        yield no(f"l2-reserved-{bit}", image, "qcow2-l2", "cluster 1 has reserved bits set")
    yield no("l2-unaligned", Image(bits=12).l2(1, COPIED | 5 * 4096 + 512), "qcow2-l2", "cluster 1 is not aligned")
    yield no("l2-copied-nowhere", Image().l2(5, COPIED), "qcow2-l2", "cluster 5 contradicts itself")
    yield no("l2-zero-v2", Image(version=2).l2(5, 1), "qcow2-l2", "cluster 5", "version 2")
    yield no("l2-zero-unaligned", Image(bits=12).l2(1, 5 * 4096 + 512 | 1), "qcow2-l2", "cluster 1 is not aligned")
    hole = put(DISK, 5 * 512, bytes(512))
    for name, entry in {"0": 0, "zero": 1, "zero-allocated": COPIED | 9 * 512 | 1, "zero-copied": COPIED | 1,
                        "zero-far": 2**40 | 1}.items():
        yield yes(f"l2-{name}", Image().l2(5, entry), disk=hole)
    yield yes("l2-not-copied", Image().l2(5, 9 * 512))
    file = len(Image().data)
    yield no("l2-outside", Image().l2(5, COPIED | file), "truncated", "cluster 5 lies beyond the end of the file")
    yield no("l2-far", Image().l2(5, (2**56 - 1) & ~511), "truncated", "cluster 5", "beyond the end of the file")
    yield no("l2-cut", bytes(Image())[:-1], "truncated", "cluster 15 lies beyond the end of the file")
    # Nobody needs what of the last cluster lies behind the disk's end.
    short = Image(disk=DISK[:-512], bits=12)
    yield yes("l2-needed-only", bytes(short)[:-512], "partition-beyond-end", disk=short.disk)
    yield no("l2-needed-cut", bytes(short)[:-513], "truncated", "cluster 1 lies beyond the end")
    yield yes("bytes-behind", bytes(Image()) + b"x" * 777, disk=DISK)
    same = Image().l2(6, COPIED | 9 * 512)
    yield no("l2-same-cluster", same, "qcow2-overlap", "cluster 6", "byte 4608", "used twice")
    for name, at in {"refcounts": 512, "l1": 1024, "l2": 1536}.items():
        yield no(f"l2-on-{name}", Image().l2(6, COPIED | at), "qcow2-overlap", "cluster 6", f"byte {at}")
    reserved = Image().l2(5, COPIED | 9 * 512 | 1).l2(6, COPIED | 9 * 512)
    yield no("l2-on-reserved-zeros", reserved, "qcow2-overlap", "cluster 6", "byte 4608")


def small_disk(total):
    return random.Random(7).randbytes(64) * (total // 64)


def packed_cases():
    disk = DISK[:512] + small_disk(len(DISK) - 512)
    stream = deflate(disk[5 * 512:6 * 512])

    def image(stream=stream, guests=(5,), **options):
        made = Image(disk=disk, **options)
        at = made.append(stream)
        for guest in guests:
            made.packed(guest, at, len(stream))
        return made, at
    made, at = image()
    yield yes("packed", made)
    yield yes("packed-window-15", image(deflate(disk[2560:3072], 15))[0])
    yield yes("packed-more-than-a-cluster", image(deflate(disk[2560:3072] + b"more" * 100))[0])
    yield yes("packed-v2", image(version=2)[0])
    same = Image(disk=put(disk, 6 * 512, disk[2560:3072]))
    at = same.append(stream * 2)
    yield yes("packed-share-a-sector", same.packed(5, at, len(stream)).packed(6, at + len(stream), len(stream)))
    made, at = image()
    # One sector more than the file has: the stream is all there.
    yield yes("packed-count-past-the-end", made.packed(5, at, 1024))
    yield no("packed-damaged", image(b"\xff" * 100)[0], "corrupt", "compressed cluster 5", "damaged")
    yield no("packed-short", image(deflate(disk[:511]))[0], "corrupt", "compressed cluster 5", "less than a cluster")
    cut, at = image()
    yield no("packed-cut", bytes(cut)[:at + 20], "corrupt", "compressed cluster 5")
    yield no("packed-outside", image()[0].packed(5, len(cut.data), 100), "truncated", "cluster 5", "beyond the end")
    yield no("packed-far", image()[0].packed(5, 2**55, 100), "truncated", "compressed cluster 5", "beyond the end")
    for name, place in {"header": 0, "refcounts": 512 + 7, "l1": 1024, "l2": 1536, "data": 6 * 512}.items():
        yield no(f"packed-on-{name}", image()[0].packed(5, place, 100), "qcow2-overlap", "compressed cluster 5")
    into = Image(disk=disk)
    long = deflate(random.Random(3).randbytes(512))
    into.data[3 * 512 - 100:3 * 512] = long[:100]
    tail = into.append(random.Random(4).randbytes(412) + long[:100])
    into.append(long[100:])
    into.l2(6, COPIED | tail + 512).packed(5, tail + 412, len(long))
    yield no("packed-runs-into-data", into, "qcow2-overlap", "used twice")
    yield no("packed-reserved", image()[0].l2(5, PACKED | 1 << 57 | at), "qcow2-l2", "cluster 5 has reserved bits set")

    def zimage(stream):
        return image(stream, zstd_type=True)[0]
    part = disk[2560:3072]
    yield yes("zstd", zimage(zstd(part)))
    yield yes("zstd-two-frames", zimage(zstd(part[:100]) + zstd(part[100:])))
    yield yes("zstd-more-than-a-cluster", zimage(zstd(part + bytes(400))))
    yield no("zstd-short", zimage(zstd(part[:100])), "corrupt", "compressed cluster 5")
    yield no("zstd-deflate", zimage(deflate(part)), "corrupt", "compressed cluster 5")
    yield no("zstd-window", zimage(zstd(part, window=18 << 3)), "needs-memory", "compressed cluster 5", "128 MiB")


def extended_cases():
    def image():
        return Image(bits=14, extended=True)
    half = DISK[:4096] + bytes(4096)
    yield yes("extended", image())
    yield yes("extended-zeros", image().bitmap(0, 0xFF00 << 32 | 0xFF), disk=half)
    yield yes("extended-unallocated", image().bitmap(0, 0xFF), disk=half)
    yield yes("extended-needed-only", bytes(image().bitmap(0, 0xFF))[:4 * 16384 + 4096], disk=half)
    yield no("extended-needed-cut", bytes(image())[:4 * 16384 + 8191], "truncated", "cluster 0 lies beyond the end")
    for name, made, words in [
            ("both", image().bitmap(0, 1 << 32 | 0xFFFF), "with data that is also zero"),
            ("nowhere", image().l2(0, 0), "in use, but nowhere"),
            ("zero-flag", image().l2(0, COPIED | 4 * 16384 | 1), "zero flag of standard entries"),
            ("packed-bitmap", image().l2(0, PACKED | 4 * 16384), "compressed and has a subcluster bitmap")]:
        yield no("extended-" + name, made, "qcow2-l2", "cluster 0", words)


# ---- bombs, layers, and what comes out ----

def shared_table():
    """384 KiB that would read as 512 GiB: every L1 entry leads to the same L2 table."""
    image = Image(bits=16, disk=bytes(65536)).edit(size=2**39, l1_size=1024)
    for i in range(1024):
        image.l1(i, COPIED | 3 * 65536)
    image.append(b"x" * 65536)
    return image


def shared_cluster():
    image = Image(bits=16, disk=bytes(65536)).edit(size=2**29)
    for i in range(8192):
        image.l2(i, COPIED | 4 * 65536)
    return image


def bomb_cases():
    assert len(bytes(shared_table())) == 384 << 10
    yield no("bomb-shared-table", shared_table(), "qcow2-overlap", "L2 table 1", "used twice")
    yield no("bomb-shared-cluster", shared_cluster(), "qcow2-overlap", "cluster 1", "used twice")
    nothing = Image(bits=16, disk=b"").edit(size=2**41, l1_size=4096).l1(0, 0)
    yield yes("2-TiB-of-nothing", nothing, "no-boot-record", disk=2**41)
    tiny = Image(disk=b"").edit(size=2**37, l1_size=2**22).l1(0, 0)
    tiny.data[1024:] = bytes(2**25)
    yield yes("largest-of-512-byte-clusters", tiny, "no-boot-record", disk=2**37)
    tiny.edit(size=2**37 + 512)
    yield no("over-the-largest-of-512-byte-clusters", tiny, "qcow2-l1", "the disk needs 4194305")
    zeros = Image(bits=16, disk=bytes(65536 * 512))
    zeros.data[4 * 65536:] = b""
    for i in range(512):
        stream = deflate(bytes(65536))
        at = len(zeros.data)
        zeros.data += stream
        zeros.packed(i, at, len(stream))
    yield yes("packed-zeros", zeros, "no-boot-record", disk=2**25)
    yield no("over-the-cap", Image(disk=bytes(CAP + 512)), "too-large", f"virtual size {CAP + 512}, allowed {CAP}",
             cap=True)
    yield yes("at-the-cap", Image(bits=12, disk=bytes(CAP)), "no-boot-record", cap=True)


def layer_cases():
    yield yes("without-length", Image(), faults={"framing": "close"})
    yield accepted("gzip-of-qcow2", gzip.compress(bytes(Image())), DISK)
    yield accepted("zstd-of-qcow2", zstd(bytes(Image())), DISK)
    yield refused("gzip-of-cut-qcow2", gzip.compress(bytes(Image())[:-1]), "truncated", "cluster 15")
    yield refused("cut-gzip-of-qcow2", gzip.compress(bytes(Image()))[:-1], "truncated", "gzip data ends")
    packed = gzip.compress(bytes(Image()))
    yield refused("gzip-of-qcow2-crc", put(packed, len(packed) - 8, b"wron"), "corrupt", "CRC of member 1")
    backed = named(Image()).edit(backing_offset=256)
    yield refused("gzip-of-backed-qcow2", gzip.compress(bytes(backed)), "qcow2-backing", "another file")
    yield refused("gzip-of-gzip-of-qcow2", gzip.compress(gzip.compress(bytes(Image()))), "nested-compression", "gzip")
    yield no("of-qcow2", Image(bits=12, disk=bytes(Image(bits=12))), "nested-image", "itself a qcow2 image")
    for name, disk, code, words in foreign_disks():
        yield no("of-" + name, Image(bits=16, disk=disk), code, *words)
    polyglot = put(put(bytes(80 << 10), 0, b"KDMV"), 0x8000, b"\1CD001\1")
    yield no("of-polyglot", Image(bits=16, disk=polyglot), "ambiguous-format", "VMDK", "optical-disc", "at once")
    for name, words, end in (("vhd", "fixed VHD", b"conectix"), ("dmg", "DMG", b"koly")):
        yield no(f"then-{name}", bytes(Image()) + end.ljust(512, b"\0"), "ambiguous-format", "qcow2", words, "at once")


def cases():
    for family in (header_cases, extension_cases, mapping_cases, packed_cases, extended_cases, bomb_cases,
                   layer_cases):
        yield from family()
