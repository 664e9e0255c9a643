# SPDX-License-Identifier: Apache-2.0
"""What an operator types: init, serve, admin, inspect."""
import json
import os
import pty
import re
import signal
import socket
import subprocess

import pytest

from conftest import BIN, Tenant, grant, wait_for

DARKROOMD = BIN / "darkroomd"


def darkroomd(*words, expect=0, **options):
    done = subprocess.run([DARKROOMD, *words], capture_output=True, text=True, **options)
    assert done.returncode == expect, (words, done.stdout, done.stderr)
    return done


def test_init_prints_everything_once_and_keeps_only_hashes(tmp_path):
    data = tmp_path / "data"
    made = json.loads(darkroomd("init", "--data", data, "--json").stdout)
    assert set(made) == {"account_id", "client_id", "secret", "email", "password"}
    assert re.fullmatch(r"acc-[0-9a-z]{5}", made["account_id"])
    assert re.fullmatch(r"cli-[0-9a-z]{5}", made["client_id"])
    assert re.fullmatch(r"[0-9a-z]{15}", made["secret"])
    assert data.stat().st_mode & 0o777 == 0o700
    for path in data.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
            content = path.read_bytes()
            assert made["secret"].encode() not in content and made["password"].encode() not in content


def test_init_never_touches_what_is_there(tmp_path):
    (tmp_path / "precious").write_text("data")
    refused = darkroomd("init", "--data", tmp_path, expect=1)
    assert "not empty" in refused.stderr and str(tmp_path) in refused.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]
    data = tmp_path / "empty"
    data.mkdir()
    assert "account" in darkroomd("init", "--data", data).stdout
    darkroomd("init", "--data", data, expect=1)


def test_init_takes_names(tmp_path):
    made = json.loads(darkroomd("init", "--json", "--email", "ada@example.com", "--account", "Research",
                                "--data", tmp_path / "d").stdout)
    assert made["email"] == "ada@example.com"
    listed = json.loads(darkroomd("admin", "--json", "account", "--data", tmp_path / "d", "list").stdout)
    assert [a["name"] for a in listed] == ["Research"]


@pytest.mark.parametrize("words, needle", [
    ((), "init"), (("--help",), "serve"), (("init", "--help"), "--email"), (("help", "serve"), "import.allow"),
    (("serve", "--help"), "http.listen"), (("admin", "--help"), "store check"),
    (("admin", "store", "--help"), "collect"), (("inspect", "--help"), "--decode"), (("--version",), "darkroomd "),
])
def test_help_on_every_level(words, needle):
    assert needle in darkroomd(*words).stdout


@pytest.mark.parametrize("words, needle", [
    (("serve",), "--data DIR is needed"),
    (("serve", "--data", "/nonexistent"), "darkroomd init"),
    (("serve", "--data", "{data}", "--set", "no.such=1"), "is no setting"),
    (("serve", "--data", "{data}", "--set", "import.virtual_bytes=lots"), "takes a size"),
    (("serve", "--data", "{data}", "--set", "store.dedup=maybe"), "account or global"),
    (("serve", "--data", "{data}", "--listen", "nowhere"), "HOST:PORT"),
    (("serve", "--data", "{data}", "--set", "import.allow=lan"), 'import.allow: address range "lan"'),
    (("serve", "--data", "{data}", "--set", "import.deny=10.0.0.0/8,x"), "import.deny"),
    (("serve", "--data", "{data}", "--set", "import.ports=99999"), "import.ports"),
    (("serve", "--data", "{data}/spool"), "{data}/spool/catalogue.sqlite does not exist; darkroomd init"),
    (("serve", "--data", "{data}", "--config", "/nonexistent.conf"), "no such file"),
    (("admin", "account", "limits", "acc-zzzzz", "--data", "{data}"), "acc-zzzzz: no such account"),
    (("admin", "account", "limits", "acc-zzzzz", "--data", "/nonexistent"), "darkroomd: /nonexistent does not exist"),
    (("admin", "user", "create", "a@b", "--account", "acc-zzzzz", "--data", "{data}"), "darkroomd: acc-zzzzz: no such"),
    (("admin", "job", "cancel", "x", "--data", "{data}"), "is a number"),
    (("admin", "client", "create", "acc-zzzzz", "--group", "both", "--data", "{data}"), "full or storage"),
])
def test_mistakes_are_named(tmp_path, words, needle):
    data = tmp_path / "data"
    darkroomd("init", "--data", data)
    done = darkroomd(*(w.format(data=data) for w in words), expect=1)
    assert needle.format(data=data).lower() in done.stderr.lower(), done.stderr
    assert list((data / "spool").iterdir()) == []


@pytest.mark.parametrize("words", [("frobnicate",), ("--frobnicate",), ("serve", "now"), ("admin", "image"), ("admin", "account", "create")])
def test_unknown_words_are_usage_errors(words):
    darkroomd(*words, expect=2)


def test_the_configuration_file_is_read_and_options_win(tmp_path, fresh):
    daemon = fresh()
    daemon.stop()
    (daemon.data / "darkroom.conf").write_text("[http]\nlisten = 256.0.0.1:1\n[import]\nper_account = 7\n")
    daemon.start()  # --listen wins over the file
    daemon.stop()
    (daemon.data / "darkroom.conf").write_text("[import]\nno_such = 1\n")
    done = darkroomd("serve", "--data", daemon.data, expect=1)
    assert "line 2" in done.stderr and "import.no_such" in done.stderr
    (daemon.data / "darkroom.conf").write_text("per_account = 7\n[import]\nno_such = 1\n")
    done = darkroomd("serve", "--data", daemon.data, expect=1)
    assert "line 1" in done.stderr and "[section]" in done.stderr


def test_the_service_manager_is_told(tmp_path):
    data = tmp_path / "data"
    darkroomd("init", "--data", data)
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(path)
        told.settimeout(60)
        process = subprocess.Popen([DARKROOMD, "serve", "--data", data, "--listen", "127.0.0.1:0",
                                    "--sftp", "127.0.0.1:0"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env={**os.environ, "NOTIFY_SOCKET": path})
        assert re.fullmatch(r"ready http=127\.0\.0\.1:\d+ sftp=127\.0\.0\.1:\d+\n", process.stdout.readline())
        assert told.recv(100) == b"READY=1"
        process.send_signal(signal.SIGTERM)
        assert told.recv(100) == b"STOPPING=1"
        assert process.wait(timeout=60) == 0
        process.stdout.close()


def test_accounts_and_limits(daemon):
    made = daemon.admin("account", "create", "Grün & Söhne")
    assert made["id"] in [a["id"] for a in daemon.admin("account", "list")]
    limits = daemon.admin("account", "limits", made["id"], "--stored-bytes", "5G", "--imports", "3")
    assert limits["stored_bytes"] == 5 << 30 and limits["imports"] == 3
    assert daemon.admin("account", "limits", made["id"])["stored_bytes"] == 5 << 30
    assert daemon.admin("account", "limits", made["id"], "--orbit-bytes", "7G")["orbit_bytes"] == 7 << 30
    again = daemon.admin("account", "limits", made["id"], "--orbit-bytes", "0")
    assert again["orbit_bytes"] == 0 and again["stored_bytes"] == 5 << 30
    table = darkroomd("admin", "account", "list", "--data", daemon.data).stdout
    assert table.startswith("id\tname\t") and "Grün & Söhne" in table


def test_a_reset_client_has_a_new_secret(daemon, tenant):
    fields = {"grant_type": "client_credentials"}
    new = daemon.admin("client", "reset", tenant.client)["secret"]
    assert grant(daemon, fields, (tenant.client, tenant.secret)).status == 401
    assert grant(daemon, fields, (tenant.client, new)).status == 200


def test_a_user_is_created_with_a_password_that_works(daemon, tenant):
    made = daemon.admin("user", "create", "new@example.com", "--account", tenant.account)
    answer = grant(daemon, {"grant_type": "password", "username": "new@example.com",
                            "password": made["password"]}, ("app-12345", "mocbuipbiaa6k6c"))
    assert answer.status == 200
    darkroomd("admin", "user", "create", "new@example.com", "--account", tenant.account, "--data", daemon.data,
              expect=1)


def login(daemon, tenant, password):
    return grant(daemon, {"grant_type": "password", "username": tenant.email, "password": password},
                 ("app-12345", "mocbuipbiaa6k6c"))


def test_a_new_password_ends_the_old_one_and_what_it_opened(daemon, tenant):
    opened = tenant.user_api()
    opened.get("/1.0/user")
    changed = darkroomd("admin", "user", "password", tenant.email, "--data", daemon.data, "--json",
                        input="correct horse\nnot read\n").stdout
    assert json.loads(changed)["id"] == tenant.user and "horse" not in changed
    assert login(daemon, tenant, tenant.password).status == 401
    assert login(daemon, tenant, "correct horse").status == 200
    opened.get("/1.0/user", expect=401)
    for wrong in ("", "short\n", "x" * 1025 + "\n", "with\x07bell\n"):
        darkroomd("admin", "user", "password", tenant.user, "--data", daemon.data, input=wrong, expect=1)
    assert login(daemon, tenant, "correct horse").status == 200
    darkroomd("admin", "user", "password", "nobody@example.com", "--data", daemon.data, input="", expect=1)


def test_a_password_is_not_shown_while_it_is_typed(daemon, tenant):
    ours, theirs = pty.openpty()
    command = [DARKROOMD, "admin", "user", "password", tenant.email, "--data", daemon.data]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        seen = b""
        for question in (b"New password: ", b"Once more: "):
            while not seen.endswith(question):
                seen += os.read(ours, 1000)
            os.write(ours, b"correct horse\n")
        assert process.wait(timeout=60) == 0
        seen += os.read(ours, 1000)
    os.close(ours)
    assert b"horse" not in seen and b"changed" in seen
    assert login(daemon, tenant, "correct horse").status == 200


def test_marks_of_the_operator(fresh, source):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["official.raw"] = bytes(1024)
    image = api.settled(api.register(source.url("official.raw")))
    daemon.admin("image", "licence", image["id"], "Windows 2022")
    daemon.admin("image", "official", image["id"], "true")
    shown = api.get(f"/1.0/images/{image['id']}")
    assert shown["official"] and shown["licence_name"] == "Windows 2022"
    daemon.admin("image", "official", image["id"], "false")
    assert not api.get(f"/1.0/images/{image['id']}")["official"]


def test_jobs_are_listed_cancelled_and_retried(fresh, source):
    daemon = fresh()
    api = Tenant(daemon).api()
    source.files["slow"] = bytes(1 << 20)
    image = api.register(source.url("slow", rate=50_000) + "?signature=secret")
    job = wait_for(lambda: next((j for j in daemon.admin("job", "list")
                                 if j["image"] == image["id"] and j["state"] == "running"), None))
    assert "secret" not in json.dumps(job)
    daemon.admin("job", "cancel", str(job["id"]))
    failed = api.settled(image, "failed")
    assert failed["status_reason"].startswith("cancelled: ")
    daemon.admin("job", "retry", str(job["id"]))
    wait_for(lambda: any(j["state"] == "running" for j in daemon.admin("job", "list")))
    assert api.get(f"/1.0/images/{image['id']}")["status"] == "creating"
    assert "secret" not in daemon.log.read_text()


def test_doctor_finds_a_healthy_installation_and_a_sick_one(fresh):
    daemon = fresh()
    rows = {r["check"]: r["verdict"] for r in daemon.admin("doctor")}
    assert "FAIL" not in rows.values() and rows["decoder in its sandbox"] == "ok"
    (daemon.data / "spool").rmdir()
    sick = darkroomd("admin", "doctor", "--json", "--data", daemon.data, expect=1)
    assert {r["check"]: r["verdict"] for r in json.loads(sick.stdout)}["spool"] == "FAIL"


def test_a_foreign_catalogue_is_not_written_over(tmp_path):
    data = tmp_path / "data"
    darkroomd("init", "--data", data)
    (data / "catalogue.sqlite").write_bytes(b"")
    done = darkroomd("serve", "--data", data, expect=1)
    assert "catalogue" in done.stderr
    assert (data / "catalogue.sqlite").stat().st_size == 0


def test_inspect_refuses_in_words(tmp_path):
    page = tmp_path / "page"
    page.write_text("<html><body>moved</body></html>")
    out = json.loads(darkroomd("inspect", "--json", page, expect=1).stdout)
    assert out["refused"]["code"] == "not-an-image"
    darkroomd("inspect", page, "--decode", tmp_path / "out", expect=1)
    assert not (tmp_path / "out").exists()
    darkroomd("inspect", tmp_path / "absent", expect=2)
