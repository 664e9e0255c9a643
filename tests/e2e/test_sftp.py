# SPDX-License-Identifier: Apache-2.0
"""SFTP with the clients that people use, and what the protocol may be made to do (api.md section
7.9, hardening.md section 3.4)."""
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import paramiko
import pytest
import sftp
from conftest import Daemon, Tenant, wait_for

BIG = 5_000_000


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("sftp"), "sftp.delay_seconds=0", "sftp.tries=1000").start()
    yield made
    assert made.process.poll() is None, made.log.read_text()[-4000:]
    assert made.stop() == 0
    alarms = [line for line in made.log.read_text().splitlines() if "sftp-alarm" in line]
    assert not alarms, alarms


@pytest.fixture
def me(door):
    return Tenant(door)


@pytest.fixture
def files(door, me):
    with sftp.client(door, me.client, me.secret) as made:
        made.mkdir("box")
        yield made


@pytest.fixture
def raw(door, me):
    with sftp.Raw(door, me.client, me.secret) as made:
        assert made.status(14, sftp.text("/box") + struct.pack(">I", 0)) == sftp.OK
        yield made


@pytest.fixture
def programs(door, me, tmp_path):
    return sftp.Programs(door, tmp_path, me.client, me.secret)


def put(files, path, data):
    with files.open(path, "wb") as f:
        f.set_pipelined(True)
        f.write(data)


def get(files, path):
    with files.open(path, "rb") as f:
        f.prefetch()
        return f.read()


def noise(n, seed=1):
    return b"".join(hashlib.sha256(b"%d.%d" % (seed, i)).digest() for i in range(n // 32 + 1))[:n]


# ---- login ----

def test_names_and_secrets_of_users_and_clients(door, me):
    another = Tenant(door)
    for user, secret in ((me.client, me.secret), (f"{me.client}:{me.account}", me.secret),
                         (me.email, me.password), (f"{me.email}:{me.account}", me.password),
                         (me.user, me.password), (me.client, me.api().token),
                         (me.email, me.user_api().token)):
        with sftp.client(door, user, secret) as files:
            assert "images" in files.listdir("/")
    for user, secret in ((me.client, "wrong"), (me.client, ""), ("cli-zzzzz", me.secret), ("", ""),
                         (f"{me.client}:{another.account}", me.secret), (me.client + ":", me.secret),
                         (me.email, me.secret), (me.email, "x" * 5000), ("x" * 5000, "x"),
                         ("nobody@example.com", "x"), (f"{me.email}:acc-zzzzz", me.password)):
        with pytest.raises(paramiko.AuthenticationException), sftp.client(door, user, secret):
            pass


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_keys_of_a_user(door, me, tmp_path, kind):
    for name in ("mine", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / name], check=True)
    keys = "# comment\n\n" + (tmp_path / "mine.pub").read_text() + "ssh-ed25519 AAAA nonsense\n"
    me.user_api()("PUT", f"/1.0/users/{me.user}", {"ssh_key": keys}, 200)
    tool = sftp.Programs(door, tmp_path, me.email, "none")
    only = ("-o", "PreferredAuthentications=publickey", "-o", "IdentitiesOnly=yes")
    assert "images" in tool.sftp("ls", options=(*only, "-i", tmp_path / "mine")).stdout
    assert tool.sftp("ls", options=(*only, "-i", tmp_path / "other"), check=False).returncode != 0
    me.user_api()("PUT", f"/1.0/users/{me.user}", {"ssh_key": ""}, 200)
    assert tool.sftp("ls", options=(*only, "-i", tmp_path / "mine"), check=False).returncode != 0


def test_guessing_ends_for_a_while_and_says_nothing(fresh):
    door = fresh("sftp.tries=3", "sftp.delay_seconds=0", "sftp.lockout_seconds=1h")
    me = Tenant(door)
    with sftp.client(door, me.client, me.secret):
        pass
    for _ in range(3):
        with pytest.raises(paramiko.AuthenticationException), sftp.client(door, me.client, "wrong"):
            pass
    with pytest.raises(paramiko.AuthenticationException), sftp.client(door, me.client, me.secret):
        pass
    log = door.log.read_text()
    assert "result=locked-out" in log and me.secret not in log and "wrong\"" not in log


def test_one_connection_does_not_guess_for_ever(door, me):
    made = sftp.transport(door)
    tries = 0
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        while tries < 100:
            tries += 1
            try:
                made.auth_password(me.client, "wrong", fallback=False)
            except paramiko.AuthenticationException as why:
                if "timeout" in str(why).lower():
                    raise
    assert tries < 20
    made.close()


def test_sessions_are_limited(fresh):
    door = fresh("sftp.sessions_per_address=2")
    me = Tenant(door)
    with sftp.client(door, me.client, me.secret), sftp.client(door, me.client, me.secret):
        with pytest.raises((paramiko.SSHException, EOFError, OSError)), \
                sftp.client(door, me.client, me.secret):
            pass

    def again():
        try:
            with sftp.client(door, me.client, me.secret):
                return True
        except (paramiko.SSHException, EOFError, OSError):
            return False
    wait_for(again)


def test_who_is_silent_is_cut_off(fresh):
    door = fresh("sftp.idle_seconds=1", "sftp.login_seconds=1")
    me = Tenant(door)
    with socket.create_connection(sftp.where(door)) as silent:
        silent.settimeout(60)
        while silent.recv(4096):
            pass
    made = sftp.transport(door)
    try:
        made.auth_password(me.client, me.secret, fallback=False)
        wait_for(lambda: not made.is_active())
    finally:
        made.close()


def sessions(door):
    """Their processes."""
    def below(pid):
        return subprocess.run(["pgrep", "-P", str(pid), "darkroom-sftp"], capture_output=True,
                              text=True).stdout.split()
    return [session for listener in below(door.process.pid) for session in below(listener)]


class Deaf(socket.socket):
    """A connection whose client can stop reading."""

    def __init__(self, where):
        super().__init__()
        super().connect(where)
        self.reads = threading.Event()
        self.reads.set()

    def recv(self, *how):
        self.reads.wait()
        return super().recv(*how)


def test_who_does_not_read_is_cut_off(fresh):
    door = fresh("sftp.idle_seconds=1")
    me = Tenant(door)
    with sftp.client(door, me.client, me.secret) as files:
        files.mkdir("box")
        put(files, "/box/file", bytes(BIG))
    connection = Deaf(sftp.where(door))
    with sftp.Raw(door, me.client, me.secret, connection=connection) as raw:
        handle = raw.open("/box/file", sftp.READ)
        wait_for(lambda: len(sessions(door)) == 1)
        connection.reads.clear()
        # Its window is never full: a session that only buffers would not end.
        for _ in range(1000):
            raw.send(5, sftp.text(handle) + struct.pack(">QI", 0, 255 << 10))
        wait_for(lambda: len(sessions(door)) == 0)
        connection.reads.set()


def test_one_account_leaves_some_of_the_crew_to_others(fresh):
    door = fresh("sftp.threads=2")
    me, other = Tenant(door), Tenant(door)
    catalogue = sqlite3.connect(door.data / "catalogue.sqlite", isolation_level=None)
    with sftp.Raw(door, me.client, me.secret) as first, sftp.Raw(door, me.client, me.secret) as second, \
            sftp.client(door, other.client, other.secret) as files:
        catalogue.execute("BEGIN IMMEDIATE")
        for raw in (first, second):
            raw.send(14, sftp.text(f"/{raw.transport.name}") + struct.pack(">I", 0))
        assert files.listdir("/") == ["images"]
        assert not first.channel.recv_ready() and not second.channel.recv_ready()
        catalogue.execute("ROLLBACK")
        assert {raw.receive()[0] for raw in (first, second)} == {101}
    catalogue.close()


def test_nothing_but_sftp(door, me):
    made = sftp.transport(door)
    made.auth_password(me.client, me.secret, fallback=False)

    channel = made.open_session(timeout=60)
    for action in (lambda c: c.exec_command("id"), lambda c: c.invoke_shell(), lambda c: c.get_pty(),
                   lambda c: c.invoke_subsystem("netconf"), lambda c: c.request_x11()):
        with pytest.raises((paramiko.SSHException, EOFError)):
            action(channel)
            raise EOFError if channel.closed else AssertionError("was not refused")
        if channel.closed:
            made.close()
            made = sftp.transport(door)
            made.auth_password(me.client, me.secret, fallback=False)
            channel = made.open_session(timeout=60)
    with pytest.raises(paramiko.SSHException):
        made.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1), timeout=60)
    with pytest.raises(paramiko.SSHException):
        made.request_port_forward("127.0.0.1", 0)
    made.close()


@pytest.mark.parametrize("option", [
    "KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "MACs=hmac-sha1,umac-64@openssh.com",
    "HostKeyAlgorithms=ssh-rsa"])
def test_old_algorithms_are_refused(programs, option):
    name, value = option.split("=")
    cipher = ("-o", "Ciphers=aes128-ctr") if name == "MACs" else ()
    done = programs.sftp("ls", options=("-o", f"{name}={value}", *cipher), check=False)
    assert done.returncode != 0 and "no matching" in done.stderr


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com",
                                    "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr"])
def test_every_cipher_carries_a_file_both_ways(programs, cipher):
    data = noise(BIG)
    (programs.directory / "up").write_bytes(data)
    programs.sftp("mkdir box", "put up box/up", "get box/up down", options=("-o", f"Ciphers={cipher}"))
    assert (programs.directory / "down").read_bytes() == data


def test_keys_are_renewed_in_the_middle(programs):
    data = noise(BIG)
    (programs.directory / "up").write_bytes(data)
    programs.sftp("mkdir box", "put up box/up", "get box/up down", options=("-o", "RekeyLimit=1M"))
    assert (programs.directory / "down").read_bytes() == data


# ---- names ----

def test_containers_directories_and_objects(files, me):
    put(files, "/box/a/b/deep", b"123")
    put(files, "/box/top", b"4567")
    assert sorted(files.listdir("/")) == ["box", "images"]
    assert sorted(files.listdir("/box")) == ["a", "top"]
    assert files.listdir("/box/a") == ["b"] and files.listdir("/box/a/b") == ["deep"]
    assert files.stat("/box/a").st_mode == 0o40755 and files.stat("/box").st_mode == 0o40755
    top = files.stat("/box/top")
    assert (top.st_mode, top.st_size, top.st_uid, top.st_gid) == (0o100644, 4, 0, 0)
    assert abs(top.st_mtime - time.time()) < 600
    files.mkdir("/box/made")
    assert files.listdir("/box/made") == []
    for path in ("/box/made", "/box", "/", "/box/a", "/box/top", "/images"):
        with pytest.raises(OSError):
            files.mkdir(path)
    for path in ("/box/a", "/box", "/images", "/", "/box/nothing"):
        with pytest.raises(OSError):
            files.rmdir(path)
    for path in ("/box/a", "/box", "/nothing/x", "/box/nothing", "/images"):
        with pytest.raises(OSError):
            files.remove(path)
    files.rmdir("/box/made")
    files.remove("/box/a/b/deep")
    with pytest.raises(FileNotFoundError):
        files.stat("/box/a")
    files.remove("/box/top")
    files.rmdir("/box")
    assert files.listdir("/") == ["images"]


def test_large_objects_are_listed_with_what_they_hold(door, me, files):
    put(files, "box/parts/1", b"one")
    put(files, "box/parts/2", b"two")
    for name, parts in (("dynamic", "box/parts/"), ("lost", "box/none/")):
        assert door.request("PUT", f"/v1/{me.account}/box/{name}", body=b"", headers={
            "X-Auth-Token": me.api().token, "X-Object-Manifest": parts}).status == 201
    assert {f.filename: f.st_size for f in files.listdir_attr("box") if f.filename != "parts"} == {
        "dynamic": 6, "lost": 0}
    assert get(files, "box/dynamic") == b"onetwo"


def test_many_names_come_in_pages(files):
    names = [f"{i:04}-{'x' * (i % 200)}" for i in range(250)]
    for name in names:
        put(files, f"/box/{name}", b"")
    put(files, "/box/0100-dir/one", b"1")
    assert sorted(files.listdir("/box")) == sorted([*names, "0100-dir"])


def test_the_root_has_nothing_above_it(files):
    for path in ("..", "/..", "//", "/../..", "a/../../b/..", "box/../..", "/./."):
        assert files.normalize(path) == "/"
        assert sorted(files.listdir(path)) == ["box", "images"]
    assert files.normalize("box/./x/../y//") == "/box/y"
    put(files, "//box//..//box/./name", b"1")
    assert get(files, "/box/name") == b"1"


def test_names_that_cannot_be(raw):
    for path in (b"/box/\xff", b"/box/a\0b", b"/" + b"c" * 256, b"/box/" + b"o" * 1025, b"/box" * 5000):
        assert raw.open(path, sftp.WRITE | sftp.CREATE) == sftp.NO_SUCH_FILE
        assert raw.status(14, sftp.text(path) + struct.pack(">I", 0)) == sftp.NO_SUCH_FILE
    handle = raw.open(b"/box/" + b"o" * 1024, sftp.WRITE | sftp.CREATE)
    assert raw.close_handle(handle) == sftp.OK
    for path in ("/", "/box", "/file"):
        assert isinstance(raw.open(path, sftp.WRITE | sftp.CREATE), int)


def test_names_that_http_may_make_do_not_confuse_a_directory(door, me, files):
    api = me.api()
    for name in ("a//b", "./c", "../d", "e/", "line%0Abreak", "dir", "dir/x"):
        answer = door.request("PUT", f"/v1/{me.account}/box/{name}", b"1", {"X-Auth-Token": api.token})
        assert answer.status == 201, answer
    assert sorted(files.listdir("/box")) == ["a", "dir", "dir", "e", "line\nbreak"]
    assert files.listdir("/box/a") == [] and files.listdir("/box/dir") == ["x"]


def test_rename(files):
    put(files, "/box/one", b"1")
    put(files, "/box/two", b"2")
    put(files, "/box/d/x/1", b"3")
    files.mkdir("/other")
    with pytest.raises(OSError):
        files.rename("/box/one", "/box/two")
    files.posix_rename("/box/one", "/box/two")
    assert get(files, "/box/two") == b"1"
    files.rename("/box/two", "/other/three")
    files.rename("/box/d", "/box/e")
    assert get(files, "/box/e/x/1") == b"3"
    with pytest.raises(FileNotFoundError):
        files.stat("/box/d")
    for old, new in (("/box/e", "/box/e/f"), ("/box/e", "/other/e"), ("/images", "/pictures"),
                     ("/other/three", "/images/three"), ("/", "/x"), ("/box", "/other"),
                     ("/box/nothing", "/box/n"), ("/other/three", "/box/e"), ("/other/three", "/new")):
        with pytest.raises(OSError):
            files.rename(old, new)
    files.rename("/other", "/renamed")
    assert get(files, "/renamed/three") == b"1"


# ---- contents ----

@pytest.mark.parametrize("size", [0, 1, 32768, 261120, 1_000_000, BIG])
def test_what_is_put_is_what_is_got(door, me, files, size):
    data = noise(size)
    put(files, "/box/file", data)
    assert get(files, "/box/file") == data
    answer = door.request("GET", f"/v1/{me.account}/box/file", headers={"X-Auth-Token": me.api().token})
    assert answer.body == data and answer.header("Etag") == hashlib.md5(data).hexdigest()
    assert door.admin("store", "check", "--full")


def test_blocks_in_any_order(door, me, raw):
    data = noise(300_000)
    handle = raw.open("/box/file", sftp.WRITE | sftp.CREATE | sftp.TRUNCATE)
    for at in reversed(range(0, len(data), 10_000)):
        assert raw.write(handle, at, data[at:at + 10_000]) == sftp.OK
    assert raw.write(handle, 5, data[5:6]) == sftp.OK
    assert raw.write(handle, 400_000, b"end") == sftp.OK
    assert raw.close_handle(handle) == sftp.OK
    expected = data + bytes(100_000) + b"end"
    answer = door.request("GET", f"/v1/{me.account}/box/file", headers={"X-Auth-Token": me.api().token})
    assert answer.body == expected and answer.header("Etag") == hashlib.md5(expected).hexdigest()


def test_an_upload_appears_when_it_is_closed(files, door, me):
    put(files, "/box/file", b"old")
    f = files.open("/box/file", "wb")
    f.write(b"new content")
    f.flush()
    with sftp.client(door, me.client, me.secret) as second:
        assert get(second, "/box/file") == b"old"
        f.close()
        assert get(second, "/box/file") == b"new content"


def test_who_leaves_in_the_middle_leaves_nothing(files, door, me):
    put(files, "/box/old", b"old")
    leaver = sftp.Raw(door, me.client, me.secret)
    for name in ("old", "new"):
        handle = leaver.open(f"/box/{name}", sftp.WRITE | sftp.CREATE | sftp.TRUNCATE)
        assert leaver.write(handle, 0, noise(200_000)) == sftp.OK
    leaver.transport.sock.close()
    leaver.close()
    assert files.listdir("/box") == ["old"] and get(files, "/box/old") == b"old"
    tmp = door.data / "store" / "tmp"
    wait_for(lambda: not list(tmp.iterdir()))


def test_resume_of_an_upload_and_append(files):
    data = noise(400_000)
    put(files, "/box/file", data[:150_000])
    with files.open("/box/file", "ab") as f:
        f.write(data[150_000:300_000])
    assert get(files, "/box/file") == data[:300_000]
    with files.open("/box/file", "r+b") as f:
        assert f.read(10) == data[:10]
        f.seek(300_000)
        f.write(data[300_000:])
    assert get(files, "/box/file") == data
    with files.open("/box/file", "r+b") as f:
        f.truncate(7)
    assert get(files, "/box/file") == data[:7]
    with pytest.raises(FileNotFoundError):
        files.open("/box/none", "r+b")
    with pytest.raises(OSError):
        files.open("/box/file", "wx")
    with files.open("/box/fresh", "wx") as f:
        f.write(b"x")


def test_what_is_appended_to_a_large_object_is_not_lost(files, door, me):
    token = {"X-Auth-Token": me.api().token}
    files.mkdir("parts")
    put(files, "/parts/s1", b"one ")
    put(files, "/parts/s2", b"two ")
    big = f"/v1/{me.account}/box/big"
    made = door.request("PUT", big, b"", {**token, "X-Object-Manifest": "parts/s", "X-Object-Meta-Colour": "red"})
    assert made.status == 201, made
    with files.open("/box/big", "ab") as f:
        f.write(b"three")
    assert get(files, "/box/big") == b"one two three"
    answer = door.request("GET", big, headers=token)
    assert answer.body == b"one two three" and answer.header("X-Object-Meta-Colour") == "red"
    assert answer.header("X-Object-Manifest") is None, answer


def test_quotas_hold(fresh):
    door = fresh("orbit.account_bytes=100000")
    me = Tenant(door)
    with sftp.client(door, me.client, me.secret) as files:
        files.mkdir("box")
        put(files, "/box/fits", noise(60_000))
        with pytest.raises(OSError), files.open("/box/more", "wb") as f:
            f.write(noise(60_000))
        assert files.listdir("/box") == ["fits"]
        put(files, "/box/fits", noise(90_000))


def test_one_object_has_its_limit(fresh):
    door = fresh("orbit.object_bytes=100000")
    me = Tenant(door)
    with sftp.Raw(door, me.client, me.secret) as raw:
        assert raw.status(14, sftp.text("/box") + struct.pack(">I", 0)) == sftp.OK
        handle = raw.open("/box/f", sftp.WRITE | sftp.CREATE)
        assert raw.write(handle, 99_999, b"x") == sftp.OK
        assert raw.write(handle, 100_000, b"x") == sftp.FAILURE
        assert raw.write(handle, 2**62, b"x") == sftp.FAILURE
        assert raw.close_handle(handle) == sftp.FAILURE
        assert isinstance(raw.open("/box/f", sftp.READ), int)


def test_a_large_object_that_is_gone_on_with_counts_in_full(fresh):
    door = fresh("orbit.object_bytes=3000000", "orbit.account_bytes=2500000")
    me = Tenant(door)
    with sftp.client(door, me.client, me.secret) as files:
        files.mkdir("box")
        put(files, "/box/part", bytes(1_000_000))
        manifest = [{"path": "/box/part"}] * 4
        answer = door.request("PUT", f"/v1/{me.account}/box/large?multipart-manifest=put",
                              json.dumps(manifest).encode(), {"X-Auth-Token": me.api().token})
        assert answer.status == 201, answer
        with pytest.raises(OSError, match="too large"):
            files.open("/box/large", "ab")
        with files.open("/box/part", "ab") as f:
            f.write(b"x")
        assert files.stat("/box/part").st_size == 1_000_001


def test_times_are_kept(files):
    put(files, "/box/file", b"1")
    files.utime("/box/file", (1_000_000_000, 1_234_567_890))
    assert files.stat("/box/file").st_mtime == 1_234_567_890
    assert {a.filename: a.st_mtime for a in files.listdir_attr("/box")} == {"file": 1_234_567_890}
    for action in (lambda: files.chmod("/box/file", 0o600), lambda: files.chown("/box/file", 1, 1),
                   lambda: files.chmod("/box/file", 0o4755), lambda: files.truncate("/box/file", 0),
                   lambda: files.symlink("/box/file", "/box/link"), lambda: files.readlink("/box/file")):
        with pytest.raises(OSError):
            action()
    files.chmod("/box/file", 0o644)
    assert get(files, "/box/file") == b"1"


# ---- images ----

def test_images_are_read_only_and_true(door, me, files, source, tmp_path):
    disk = noise(1_048_576) + bytes(1_048_576)
    api = me.api()
    source.files["sftp.raw"] = disk
    image = api.settled(api.register(source.url("sftp.raw")))
    name = f"/images/{image['id']}"
    assert files.listdir("/images") == [image["id"]]
    packed = get(files, name)
    assert files.stat(name).st_size == len(packed)
    (tmp_path / "packed.lz4").write_bytes(packed)
    assert subprocess.run(["lz4", "-dc", tmp_path / "packed.lz4"], check=True, capture_output=True).stdout == disk
    assert get(files, name + ".raw") == disk
    assert get(files, name + ".qcow2")[:4] == b"QFI\xfb"
    for action in (lambda: files.remove(name), lambda: put(files, name, b"x"),
                   lambda: put(files, "/images/new", b"x"), lambda: files.mkdir("/images/d"),
                   lambda: files.rename(name, "/box/x"), lambda: files.utime(name, (1, 1))):
        with pytest.raises(OSError):
            action()
    assert get(files, name) == packed


# ---- isolation ----

def test_other_accounts_are_not_there(door, me, files):
    put(files, "/box/secret", b"1")
    other = Tenant(door)
    with sftp.client(door, other.client, other.secret) as theirs:
        for path in ("/box", "/box/secret", f"/{me.account}/box/secret"):
            with pytest.raises(FileNotFoundError):
                theirs.stat(path)
        with pytest.raises(OSError):
            put(theirs, "/box/mine", b"")


def test_storage_only_clients_see_what_they_were_granted(door, me, files):
    put(files, "/box/file", b"1")
    files.mkdir("/closed")
    put(files, "/closed/file", b"2")
    made = door.admin("client", "create", me.account, "--group", "storage")
    grant = f"{me.account}:{made['id']}"
    with sftp.client(door, made["id"], made["secret"]) as guest:
        assert guest.listdir("/") == []
        for path in ("/box/file", "/closed/file", "/nothing/file"):
            with pytest.raises(OSError):
                get(guest, path)
        answer = door.request("POST", f"/v1/{me.account}/box", headers={
            "X-Auth-Token": me.api().token, "X-Container-Read": grant})
        assert answer.status == 204
        assert guest.listdir("/") == [] and guest.listdir("/box") == ["file"]
        assert get(guest, "/box/file") == b"1"
        for action in (lambda: put(guest, "/box/new", b""), lambda: guest.remove("/box/file"),
                       lambda: guest.mkdir("/new"), lambda: guest.rmdir("/box"),
                       lambda: guest.rename("/box", "/b"), lambda: guest.listdir("/images")):
            with pytest.raises(OSError):
                action()
        door.request("POST", f"/v1/{me.account}/box", headers={
            "X-Auth-Token": me.api().token, "X-Container-Write": grant})
        put(guest, "/box/new", b"3")
        assert sorted(guest.listdir("/box")) == ["file", "new"]


# ---- hostile packets ----

def test_packets_that_are_none_end_the_session(door, me):
    for data in (struct.pack(">IBI", 5, 3, 1), struct.pack(">I", 0), struct.pack(">IB", 1, 1),
                 struct.pack(">I", 0xFFFFFFFF) + b"x", struct.pack(">I", 300_000) + bytes(1000)):
        raw = sftp.Raw(door, me.client, me.secret, hello=False)
        with raw, pytest.raises((EOFError, OSError)):
            raw.send_bytes(data)
            raw.receive()
    raw = sftp.Raw(door, me.client, me.secret)
    with raw, pytest.raises((EOFError, OSError)):
        raw.send_bytes(struct.pack(">IBI", 5, 1, 3))
        raw.receive()


def test_requests_with_nonsense_are_answered(raw):
    handle = raw.open("/box/f", sftp.WRITE | sftp.CREATE)
    for kind in range(2, 256):
        if kind in (100, ):
            continue
        got, rest = raw.ask(kind, b"")
        assert got == 101 and struct.unpack(">I", rest[:4])[0] != sftp.OK, kind
        got, rest = raw.ask(kind, b"\xff" * 40)
        assert got == 101 and struct.unpack(">I", rest[:4])[0] != sftp.OK, kind
    for wrong in (b"", b"x", b"\0" * 8, handle + b"x", handle[:7], b"\xff" * 8, b"y" * 200_000):
        assert raw.close_handle(wrong) == sftp.FAILURE
        assert raw.status(5, sftp.text(wrong) + struct.pack(">QI", 0, 10)) == sftp.FAILURE
    assert raw.close_handle(handle) == sftp.OK
    assert raw.close_handle(handle) == sftp.FAILURE
    assert raw.status(200, sftp.text("hardlink@openssh.com") + sftp.text("/box/f") + sftp.text("/box/g")) \
        == sftp.UNSUPPORTED


def test_handles_are_limited_and_come_back(raw):
    handles = []
    while isinstance(handle := raw.open(f"/box/f{len(handles)}", sftp.WRITE | sftp.CREATE), bytes):
        handles.append(handle)
        assert len(handles) < 1000
    assert handle == sftp.FAILURE and len(handles) == 64
    assert raw.close_handle(handles[0]) == sftp.OK
    assert isinstance(raw.open("/box/again", sftp.WRITE | sftp.CREATE), bytes)


def test_a_dead_listener_is_started_again(fresh):
    door = fresh("sftp.delay_seconds=0")
    me = Tenant(door)

    def listener():
        done = subprocess.run(["pgrep", "-P", str(door.process.pid), "darkroom-sftp"], capture_output=True, text=True)
        return done.stdout.split()
    first = wait_for(listener)[0]
    os.kill(int(first), 9)
    wait_for(lambda: listener() and listener()[0] != first)
    with sftp.client(door, me.client, me.secret) as files:
        assert "images" in files.listdir("/")
    alive = listener()[0]
    door.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{alive}"))


# ---- other people's programs ----

def test_openssh_sftp(programs):
    data = noise(700_000)
    work = programs.directory
    (work / "tree/sub").mkdir(parents=True)
    (work / "tree/a").write_bytes(data)
    (work / "tree/sub/b").write_bytes(b"b")
    os.utime(work / "tree/a", (1_000_000_000, 1_111_111_111))
    programs.sftp("mkdir box", "put -p tree/a box/a", "put -r tree box/tree", "get -r box/tree back",
                  "rename box/a box/a2", "df", "ls -l box")
    assert (work / "back/a").read_bytes() == data and (work / "back/sub/b").read_bytes() == b"b"
    shown = programs.sftp("ls -l box").stdout.splitlines()
    assert any(line.split()[:5] == ["-rw-r--r--", "1", "0", "0", str(len(data))] and
               line.endswith("Mar 18  2005 a2") for line in shown), shown
    (work / "part").write_bytes(data[:300_000])
    programs.sftp("get -a box/a2 part")
    assert (work / "part").read_bytes() == data
    (work / "half").write_bytes(data[:300_000])
    programs.sftp("put half box/resumed")
    (work / "half").write_bytes(data)
    programs.sftp("reput half box/resumed", "get box/resumed whole")
    assert (work / "whole").read_bytes() == data
    programs.sftp("rm box/a2", "rm box/resumed", "rm box/tree/a", "rm box/tree/sub/*", "rmdir box/tree/sub",
                  "rmdir box/tree", "rmdir box")


def test_scp(programs):
    data = noise(300_000)
    (programs.directory / "up").write_bytes(data)
    programs.sftp("mkdir box")
    programs.run("scp", "-p", *programs.options, "up", f"{programs.host}:/box/up")
    programs.run("scp", *programs.options, f"{programs.host}:/box/up", "down")
    assert (programs.directory / "down").read_bytes() == data


@pytest.mark.skipif(not shutil.which("lftp"), reason="lftp is not here")
def test_lftp(programs):
    work = programs.directory
    (work / "tree/sub").mkdir(parents=True)
    (work / "tree/a").write_bytes(noise(300_000))
    (work / "tree/sub/b").write_bytes(b"b")
    connect = "set sftp:connect-program 'ssh -a -x " + " ".join(programs.options[2:]) + "'; " \
        f"set net:max-retries 1; set cmd:fail-exit true; open -u {programs.user},{programs.secret} " \
        f"sftp://{programs.host}:{programs.port}; "
    programs.run("lftp", "-c", connect + "mkdir box; mirror -R tree box/tree; mirror box/tree back; "
                 "get box/tree/a -o one; mv box/tree/a box/tree/c; rm -r box/tree; ls box")
    assert (work / "back/a").read_bytes() == (work / "tree/a").read_bytes() == (work / "one").read_bytes()


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not here")
def test_rclone(programs):
    work = programs.directory
    (work / "tree/sub").mkdir(parents=True)
    (work / "tree/a").write_bytes(noise(300_000))
    (work / "tree/sub/b").write_bytes(b"b")
    os.utime(work / "tree/a", (1_000_000_000, 1_111_111_111))
    hidden = programs.run("rclone", "obscure", programs.secret).stdout.strip()
    (work / "rclone.conf").write_text(f"[o]\ntype = sftp\nhost = {programs.host}\nport = {programs.port}\n"
                                      f"user = {programs.user}\npass = {hidden}\nshell_type = none\n")
    rclone = ("rclone", "--config", work / "rclone.conf", "--retries", "1")
    programs.run(*rclone, "mkdir", "o:/box")
    programs.run(*rclone, "copy", "tree", "o:/box/tree")
    programs.run(*rclone, "check", "--download", "tree", "o:/box/tree")
    assert "nothing to transfer" in programs.run(*rclone, "sync", "-v", "tree", "o:/box/tree").stderr
    programs.run(*rclone, "copy", "o:/box/tree", "back")
    assert (work / "back/a").read_bytes() == (work / "tree/a").read_bytes()
    assert int((work / "back/a").stat().st_mtime) == 1_111_111_111
    programs.run(*rclone, "moveto", "o:/box/tree/a", "o:/box/tree/z")
    programs.run(*rclone, "about", "o:")
    programs.run(*rclone, "purge", "o:/box/tree")
    assert programs.run(*rclone, "lsf", "o:/box").stdout == ""


@pytest.mark.skipif("sftp" not in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout,
                    reason="curl speaks no sftp")
def test_curl(programs):
    data = noise(300_000)
    (programs.directory / "up").write_bytes(data)
    programs.sftp("mkdir box")
    url = f"sftp://{programs.host}:{programs.port}/box/up"
    curl = ("curl", "-sS", "--insecure", "-u", f"{programs.user}:{programs.secret}")
    programs.run(*curl, "-T", "up", url)
    programs.run(*curl, "-o", "down", url)
    assert (programs.directory / "down").read_bytes() == data
    programs.run(*curl, "-r", "10-19", "-o", "piece", url)
    assert (programs.directory / "piece").read_bytes() == data[10:20]
