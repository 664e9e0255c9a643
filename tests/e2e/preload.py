# SPDX-License-Identifier: Apache-2.0
"""Faults for a daemon, through tests/preload; and what must be true after every one of them."""
import contextlib
import hashlib
import itertools
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import Daemon, ROOT, wait_for

PRELOAD = ROOT / "tests/preload"
sys.path.insert(0, str(PRELOAD))


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory):
    """As tmp_path_factory, where syncs cost nothing: on a real disk these tests would wait for
    little else."""
    memory = pathlib.Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 1 << 30:
        yield tmp_path_factory
        return
    made = pathlib.Path(tempfile.mkdtemp(prefix="darkroom-", dir=memory))
    numbers = itertools.count()

    class Memory:
        @staticmethod
        def mktemp(name):
            directory = made / f"{name}{next(numbers)}"
            directory.mkdir()
            return directory
    yield Memory
    shutil.rmtree(made)


@pytest.fixture
def tmp_path(in_memory):
    made = in_memory.mktemp("test")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    """The library; see tests/preload/preload.h."""
    if os.environ.get("DARKROOM_SANITIZED"):
        pytest.skip("the sanitizers want to be the first library themselves")
    if not shutil.which("cc"):
        pytest.skip("no cc here")
    library = tmp_path_factory.mktemp("preload") / "preload.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                    "-o", library, *sorted(PRELOAD.glob("*.c"))], check=True)
    return library


@contextlib.contextmanager
def environment(**values):
    """The environment of what is started inside."""
    before = dict(os.environ)
    os.environ.update({k: str(v) for k, v in values.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def faulty(preload, tmp_path):
    """faulty(*rules, settings=(), **DR_variables): a started daemon under faults, with `armed`, the
    file without which nothing happens. When it is started again, it is without them."""
    made = []

    def make(*rules, settings=(), daemon=None, **variables):
        if daemon is None:
            where = tmp_path / f"faulty{len(made)}"
            where.mkdir()
            daemon = Daemon(where, *settings)
        daemon.armed = daemon.directory / "armed"
        daemon.faults = {"LD_PRELOAD": preload, "DR_ARM": daemon.armed, **variables}
        if rules:
            daemon.faults["DR_FAULTS"] = ";".join(rules)
        made.append(daemon)
        with environment(**daemon.faults):
            daemon.start()
        return daemon
    yield make
    for one in made:
        if one.process:
            one.kill()


def died(daemon):
    """The daemon has killed itself."""
    assert daemon.process.wait(timeout=60) == -9
    daemon.process.stdout.close()
    daemon.process = None


def raw_of(api, image):
    answer = api.daemon.request("GET", f"/v1/{image['owner']}/images/{image['id']}?format=raw",
                                headers={"X-Auth-Token": api.token})
    assert answer.status == 200, answer
    return answer.body


def rows(daemon, sql):
    with contextlib.closing(sqlite3.connect(daemon.data / "catalogue.sqlite", timeout=30)) as db:
        return db.execute(sql).fetchall()


def files(directory):
    return [p for p in directory.rglob("*") if p.is_file()]


def check(daemon, full=True):
    return daemon.admin("store", "check", *["--full"] * full)


def collect(daemon):
    def collected():
        with contextlib.suppress(subprocess.CalledProcessError):  # the server is at it just now
            return daemon.admin("store", "collect", "--now")
    return wait_for(collected)


def collect_everything(daemon):
    """As collections do it in the course of time: leases end in one and are forgotten by the next,
    and what a dead writer has left half done goes after an hour."""
    long_ago = time.time() - 7200
    for path in files(daemon.data / "store/tmp"):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, (long_ago, long_ago))
    collect(daemon)
    return collect(daemon)


def all_is_well(daemon, api, disks):
    """The general promise of hardening.md section 4, when nothing is being imported any more.
       disks  {image id: SHA-256 of the disk} of what has been shown as available"""
    images = {i["id"]: i for i in api.get("/1.0/images")}
    for image, digest in disks.items():
        assert images[image]["status"] == "available", images[image]
        assert hashlib.sha256(raw_of(api, images[image])).hexdigest() == digest
    assert not [i for i in images.values() if i["status"] in ("creating", "deleting")]
    # Quotas: nothing is reserved any more, and what failed or went counts for nothing.
    assert rows(daemon, "SELECT id FROM images WHERE reserved_bytes <> 0"
                " OR (status = 'failed' AND data_bytes <> 0)") == []
    assert rows(daemon, "SELECT id FROM jobs WHERE finished_at = 0") == []
    wait_for(lambda: collect_everything(daemon)["leased"]["chunks"] == 0)
    collect_everything(daemon)
    # It cannot count while a collection runs.
    result = wait_for(lambda: (r := check(daemon))["problems"] + bool(r["orphans"]) and r)
    assert result["problems"] == 0
    assert result["orphans"]["chunks"] == result["orphans"]["blobs"] == 0
    assert result["leases_active"] == result["leases_ended"] == 0
    store = daemon.data / "store"
    kept = collect_everything(daemon)["kept"]
    assert len(files(store / "chunks")) == kept["chunks"]
    assert len(files(store / "blobs")) == kept["blobs"]
    assert files(store / "tmp") == files(store / "leases") == []
    assert files(daemon.data / "spool") == []


def sha256(data):
    if isinstance(data, pathlib.Path):
        data = data.read_bytes()
    return hashlib.sha256(data).hexdigest()
