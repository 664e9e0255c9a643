# SPDX-License-Identifier: Apache-2.0
"""`brightbox orbit`, `images prepare` and `images register --file`, as their users run them."""
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import BIN, PATIENCE, Tenant, wait_for

MIB = 1 << 20


def noise(size, seed=b""):
    """`size` bytes that nothing compresses, always the same."""
    return hashlib.shake_128(seed).digest(size)


class Done:
    def __init__(self, process, out, err):
        self.code, self.raw, self.err = process.returncode, out, err.decode(errors="replace")

    @property
    def out(self):
        return self.raw.decode()

    def rows(self):
        return [line.split("\t") for line in self.out.splitlines()]

    def __repr__(self):
        return f"exit {self.code}\n{self.raw[:2000]!r}\n{self.err}"


class Command:
    """`brightbox` with a home of its own, logged in as an API client."""

    def __init__(self, home, daemon, client, secret, account):
        self.home = home
        self.daemon = daemon
        self.account = account
        where = home / ".brightbox"
        where.mkdir(parents=True)
        (where / "config").write_text(
            f"[core]\ndefault_client = {client}\n[{client}]\nclient_id = {client}\n"
            f"secret = {secret}\napi_url = {daemon.base}\ndefault_account = {account}\n")

    def start(self, *words, stdin=None):
        env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "TMPDIR": str(self.home)}
        return subprocess.Popen([BIN / "brightbox", *map(str, words)], env=env, cwd=self.home,
                                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                # Whoever runs the tests in the background has it ignored.
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def __call__(self, *words, stdin=None, expect=0):
        process = self.start(*words, stdin=stdin)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        done = Done(process, out, err)
        assert done.code == expect, done
        return done

    def names(self, *words):
        return [row[0] for row in self("-s", "orbit", "ls", *words).rows()]


@pytest.fixture
def cli(tenant, tmp_path):
    return Command(tmp_path / "home", tenant.daemon, tenant.client, tenant.secret, tenant.account)


@pytest.fixture
def file(cli):
    """file(name, content): a file where the command runs."""
    def make(name, content):
        (cli.home / name).write_bytes(content)
        return cli.home / name
    return make


def fetch(url, method="GET", data=None):
    """(status, body)"""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


# ---- put, get ----

NAMES = ["plain.txt", "with blank & ampersand", "a/../b/./c", "percent%41%", "q?u#e;r=y+",
         "ünï/日本/🙂", "x" * 1000, "..", "trailing./"]


def test_what_was_put_is_got(cli, file):
    file("one", b"content")
    for name in NAMES:
        target = f"box/{name}"
        stored = name + "one" if name.endswith("/") else name
        assert "the MD5 is right" in cli("orbit", "put", "one", target).err
        assert cli("orbit", "get", f"box/{stored}", "-").raw == b"content"
    listed = sorted(n + "one" if n.endswith("/") else n for n in NAMES)
    assert sorted(cli.names("box", "-r")) == listed
    cli("orbit", "rm", *(f"box/{n}" for n in listed))
    assert cli.names("box") == []
    cli("orbit", "rm", "box")
    assert cli.names() == ["images"]


def test_a_file_keeps_its_name_and_gets_one(cli, file):
    file("a.bin", b"a")
    cli("orbit", "put", "a.bin", "box")
    cli("orbit", "put", cli.home / "a.bin", "box/sub/")
    assert cli.names("box", "--recursive") == ["a.bin", "sub/a.bin"]
    cli("orbit", "get", "box/sub/a.bin", "b.bin")
    (cli.home / "there").mkdir()
    cli("orbit", "get", "box/sub/a.bin", "there")
    (cli.home / "a.bin").unlink()
    cli("orbit", "get", "box/sub/a.bin")
    for path in ("a.bin", "b.bin", "there/a.bin"):
        assert (cli.home / path).read_bytes() == b"a"
    assert not list(cli.home.rglob("*.part*"))


def test_empty_objects(cli, file):
    file("empty", b"")
    cli("orbit", "put", "empty", "box")
    cli("orbit", "put", "-", "box/nothing", stdin=b"")
    cli("orbit", "get", "box/empty", "out")
    assert (cli.home / "out").read_bytes() == b""
    assert cli("orbit", "get", "box/nothing", "-").raw == b""


def test_a_large_file_is_a_static_large_object(cli, file):
    content = noise(20 * MIB + 1)
    file("big", content)
    cli("orbit", "put", "-S", "3M", "big", "box/dir/big")
    segments = cli("-s", "orbit", "ls", "-r", "-l", "box_segments").rows()
    assert [int(s[1]) for s in segments] == [3 * MIB] * 6 + [2 * MIB + 1]
    assert all(re.fullmatch(rf"dir/big/slo/\d+\.\d{{6}}/{len(content)}/{3 * MIB}/0000000{i}", s[0])
               for i, s in enumerate(segments))
    [row] = cli("-s", "orbit", "ls", "box/dir/").rows()
    assert row[:2] == ["dir/big", str(len(content))]
    assert "the MD5 is right" in cli("orbit", "get", "box/dir/big", "out").err
    assert (cli.home / "out").read_bytes() == content
    assert cli("orbit", "get", "box/dir/big", "-").raw == content


@pytest.mark.parametrize("size", [0, 1, 3 * MIB - 1, 3 * MIB, 3 * MIB + 1, 6 * MIB, 10 * MIB])
def test_standard_input_of_any_length(cli, size):
    content = noise(size)
    cli("orbit", "put", "-S", "3M", "-", "box/stream", stdin=content)
    assert cli("orbit", "get", "box/stream", "-").raw == content
    assert len(cli.names("box_segments", "-r") if size >= 3 * MIB else []) == \
        (-(-size // (3 * MIB)) if size >= 3 * MIB else 0)


def test_a_repeated_upload_sends_what_is_missing(cli, file):
    file("big", noise(10 * MIB))
    cli("orbit", "put", "-S", "1M", "big", "box")
    lost = cli.names("box_segments", "-r")[3]
    cli("orbit", "rm", f"box_segments/{lost}")
    cli("orbit", "get", "box/big", "-", expect=1)
    assert "of which 1.0 MiB were still to be sent" in cli("orbit", "put", "-S", "1M", "big", "box").err
    assert hashlib.md5(cli("orbit", "get", "box/big", "-").raw).digest() == \
        hashlib.md5(noise(10 * MIB)).digest()


def test_a_changed_file_is_sent_again(cli, file):
    path = file("big", noise(4 * MIB))
    before = path.stat()
    cli("orbit", "put", "-S", "1M", "big", "box")
    content = bytearray(noise(4 * MIB))
    content[2 * MIB + 5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "of which 1.0 MiB were" in cli("orbit", "put", "-S", "1M", "big", "box").err
    assert cli("orbit", "get", "box/big", "-").raw == content


def test_an_interrupted_upload_goes_on(cli, file):
    content = noise(150 * MIB)
    file("big", content)
    process = cli.start("orbit", "put", "-S", "1M", "big", "box")

    def stopped_midway():
        process.send_signal(signal.SIGSTOP)
        done = cli.start("-s", "orbit", "ls", "-r", "box_segments")
        if done.communicate(timeout=PATIENCE)[0].count(b"\n") >= 4:
            return True
        process.send_signal(signal.SIGCONT)
        return False
    wait_for(stopped_midway)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT, err
    assert b"repeat the command" in err
    assert cli.names("box") == []
    done = cli("orbit", "put", "-S", "1M", "big", "box")
    assert re.search(r"150\.0 MiB, of which \d+\.0 MiB were still to be sent", done.err)
    cli("orbit", "get", "box/big", "out")
    assert (cli.home / "out").read_bytes() == content


def test_a_stream_that_is_interrupted_leaves_nothing(cli):
    cli("orbit", "put", "-", "box/x", stdin=b"")
    process = cli.start("orbit", "put", "-S", "1M", "-", "box/stream", stdin=b"")
    process.stdin.write(noise(5 * MIB))
    process.stdin.flush()
    wait_for(lambda: "box_segments" in cli.names() and len(cli.names("box_segments", "-r")) >= 4)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == -signal.SIGTERM
    process.communicate()
    assert cli.names("box_segments", "-r") == []
    assert cli.names("box") == ["x"]


def test_the_segments_of_what_is_replaced_go(cli, file):
    file("big", noise(3 * MIB, b"1"))
    cli("orbit", "put", "-S", "1M", "big", "box")
    first = cli.names("box_segments", "-r")
    file("big", noise(3 * MIB, b"2"))
    os.utime(cli.home / "big", (1, 1))
    cli("orbit", "put", "-S", "1M", "big", "box")
    second = cli.names("box_segments", "-r")
    assert len(second) == 3 and not set(first) & set(second)
    file("small", b"s")
    cli("orbit", "put", "small", "box/big")
    assert cli.names("box_segments", "-r") == []
    assert cli("orbit", "get", "box/big", "-").raw == b"s"


def test_an_interrupted_download_goes_on(cli, file):
    content = noise(9 * MIB)
    file("big", content)
    cli("orbit", "put", "big", "box")
    cli("orbit", "put", "-S", "2M", "big", "box/slo")
    md5 = hashlib.md5(content).hexdigest()
    segments = [hashlib.md5(content[i:i + 2 * MIB]).hexdigest() for i in range(0, 9 * MIB, 2 * MIB)]
    etags = {"big": md5, "slo": hashlib.md5("".join(segments).encode()).hexdigest()}
    for name, etag in etags.items():
        for have, known, wanted in [(5 * MIB + 3, etag, 0), (5 * MIB, "f" * 32, 0),
                                    (9 * MIB, etag, 0)]:
            (cli.home / "out.part").write_bytes(content[:have])
            (cli.home / "out.part.etag").write_text(known)
            cli("orbit", "get", f"box/{name}", "out", expect=wanted)
            assert (cli.home / "out").read_bytes() == content
            assert not (cli.home / "out.part").exists()
        (cli.home / "out.part").write_bytes(b"?" + content[1:6 * MIB])
        (cli.home / "out.part.etag").write_text(etag)
        (cli.home / "out").unlink()
        done = cli("orbit", "get", f"box/{name}", "out", expect=1)
        assert "do not have the MD5" in done.err
        assert not (cli.home / "out").exists() and not (cli.home / "out.part").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_download_that_nobody_reads_ends_by_a_signal(cli, file, number):
    file("big", noise(20 * MIB))
    cli("orbit", "put", "big", "box")
    process = cli.start("orbit", "get", "box/big", "-")
    select.select([process.stdout], [], [], PATIENCE)  # more than fits into the pipe is behind it
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == -number
    process.communicate()


def test_dynamic_large_objects_are_read_and_removed(cli, tenant, file):
    token = tenant.api().token
    for i in range(3):
        cli("orbit", "put", "-", f"box_parts/dlo ä/{i}", stdin=b"%d" % i)
    cli("orbit", "put", "-", "box/x", stdin=b"")
    made = tenant.daemon.request("PUT", f"/v1/{tenant.account}/box/dlo", headers={
        "X-Auth-Token": token, "X-Object-Manifest": "box_parts/dlo%20%C3%A4/"})
    assert made.status == 201
    done = cli("orbit", "get", "box/dlo", "-")
    assert done.raw == b"012" and "only the length is checked" in done.err
    cli("orbit", "put", "-", "box_parts/other", stdin=b"")
    cli("orbit", "rm", "box/dlo")
    assert cli.names("box") == ["x"] and cli.names("box_parts", "-r") == ["other"]


def test_words_that_name_nothing(cli, file):
    file("f", b"x")
    for words, complaint in [
            (["get", "box/none", "-"], "box/none: there is none"), (["get", "box", "-"], "is no object"),
            (["get", "box/a/", "-"], "is no object"), (["ls", "box"], "box: there is none"),
            (["rm", "box"], "box: there is none"), (["rm", "box/f"], "box/f: there is none"),
            (["rm"], "what to remove"), (["put", "f"], "the file and where"),
            (["put", "none", "box"], "open none"), (["put", "/", "box/x"], "is a directory"),
            (["put", "f", "/x"], "is no container"), (["put", "-", "box"], "the name of the object"),
            (["put", "f", "images"], "brightbox images"), (["put", "-S", "5K", "f", "box"], "1M to 5G"),
            (["tempurl", "box"], "is no object"), (["tempurl", "-m", "MOVE", "box/f"], "method"),
            (["tempurl", "-e", "soon", "box/f"], "--expires"), (["key", "--set", "--clear"], "one of"),
            *[(["tempurl", "--ip", ip, "box/f"], "--ip takes") for ip in ("here", "::1/129", "192.0.2.7/24", "192.0.2.0/")],
            (["ls", "a", "b"], "one container"), (["put", "f", "b/" + 1025 * "x"], "is no container")]:
        assert complaint in cli("orbit", *words, stdin=b"", expect=1).err


# ---- ls, rm ----

def test_listings(cli):
    for name in ("a", "b/c", "b/d/e", "b/d/f"):
        cli("orbit", "put", "-", f"box/{name}", stdin=b"four")
    assert cli.names("box") == ["a", "b/"]
    assert cli.names("box/b/") == ["b/c", "b/d/"]
    assert cli.names("box/b", "-r") == ["b/c", "b/d/e", "b/d/f"]
    [long] = cli("-s", "orbit", "ls", "-l", "box/a").rows()
    assert [long[1], *long[3:]] == ["4", "application/octet-stream", hashlib.md5(b"four").hexdigest()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", long[2])
    assert ["box", "4", "16"] in cli("-s", "orbit").rows()
    assert [o["name"] for o in json.loads(cli("--json", "orbit", "ls", "-r", "box").out)] == \
        ["a", "b/c", "b/d/e", "b/d/f"]
    assert " name" in cli("orbit", "ls", "box").out


def test_a_name_in_a_listing_moves_no_cursor(cli, tenant):
    cli("orbit", "put", "-", "box/x", stdin=b"")
    answer = tenant.daemon.request("PUT", f"/v1/{tenant.account}/box/a%0D%0Ab%09%1B%5B31m", b"", headers={
        "X-Auth-Token": tenant.api().token})
    assert answer.status == 201
    for words in (["-s", "orbit", "ls", "box"], ["orbit", "ls", "-l", "box"]):
        assert r"a\x0d\x0ab\x09\x1b[31m" in cli(*words).out
    assert json.loads(cli("--json", "orbit", "ls", "box").out)[0]["name"] == "a\r\nb\t\x1b[31m"


def test_removing_many(cli, file):
    for i in range(25):
        cli("orbit", "put", "-", f"box/{'keep' if i % 5 == 0 else 'drop'}/{i} ü", stdin=b"x")
    file("big", noise(3 * MIB))
    cli("orbit", "put", "-S", "1M", "big", "box/drop/big")
    assert "-r removes" in cli("orbit", "rm", "box", expect=1).err
    cli("orbit", "rm", "-r", "box/drop/")
    assert len(cli.names("box", "-r")) == 5 and cli.names("box_segments", "-r") == []
    cli("orbit", "rm", "-r", "box", "box_segments")
    assert cli.names() == ["images"]


# ---- tempurl, key ----

def test_temporary_urls(cli, file):
    file("f", b"content")
    cli("orbit", "put", "f", "box/a b/ü.txt")
    done = cli("orbit", "tempurl", "box/a b/ü.txt")
    url = done.out.strip()
    assert "a random one was set" in done.err
    assert fetch(url) == (200, b"content")
    assert fetch(url, "PUT", b"x")[0] == 401
    again = cli("orbit", "tempurl", "box/a b/ü.txt")
    assert again.err == "" and fetch(url)[0] == 200
    put = cli("orbit", "tempurl", "-m", "put", "box/new").out.strip()
    assert fetch(put, "PUT", b"x")[0] == 201
    prefix = cli("orbit", "tempurl", "--prefix", "box/a b/").out.strip().replace("?", "%C3%BC.txt?")
    assert fetch(prefix) == (200, b"content")
    assert fetch(prefix.replace("/a%20b/%C3%BC.txt?", "/new?"))[0] == 401
    whole = cli("orbit", "tempurl", "--prefix", "box").out.strip().replace("/box/?", "/box/new?")
    assert fetch(whole) == (200, b"x")
    assert fetch(cli("orbit", "tempurl", "--ip", "127.0.0.0/8", "box/new").out.strip())[0] == 200
    assert fetch(cli("orbit", "tempurl", "--ip", "192.0.2.1", "box/new").out.strip())[0] == 401
    short = cli("orbit", "tempurl", "-e", "1s", "box/new").out.strip()
    wait_for(lambda: fetch(short)[0] == 401)


def test_keys_rotate_without_breaking_urls(cli):
    def show(*words, **more):
        return [row[1] for row in cli("-s", "orbit", "key", *words, **more).rows()]
    cli("orbit", "put", "-", "box/f", stdin=b"x")
    assert show() == ["false", "false"]
    first = cli("orbit", "tempurl", "box/f").out.strip()
    assert show() == ["true", "false"]
    assert show("--rotate") == ["true", "true"]
    second = cli("orbit", "tempurl", "box/f").out.strip()
    assert (fetch(first)[0], fetch(second)[0]) == (200, 200)
    assert show("--set", stdin=b"my own key\n") == ["true", "true"]
    assert (fetch(first)[0], fetch(second)[0]) == (401, 200)
    assert show("--clear") == ["false", "false"]
    assert fetch(second)[0] == 401


# ---- other people ----

def grant(tenant, client):
    """Reading and writing of `box`."""
    answer = tenant.daemon.request("POST", f"/v1/{tenant.account}/box", headers={
        "X-Auth-Token": tenant.api().token, "X-Container-Read": f"{tenant.account}:{client}",
        "X-Container-Write": f"{tenant.account}:{client}"})
    assert answer.status == 204


def test_a_storage_client_does_what_it_was_granted(cli, tenant, tmp_path, file):
    made = tenant.daemon.admin("client", "create", tenant.account, "--group", "storage")
    other = Command(tmp_path / "other", tenant.daemon, made["id"], made["secret"], tenant.account)
    (other.home / "f").write_bytes(b"from outside")
    cli("orbit", "put", "-", "box/x", stdin=b"")
    for words in (["ls"], ["ls", "box"], ["put", "f", "box"], ["get", "box/x", "-"], ["key"],
                  ["tempurl", "box/x"], ["rm", "box/x"]):
        assert "not allowed" in other("orbit", *words, expect=1).err
    grant(tenant, made["id"])
    other("orbit", "put", "f", "box")
    assert other("orbit", "get", "box/f", "-").raw == b"from outside"
    assert other.names("box") == ["f", "x"]


def test_an_expired_token_is_renewed_on_the_way(cli, file):
    file("big", noise(4 * MIB))
    cli("orbit", "ls")
    [cached] = (cli.home / ".brightbox").glob("*.oauth_token")
    cached.write_text("0" * 40)
    cli("orbit", "put", "-S", "1M", "big", "box")
    cached.write_text("0" * 40)
    assert cli("orbit", "get", "box/big", "-").raw == noise(4 * MIB)


# ---- prepare, register --file ----

@pytest.fixture
def disk(file):
    """A disk with a partition table's signature, some data and many zeros."""
    content = bytearray(24 * MIB + 512)
    content[:MIB] = noise(MIB)
    content[510:512] = b"\x55\xaa"
    content[17 * MIB:17 * MIB + 70000] = noise(70000, b"2")
    file("disk.raw", content)
    return bytes(content)


def image_id(done):
    return re.search(r"img-\w+", done.out)[0]


def test_a_private_disk_comes_in_and_goes_out(cli, disk):
    for kind in ("lz4", "xz", "zst"):
        told = cli("images", "prepare", "disk.raw", f"disk.{kind}")
        assert f"--file disk.{kind}" in told.err
        assert (cli.home / f"disk.{kind}").stat().st_size < 3 * MIB
        image = image_id(cli("-s", "images", "register", "-a", "x86_64", "--file", f"disk.{kind}"))
        assert cli("images", "download", image, "-", "-f", "raw").raw == disk
    assert cli.names() == ["images"]
    assert not [f for f in cli.home.iterdir() if f.suffix in (".part", ".prepared")]


def test_a_pipe_from_prepare_to_register(cli, disk):
    prepared = cli("images", "prepare", "-", "-", "-f", "zst",
                   stdin=(cli.home / "disk.raw").read_bytes())
    done = cli("-s", "images", "register", "-a", "x86_64", "--file", "-", stdin=prepared.raw)
    assert cli("images", "download", image_id(done), "-", "-f", "raw").raw == disk
    assert cli.names() == ["images"]


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img")
def test_a_qcow2_is_registered_from_its_segments(cli, disk, tenant):
    content = noise(70 * MIB) + disk
    (cli.home / "disk.raw").write_bytes(content)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", "disk.raw", "disk.qcow2"], cwd=cli.home,
                   check=True)
    done = cli("-s", "images", "register", "-a", "x86_64", "-n", "mine", "--container", "mine",
               "--file", "disk.qcow2")
    assert cli.names("mine") == [] and cli.names("mine_segments", "-r") == []
    assert cli("images", "download", image_id(done), "-", "-f", "raw").raw == content
    shown = tenant.api().get(f"/1.0/images/{image_id(done)}")
    assert "temp_url_sig" not in json.dumps(shown)


def test_a_disk_that_is_refused_says_why_and_is_removed(cli, file):
    file("disk.vmdk", b"KDMV\1\0\0\0" + bytes(504))
    done = cli("images", "register", "-a", "x86_64", "--file", "disk.vmdk", expect=1)
    assert "format-vmdk" in done.err
    assert cli.names() == ["images"]
    assert "format-vmdk: " in cli("images", "prepare", "disk.vmdk", "disk.xz", expect=1).err
    assert not list(cli.home.glob("disk.xz*"))


def test_what_the_service_does_not_take_is_kept_for_the_next_time(cli, file):
    file("f", bytes(512))
    done = cli("images", "register", "-a", "x86_64", "-n", 256 * "n", "--file", "f", expect=1)
    kept = re.search(r"orbit rm '(.*)'", done.err)[1]
    assert cli.names("uploads") == [kept.removeprefix("uploads/")]
    cli("orbit", "rm", kept)
    bad = cli("images", "register", "-a", "x86_64", "--min-ram", "x", "--file", "f", expect=1)
    assert "kept" not in bad.err and cli.names("uploads") == []


def test_a_registered_file_has_the_checksum_it_has_here(cli, file, tenant):
    content = noise(65 * MIB)
    file("disk.raw", content)

    def register(*more, expect=0):
        return cli("-s", "images", "register", "-a", "x86_64", "--file", "disk.raw", *more, expect=expect)

    def checksum(done):
        return tenant.api().get(f"/1.0/images/{image_id(done)}")["checksum"]
    right = "sha256:" + hashlib.sha256(content).hexdigest()
    assert checksum(register()) == right
    assert checksum(register("--checksum", "md5:" + hashlib.md5(content).hexdigest())) == right
    assert "checksum-mismatch: " in register("--checksum", "sha256:" + 64 * "0", expect=1).err
    # What is there of an upload counts only when it is the same.
    assert "kept" in register("-n", 256 * "n", expect=1).err
    first = cli.names("uploads_segments", "-r")[0]
    cli("orbit", "put", "-S", "65M", "-", f"uploads_segments/{first}", stdin=noise(64 * MIB, b"other"))
    assert checksum(register()) == right
    assert cli.names() == ["images"]


def test_only_containers_that_nobody_asked_for_are_removed(cli, file):
    file("disk.raw", noise(MIB))
    cli("orbit", "put", "-", "uploads/mine", stdin=b"x")
    cli("images", "register", "-a", "x86_64", "--file", "disk.raw")
    cli("images", "register", "-a", "x86_64", "--file", "disk.raw", "--container", "asked")
    assert cli.names() == ["asked", "images", "uploads"] and cli.names("uploads") == ["mine"]


def test_who_cannot_sign_does_not_upload_in_vain(cli, tenant, tmp_path):
    made = tenant.daemon.admin("client", "create", tenant.account, "--group", "storage")
    other = Command(tmp_path / "other", tenant.daemon, made["id"], made["secret"], tenant.account)
    (other.home / "disk.raw").write_bytes(noise(MIB))
    cli("orbit", "put", "-", "box/x", stdin=b"")
    grant(tenant, made["id"])
    assert "not allowed" in other("images", "register", "-a", "x86_64", "--container", "box", "--file", "disk.raw",
                                  expect=1).err
    assert cli.names("box") == ["x"]


def test_a_container_that_goes_while_something_is_uploaded_is_made_again(cli, file):
    """As when another registration is over and removes an empty one."""
    content = noise(150 * MIB)
    file("big", content)
    process = cli.start("orbit", "put", "-S", "1M", "big", "box")
    wait_for(lambda: "box" in cli.names())
    cli("orbit", "rm", "box")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and cli("orbit", "get", "box/big", "-").raw == content


def test_a_name_that_is_not_utf8_is_asked_for(cli, tenant):
    name = b"disk\xff.raw"
    (cli.home / os.fsdecode(name)).write_bytes(noise(MIB))
    assert "name is not UTF-8" in cli("orbit", "put", os.fsdecode(name), "box", expect=1).err
    assert "img-" in cli("-s", "images", "register", "-a", "x86_64", "--file", os.fsdecode(name)).out


def test_what_is_known_to_be_refused_is_not_uploaded(cli, file):
    file("f", bytes(512))
    done = cli("images", "register", "-a", "z80", "--file", "f", expect=1)
    assert "x86_64 or i686" in done.err and "upload" not in done.err


def test_prepare_needs_no_client(cli, disk):
    shutil.rmtree(cli.home / ".brightbox")
    cli("images", "prepare", "disk.raw", "disk.zst")
    assert subprocess.run(["zstd", "-dqc", "disk.zst"], cwd=cli.home, check=True,
                          capture_output=True).stdout == disk
    for words, complaint in [(["disk.raw"], "the disk and the file"), (["disk.raw", "d.gz"], "--format"),
                             (["none", "d.xz"], "open none"), (["-l", "20", "disk.raw", "d.zst"], "1 to 19"),
                             (["--threads", "0", "disk.raw", "d.zst"], "threads"),
                             (["disk.raw", "no/d.xz"], "create no/d.xz"), (["disk.raw", "."], "--format")]:
        assert complaint in cli("images", "prepare", *words, expect=1).err
    assert not (cli.home / ".brightbox").exists()


def test_prepare_leaves_what_is_there_of_a_download(cli, disk, file):
    file("disk.zst.part", b"some of it")
    cli("images", "prepare", "disk.raw", "disk.zst")
    assert (cli.home / "disk.zst.part").read_bytes() == b"some of it"
    assert {f.name for f in cli.home.glob("disk.*")} == {"disk.raw", "disk.zst", "disk.zst.part"}


def test_prepare_that_is_interrupted_leaves_nothing(cli):
    process = cli.start("images", "prepare", "--threads", "1", "-", "d.zst", stdin=b"")
    process.stdin.write(noise(20 * MIB))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == -signal.SIGINT
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    assert not list(cli.home.glob("d.zst*"))


def test_two_tenants_do_not_meet(cli, another, tmp_path, file):
    other = another()
    assert isinstance(other, Tenant)
    theirs = Command(tmp_path / "theirs", other.daemon, other.client, other.secret, cli.account)
    cli("orbit", "put", "-", "box/f", stdin=b"mine")
    for words in (["ls"], ["ls", "box"], ["get", "box/f", "-"], ["rm", "box/f"], ["key", "--clear"],
                  ["tempurl", "box/f"]):
        assert "not allowed" in theirs("orbit", *words, expect=1).err
    assert cli("orbit", "get", "box/f", "-").raw == b"mine"
