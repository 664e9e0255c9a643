# SPDX-License-Identifier: Apache-2.0
"""The swift command, rclone and curl, as they come, against Orbit."""
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from conftest import Tenant

MIB = 1 << 20


def run(*command, expect=0, **more):
    done = subprocess.run(command, capture_output=True, timeout=120, **{"text": True, **more})
    assert done.returncode == expect, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


@pytest.fixture(scope="module")
def stored(daemon, source):
    """(tenant, id, the object's bytes): an image of several chunks."""
    made = Tenant(daemon)
    content = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(5 * MIB // 32))
    source.files["clients.raw"] = content + bytes(3 * MIB)
    api = made.api()
    image = api.settled(api.register(source.url("clients.raw")))
    answer = daemon.request("GET", f"/v1/{made.account}/images/{image['id']}",
                            headers={"X-Auth-Token": api.token})
    return made, image["id"], answer.body


def swift(tenant, *words, path="/v1", expect=0, cwd=None):
    if not shutil.which("swift"):
        pytest.skip("no swift here")
    return run("swift", "-A", tenant.daemon.base + path, "-U", tenant.client, "-K", tenant.secret,
               *words, expect=expect, cwd=cwd)


def test_swift_lists_and_tells(stored):
    tenant, image, content = stored
    assert swift(tenant, "list").split() == ["images"]
    assert swift(tenant, "list", "images").split() == [image]
    assert swift(tenant, "list", "images", "--prefix", "x").split() == []
    assert swift(tenant, "list", "images", path=f"/v1/{tenant.account}").split() == [image]
    assert str(len(content)) in swift(tenant, "stat", "images", image)
    assert "Objects: 1" in swift(tenant, "stat", "images")
    assert "Containers: 1" in swift(tenant, "stat")
    assert "swift" in swift(tenant, "capabilities")


def test_swift_downloads(stored, tmp_path):
    tenant, image, content = stored
    swift(tenant, "download", "images", image, cwd=tmp_path)
    assert (tmp_path / image).read_bytes() == content
    swift(tenant, "download", "images", "-D", str(tmp_path / "all"))
    assert (tmp_path / "all" / image).read_bytes() == content


def test_swift_compares_a_local_file_before_downloading(stored, tmp_path):
    tenant, image, content = stored
    (tmp_path / image).write_bytes(b"an older one")
    swift(tenant, "download", "--skip-identical", "images", image, cwd=tmp_path)
    assert (tmp_path / image).read_bytes() == content


def test_swift_cannot_write(stored, tmp_path):
    tenant, image, _ = stored
    (tmp_path / "f").write_text("x")
    swift(tenant, "upload", "images", "f", cwd=tmp_path, expect=1)
    swift(tenant, "delete", "images", image, expect=1)
    swift(tenant, "post", "images", "-r", ".r:*", expect=1)
    assert swift(tenant, "list", "images").split() == [image]


def rclone(tenant, home, *words, text=True):
    if not shutil.which("rclone"):
        pytest.skip("no rclone here")
    (home / "rclone.conf").write_text(
        f"[orbit]\ntype = swift\nuser = {tenant.client}\nkey = {tenant.secret}\n"
        f"auth = {tenant.daemon.base}/v1/{tenant.account}\n")
    return run("rclone", "--config", home / "rclone.conf", "--retries", "1", *words, text=text,
               env={**os.environ, "HOME": str(home)})


def test_rclone_lists_reads_and_copies(stored, tmp_path):
    tenant, image, content = stored
    assert rclone(tenant, tmp_path, "lsd", "orbit:").split()[-1] == "images"
    listed = json.loads(rclone(tenant, tmp_path, "lsjson", "orbit:images"))
    assert [(o["Name"], o["Size"]) for o in listed] == [(image, len(content))]
    rclone(tenant, tmp_path, "copy", "orbit:images", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / image).read_bytes() == content
    assert rclone(tenant, tmp_path, "cat", "--offset", "1000", "--count", "50",
                  f"orbit:images/{image}", text=False) == content[1000:1050]
    rclone(tenant, tmp_path, "check", "orbit:images", str(tmp_path / "copy"))


def test_curl_resumes(stored, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    tenant, image, content = stored
    url = f"{tenant.daemon.base}/v1/{tenant.account}/images/{image}"
    header = f"X-Auth-Token: {tenant.api().token}"
    (tmp_path / "part").write_bytes(content[:1234567])
    run("curl", "-sf", "-H", header, "-C", "-", "-o", tmp_path / "part", url)
    assert (tmp_path / "part").read_bytes() == content
    run("curl", "-sfOJ", "-H", header, url + "?format=raw", cwd=tmp_path)
    assert (tmp_path / f"{image}.raw").stat().st_size == 8 * MIB
