#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Good qcow2 images of every kind that qemu-img makes decode to what qemu-img says they hold.

usage: test-format-qcow2-matrix.py QCOW2RAW

Every image is decoded in-process through a spool that is fed in pieces, and `qemu-img compare` is
the judge. Exit 77 without qemu-img or qemu-io."""

import concurrent.futures
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile

CLUSTERS = [512, 4096, 65536, 2097152]
SECTORS = [1, 3, 127, 2049, 100001]
# Reads of the stream into the spool: bytes at a time, threads of the crew, pause in microseconds.
FEEDS = [(0, 2, 0), (1009, 1, 0), (70001, 0, 0), (65536, 3, 200)]
TEXT = b"The quick brown fox jumps over the lazy dog. 0123456789\n"


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s\n%s" % (" ".join(argv), done.stdout.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def make_source(path, sectors):
    """Random bytes, text and, mostly, zeros; in runs of a sector up to some clusters."""
    rnd = random.Random(sectors)
    left = sectors
    with open(path, "wb") as f:
        while left > 0:
            n = min(left, rnd.choice([1, 2, 7, 8, 100, 128, 1000, 5000]))
            kind = rnd.choice("rtzz") if n < 1000 else rnd.choice("rtzzzzzz")
            if kind == "r":
                f.write(rnd.randbytes(n * 512))
            elif kind == "t":
                f.write((TEXT * (n * 10))[: n * 512])
            else:
                f.seek(n * 512, os.SEEK_CUR)
            left -= n
        f.truncate(sectors * 512)


def cases():
    """(cluster size, version, compression, variant)"""
    for cluster, version, compression in itertools.product(
        CLUSTERS, ["0.10", "1.1"], [None, "zlib", "zstd"]
    ):
        if compression == "zstd" and version == "0.10":
            continue
        for variant in ["plain", "snapshot", "zeros"]:
            yield cluster, version, compression, variant
        if compression is None:
            yield cluster, version, compression, "preallocated"
        if version == "1.1" and cluster >= 16384:
            for variant in ["extended", "extended-snapshot", "extended-zeros"]:
                yield cluster, version, compression, variant


def change_clusters(image, sectors, seed):
    """Zero clusters with and without a place, discards, and small writes on top."""
    rnd = random.Random(seed)
    commands = []
    for verb in ["write -z", "write -P 0x5a", "discard", "write -z -u", "write -P 0xa5"] * 2:
        start = rnd.randrange(sectors)
        count = min(sectors - start, rnd.choice([1, 3, 128, 700]))
        commands += ["-c", "%s %d %d" % (verb, start * 512, count * 512)]
    run("qemu-io", "-f", "qcow2", *commands, image)


def make_image(source, image, sectors, case, seed):
    cluster, version, compression, variant = case
    options = ["compat=" + version, "cluster_size=%d" % cluster]
    argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2"]
    if compression:
        argv += ["-c"]
        if version != "0.10":
            options += ["compression_type=" + compression]
    if variant.startswith("extended"):
        options += ["extended_l2=on"]
    if variant == "preallocated":
        options += ["preallocation=metadata"]
    run(*argv, "-o", ",".join(options), source, image)
    if variant.endswith("snapshot"):
        run("qemu-img", "snapshot", "-c", "before", image)
        change_clusters(image, sectors, seed)
        run("qemu-img", "snapshot", "-c", "between", image)
        change_clusters(image, sectors, seed + 1)
    if variant.endswith("zeros"):
        change_clusters(image, sectors, seed)


def check(tool, folder, sectors, case, number):
    image = os.path.join(folder, "%d.qcow2" % number)
    raw = os.path.join(folder, "%d.raw" % number)
    feed = FEEDS[number % len(FEEDS)]
    try:
        make_image(os.path.join(folder, "source-%d" % sectors), image, sectors, case, number)
        said = run(tool, image, raw, *(str(n) for n in feed))
        run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, raw)
        if os.path.getsize(raw) != sectors * 512:
            raise RuntimeError("the disk has %d bytes" % os.path.getsize(raw))
        if ("snapshots-ignored: 2 " in said) != case[3].endswith("snapshot"):
            raise RuntimeError("warnings: %r" % said)
    finally:
        for path in (image, raw):
            if os.path.exists(path):
                os.unlink(path)


def main():
    tool = sys.argv[1]
    failed = 0
    if not shutil.which("qemu-img") or not shutil.which("qemu-io"):
        print("qemu-img or qemu-io is missing")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        for sectors in SECTORS:
            make_source(os.path.join(folder, "source-%d" % sectors), sectors)
        jobs = []
        for number, case in enumerate(cases()):
            # Many small clusters take qemu long to write.
            sizes = SECTORS if case[0] >= 65536 else SECTORS[:-1]
            jobs += [(sizes[(number + k) % len(sizes)], case) for k in range(3)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {
                pool.submit(check, tool, folder, sectors, case, number): (sectors, case)
                for number, (sectors, case) in enumerate(jobs)
            }
            for job in concurrent.futures.as_completed(running):
                if job.exception():
                    failed += 1
                    print("FAILED: %s: %s" % (running[job], job.exception()))
    print("%d combinations, %d failed" % (len(jobs), failed))
    return 1 if failed or len(jobs) < 150 else 0


if __name__ == "__main__":
    sys.exit(main())
