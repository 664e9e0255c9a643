#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""darkroom-read on a pipe that the test writes: helpers_read_test.py RUNNER READ [pytest options]."""

import hashlib
import os
import random
import subprocess
import sys

try:
    import pytest
except ImportError:
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fetchrun import Outcome, refused, whole  # noqa: E402

DATA = random.Random(1).randbytes(3_000_000)


def read(data, runner=(), **keys):
    """What darkroom-read makes of a pipe with these bytes."""
    order = "".join(f"{key}={value}\n" for key, value in
                    {"bytes": len(data), "max_bytes": 1 << 30, **keys}.items())
    from_here, to_there = os.pipe()
    feeder = os.fork()
    if feeder == 0:
        os.close(from_here)
        try:
            with os.fdopen(to_there, "wb") as out:
                out.write(data)
        except BrokenPipeError:
            pass
        os._exit(0)
    os.close(to_there)
    try:
        return Outcome(subprocess.run(
            ["bash", "-c", f'exec 7<&{from_here}; exec "$@"', "sh", os.environ["RUNNER"],
             os.environ["READ"], *map(str, runner)],
            input=order.encode(), capture_output=True, check=False, pass_fds=[from_here],
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}))
    finally:
        os.close(from_here)
        os.waitpid(feeder, 0)


@pytest.mark.parametrize("slots", [(4, 65536), (2, 4096), (8, 262144)])
def test_every_byte_comes_through_and_is_hashed(slots):
    outcome = read(DATA, slots)
    whole(outcome, DATA)
    assert outcome.find("begin")["total"] == str(len(DATA))
    assert "facts total=3000000 done=3000000 proven=1" in outcome.lines


def test_nothing_is_a_source_too():
    whole(read(b""), b"")


@pytest.mark.parametrize("kind", ["sha256", "sha512", "md5"])
def test_a_checksum_is_verified(kind):
    good = hashlib.new(kind, DATA).hexdigest()
    done = whole(read(DATA, checksum=f"{kind}:{good}"), DATA)
    assert done[kind] == good
    bad = read(DATA, checksum=f"{kind}:{'0' * len(good)}")
    assert good in refused(bad, "checksum-mismatch")["msg"]


def test_a_source_above_the_limit_is_refused_before_it_is_read():
    outcome = read(DATA, max_bytes=len(DATA) - 1)
    refused(outcome, "too-large")
    assert outcome.data == b"" and "begin" not in outcome.text


def test_a_source_that_ends_early_is_no_source():
    failure = read(DATA, bytes=len(DATA) + 1).failed
    assert failure["code"] == "io"


def test_what_comes_after_the_end_is_not_looked_at():
    whole(read(DATA + b"more", bytes=len(DATA)), DATA)


def test_a_reader_that_gives_up_ends_it():
    outcome = read(DATA, (2, 4096, 0, 3))
    assert outcome.status == 1 and outcome.find("fail")["code"] == "cancelled"


if __name__ == "__main__":
    os.environ["RUNNER"], os.environ["READ"] = sys.argv[1:3]
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider", *sys.argv[3:]]))
