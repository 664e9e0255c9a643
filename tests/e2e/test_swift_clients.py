# SPDX-License-Identifier: Apache-2.0
"""The swift command, rclone and curl, as they come, at the container images (of which test_orbit_clients.py
has nothing: its tests run on any object store)."""
import hashlib
import json

import pytest

import clients
from conftest import Tenant

MIB = 1 << 20


@pytest.fixture(scope="module")
def stored(daemon, source):
    """(its owner's cloud, its id, the object's bytes): an image of several chunks."""
    made = Tenant(daemon)
    content = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(5 * MIB // 32))
    source.files["clients.raw"] = content + bytes(3 * MIB)
    api = made.api()
    image = api.settled(api.register(source.url("clients.raw")))
    answer = daemon.request("GET", f"/v1/{made.account}/images/{image['id']}",
                            headers={"X-Auth-Token": api.token})
    return clients.of_tenant(made), image["id"], answer.body


def test_swift_lists_and_tells(stored):
    cloud, image, content = stored
    assert cloud.swift("list").split() == ["images"]
    assert cloud.swift("list", "images").split() == [image]
    assert cloud.swift("list", "images", "--prefix", "x").split() == []
    at_large = clients.Cloud(cloud.auth.rpartition("/")[0], cloud.user, cloud.key)
    assert at_large.swift("list", "images").split() == [image]
    assert str(len(content)) in cloud.swift("stat", "images", image)
    assert "Objects: 1" in cloud.swift("stat", "images")
    assert "Containers: 1" in cloud.swift("stat")
    assert "swift" in cloud.swift("capabilities")


def test_swift_downloads(stored, tmp_path):
    cloud, image, content = stored
    cloud.swift("download", "images", image, cwd=tmp_path)
    assert (tmp_path / image).read_bytes() == content
    cloud.swift("download", "images", "-D", str(tmp_path / "all"))
    assert (tmp_path / "all" / image).read_bytes() == content


def test_swift_compares_a_local_file_before_downloading(stored, tmp_path):
    cloud, image, content = stored
    (tmp_path / image).write_bytes(b"an older one")
    cloud.swift("download", "--skip-identical", "images", image, cwd=tmp_path)
    assert (tmp_path / image).read_bytes() == content


def test_swift_cannot_write(stored, tmp_path):
    cloud, image, _ = stored
    (tmp_path / "f").write_text("x")
    cloud.swift("upload", "images", "f", cwd=tmp_path, expect=1)
    cloud.swift("delete", "images", image, expect=1)
    cloud.swift("post", "images", "-r", ".r:*", expect=1)
    assert cloud.swift("list", "images").split() == [image]


def test_rclone_lists_reads_and_copies(stored, tmp_path):
    cloud, image, content = stored
    assert cloud.rclone(tmp_path, "lsd", "orbit:").split()[-1] == "images"
    listed = json.loads(cloud.rclone(tmp_path, "lsjson", "orbit:images"))
    assert [(o["Name"], o["Size"]) for o in listed] == [(image, len(content))]
    cloud.rclone(tmp_path, "copy", "orbit:images", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / image).read_bytes() == content
    assert cloud.rclone(tmp_path, "cat", "--offset", "1000", "--count", "50",
                  f"orbit:images/{image}", text=False) == content[1000:1050]
    cloud.rclone(tmp_path, "check", "orbit:images", str(tmp_path / "copy"))


def test_curl_resumes(stored, tmp_path):
    cloud, image, content = stored
    (tmp_path / "part").write_bytes(content[:1234567])
    cloud.curl(f"/images/{image}", "-C", "-", "-o", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == content
    cloud.curl(f"/images/{image}?format=raw", "-OJ", cwd=tmp_path)
    assert (tmp_path / f"{image}.raw").stat().st_size == 8 * MIB
