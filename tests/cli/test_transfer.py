# SPDX-License-Identifier: Apache-2.0
"""images download, images register --wait."""
import fcntl
import os
import pty
import random
import signal
import subprocess
import termios
import time

import pytest

from fake_api import content_digest, image, lz4_frame
from runner import read_terminal

MIB = 1 << 20


def make_disk():
    """Data, a chunk of zeros, data, and a short last chunk."""
    rnd = random.Random(7)
    return rnd.randbytes(MIB) + bytes(MIB) + rnd.randbytes(MIB // 2) + bytes(MIB) + b"end"


DISK = make_disk()
FILES = {"raw": DISK, "lz4": lz4_frame(DISK), "qcow2": b"QFI\xfb" + DISK}


@pytest.fixture
def stored(api):
    api.add(image("img-aaaaa", digest=content_digest(DISK)))
    for kind, data in FILES.items():
        api.objects["acc-abcde", "img-aaaaa", kind] = data
    return api


def downloads(api):
    return [r for r in api.requests if r.path.startswith("/v1/")]


@pytest.mark.parametrize("kind, query, checked", [
    ("lz4", "", "the disk has the image's digest"),
    ("raw", "format=raw", "the disk has the image's digest"),
    ("qcow2", "format=qcow2", "only the length is checked"),
])
def test_download(cli, stored, kind, query, checked):
    got = cli("images", "download", "img-aaaaa", *(["--format", kind] if query else []))
    assert (got.code, got.out) == (0, ""), got
    assert checked in got.err
    assert (cli.home / f"img-aaaaa.{kind}").read_bytes() == FILES[kind]
    assert sorted(p.name for p in cli.home.iterdir()) == [".brightbox", f"img-aaaaa.{kind}"]
    (r,) = downloads(stored)
    assert (r.path, r.query) == ("/v1/acc-abcde/images/img-aaaaa", query)
    assert r.headers["X-Auth-Token"] == "1".rjust(40, "0")
    assert "Range" not in r.headers


def test_download_of_a_raw_disk_leaves_holes(cli, stored):
    disk = bytes(8 * MIB) + b"x" + bytes(8 * MIB)
    stored.objects["acc-abcde", "img-aaaaa", "raw"] = disk
    stored.images["img-aaaaa"]["digest"] = content_digest(disk)
    cli("images", "download", "img-aaaaa", "disk", "-f", "raw")
    assert (cli.home / "disk").read_bytes() == disk
    assert os.stat(cli.home / "disk").st_blocks * 512 < MIB


def test_download_to_a_file_a_directory_and_standard_output(cli, stored):
    (cli.home / "dir").mkdir()
    (cli.home / "old").write_text("old")
    assert cli("images", "download", "img-aaaaa", "dir").code == 0
    assert (cli.home / "dir" / "img-aaaaa.lz4").read_bytes() == FILES["lz4"]
    assert cli("images", "download", "img-aaaaa", "old").code == 0
    assert (cli.home / "old").read_bytes() == FILES["lz4"]
    for kind in ("lz4", "raw"):
        got = cli("images", "download", "img-aaaaa", "-", "--format", kind)
        assert got.raw == FILES[kind]
        assert "the disk has the image's digest" in got.err


def test_download_from_another_orbit(cli, stored):
    orbit = stored.url.replace("127.0.0.1", "localhost")
    cli("images", "download", "img-aaaaa", BRIGHTBOX_ORBIT_URL=orbit)
    assert downloads(stored)[-1].headers["Host"].startswith("localhost")
    del cli.env["BRIGHTBOX_ORBIT_URL"]
    cli.write_config(cli.config() + f"orbit_url = {orbit}\n")
    cli("images", "download", "img-aaaaa")
    assert downloads(stored)[-1].headers["Host"].startswith("localhost")


def test_a_connection_that_breaks_off_is_gone_on_with(cli, stored):
    stored.break_after = [1000, 70000]
    got = cli("images", "download", "img-aaaaa")
    assert got.code == 0, got
    assert (cli.home / "img-aaaaa.lz4").read_bytes() == FILES["lz4"]
    assert [(r.headers["Range"], r.headers["If-Range"]) for r in downloads(stored)] == [
        (None, None), ("bytes=1000-", '"v1"'), ("bytes=71000-", '"v1"')]


def test_standard_output_is_gone_on_with_too(cli, stored):
    stored.break_after = [1000]
    got = cli("images", "download", "img-aaaaa", "-")
    assert (got.code, got.raw) == (0, FILES["lz4"])


def leave_part(cli, stored, kind="lz4"):
    """A run that got 5000 bytes, then nothing more."""
    stored.break_after = [5000, 0]
    got = cli("images", "download", "img-aaaaa", "out", "-f", kind)
    assert got.code == 1
    assert "5000 bytes are kept in out.part: repeat the command to go on from there" in got.err
    assert (cli.home / "out.part").stat().st_size == 5000
    assert (cli.home / "out.part.etag").read_text() == '"v1"'
    assert not (cli.home / "out").exists()
    stored.requests.clear()


@pytest.mark.parametrize("kind", ["lz4", "raw"])
def test_a_later_run_goes_on_where_the_first_stopped(cli, stored, kind):
    leave_part(cli, stored, kind)
    got = cli("images", "download", "img-aaaaa", "out", "-f", kind)
    assert got.code == 0, got
    assert (cli.home / "out").read_bytes() == FILES[kind]
    assert [r.headers["Range"] for r in downloads(stored)] == ["bytes=5000-"]
    assert sorted(p.name for p in cli.home.iterdir()) == [".brightbox", "out"]


def test_a_later_run_starts_over_when_the_image_changed(cli, stored):
    leave_part(cli, stored)
    stored.etag = '"v2"'
    assert cli("images", "download", "img-aaaaa", "out").code == 0
    assert (cli.home / "out").read_bytes() == FILES["lz4"]


def test_a_later_run_finds_all_bytes_there(cli, stored):
    leave_part(cli, stored)
    (cli.home / "out.part").write_bytes(FILES["lz4"])
    got = cli("images", "download", "img-aaaaa", "out")
    assert got.code == 0, got
    assert (cli.home / "out").read_bytes() == FILES["lz4"]


def test_a_part_that_is_too_long_is_started_over(cli, stored):
    leave_part(cli, stored)
    (cli.home / "out.part").write_bytes(FILES["lz4"] + b"more")
    got = cli("images", "download", "img-aaaaa", "out")
    assert got.code == 0, got
    assert (cli.home / "out").read_bytes() == FILES["lz4"]


def test_a_part_of_unknown_origin_is_not_trusted(cli, stored):
    (cli.home / "out.part").write_bytes(b"something else")
    assert cli("images", "download", "img-aaaaa", "out").code == 0
    assert (cli.home / "out").read_bytes() == FILES["lz4"]
    assert "Range" not in downloads(stored)[0].headers


@pytest.mark.parametrize("kind, data, complaint", [
    ("raw", DISK[:-1] + b"!", "the disk received does not have the image's digest"),
    ("raw", DISK + b"\0", "the disk received does not have the image's digest"),
    ("lz4", lz4_frame(DISK[:-1] + b"!"), "the disk received does not have the image's digest"),
    ("lz4", FILES["lz4"][:-4], "the LZ4 frame is cut short"),
    ("lz4", b"not lz4 at all", "the bytes are not LZ4: "),
], ids=["raw-changed", "raw-longer", "lz4-changed", "lz4-cut", "lz4-not"])
def test_wrong_bytes_are_removed_and_an_error(cli, stored, kind, data, complaint):
    stored.objects["acc-abcde", "img-aaaaa", kind] = data
    got = cli("images", "download", "img-aaaaa", "out", "-f", kind)
    assert got.code == 1
    assert got.err.startswith("ERROR: out.part was removed: " + complaint), got
    assert [p.name for p in cli.home.iterdir()] == [".brightbox"]
    got = cli("images", "download", "img-aaaaa", "-", "-f", kind)
    assert got.code == 1
    assert complaint in got.err


def test_an_image_without_a_digest_is_not_called_verified(cli, stored):
    stored.images["img-aaaaa"]["digest"] = None
    got = cli("images", "download", "img-aaaaa")
    assert got.code == 0
    assert "only the length is checked: the image has no digest" in got.err


@pytest.mark.parametrize("args, complaint", [
    (["img-nooo1"], "Couldn't find image img-nooo1"),
    (["../x"], "Couldn't find image ../x"),
    (["img-creat"], "image img-creat has nothing to download: it is creating"),
    (["img-forei"], "download of img-forei: the download was answered with HTTP status 404"),
    (["img-aaaaa", "-f", "vmdk"], "The format must be lz4, raw or qcow2"),
    (["img-aaaaa", "/dev/null"], "/dev/null is not a regular file"),
    (["img-aaaaa", "none/out"], "create none/out.part: No such file or directory"),
])
def test_download_that_cannot_be(cli, stored, args, complaint):
    stored.add(image("img-creat", status="creating"),
               image("img-forei", public=True, owner="acc-other"))
    got = cli("images", "download", *args)
    assert (got.code, got.out, got.err.splitlines()[-1]) == (1, "", "ERROR: " + complaint)
    assert not (cli.home / "out").exists()


def test_a_token_that_orbit_refuses_is_renewed(cli, stored):
    stored.refuse_downloads = 1
    assert cli("images", "download", "img-aaaaa").code == 0
    assert (cli.home / "img-aaaaa.lz4").read_bytes() == FILES["lz4"]
    assert [r.path for r in stored.requests][2:] == [
        "/v1/acc-abcde/images/img-aaaaa", "/token", "/v1/acc-abcde/images/img-aaaaa"]
    stored.refuse_downloads = 2
    assert cli("images", "download", "img-aaaaa").code == 222


def test_one_download_at_a_time_writes_to_a_file(cli, stored):
    with open(cli.home / "out.part", "w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        got = cli("images", "download", "img-aaaaa", "out")
    assert (got.code, got.err) == (1, "ERROR: another download writes to out.part\n")


def terminal(cli, *args):
    """Run with standard error on a terminal of 80 columns: what appeared there."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    p = cli.start(*args, stderr=theirs)
    os.close(theirs)
    seen = read_terminal(ours)
    out = p.stdout.read().decode()
    os.close(ours)
    return p.wait(20), out, seen.decode()


def test_a_download_shows_its_progress_on_a_terminal(cli, stored):
    code, _, seen = terminal(cli, "images", "download", "img-aaaaa")
    assert code == 0
    assert "\rimg-aaaaa verify [" in seen
    assert "of 3.5 MiB" in seen
    assert seen.rstrip().endswith("the disk has the image's digest")


REGISTER = ["images", "register", "-a", "x86_64", "--url", "https://example.com/x", "--wait"]
STEPS = [
    {"progress": {"phase": "queued", "bytes_done": 0, "bytes_total": None, "rate": 0}},
    {"progress": {"phase": "download", "bytes_done": 12582912, "bytes_total": 536870912,
                  "rate": 45193625}},
]


def test_wait_ends_with_the_finished_image(cli, api):
    api.progress["img-new01"] = STEPS + [
        {"status": "available", "progress": None, "virtual_size": 2048}]
    got = cli(*REGISTER)
    assert got.code == 0, got
    assert got.err == ("img-new01: queued\n"
                       "img-new01: download, 12.0 MiB of 512.0 MiB, 43.1 MiB/s, 0:12 left\n")
    assert got.ids() == ["img-new01"]
    assert "  private  2048  " in got.out
    assert api.log().count("GET /1.0/images/img-new01?account_id=acc-abcde") == 3


@pytest.mark.parametrize("queue, said", [
    ({"position": 4, "waits_for": "slot"}, "queued, 3 before it"),
    ({"position": 1, "waits_for": "account"}, "queued, next"),
    ({"position": 2, "waits_for": "retry"}, "waiting to try again")])
def test_wait_says_where_in_the_queue_it_stands(cli, api, queue, said):
    api.progress["img-new01"] = [{"progress": {**STEPS[0]["progress"], **queue}}, {"status": "available"}]
    got = cli(*REGISTER)
    assert (got.code, got.err) == (0, f"img-new01: {said}\n"), got


def test_wait_draws_a_bar_on_a_terminal(cli, api):
    api.progress["img-new01"] = STEPS + [{"status": "available"}]
    code, out, seen = terminal(cli, *REGISTER)
    assert code == 0
    assert "img-new01" in out
    assert ("\rimg-new01 download [>      ]   2%  12.0 MiB of 512.0 MiB  43.1 MiB/s  "
            "0:12 left\x1b[K") in seen
    assert seen.endswith("\r\x1b[K")


def test_wait_tells_why_the_import_failed(cli, api):
    api.progress["img-new01"] = [
        STEPS[0], {"status": "failed", "status_reason": "truncated: the file ended early"}]
    got = cli(*REGISTER)
    assert (got.code, got.out) == (1, "")
    assert got.err.endswith("ERROR: image img-new01 failed: truncated: the file ended early\n")


def test_wait_ends_when_the_image_is_destroyed(cli, api):
    api.progress["img-new01"] = [STEPS[0], {"status": "deleting"}]
    got = cli(*REGISTER)
    assert (got.code, got.err.splitlines()[-1]) == (1, "ERROR: image img-new01 was destroyed")


def test_wait_outlives_a_short_failure_of_the_service(cli, api):
    path = "GET /1.0/images/img-new01"
    api.broken[path] = (503, b"")
    p = cli.start(*REGISTER)
    while len(api.requests) < 4:
        time.sleep(0.01)
    api.images["img-new01"]["status"] = "available"
    del api.broken[path]
    out, err = p.communicate(timeout=20)
    assert (p.returncode, err) == (0, b"")
    assert b"img-new01" in out


def test_ctrl_c_stops_the_waiting_not_the_import(cli, api):
    p = cli.start(*REGISTER)
    while len(api.requests) < 3:
        time.sleep(0.01)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 130
    assert out == b""
    assert err.decode().endswith("Stopped waiting. The import of img-new01 goes on; "
                                 "see `brightbox images show img-new01`\n")
    assert not any(r.method == "DELETE" for r in api.requests)


@pytest.mark.parametrize("tool", [["lz4", "-dc"]])
def test_the_frames_of_these_tests_are_real(tool):
    done = subprocess.run(tool, input=FILES["lz4"], capture_output=True, timeout=20)
    assert done.stdout == DISK
