# SPDX-License-Identifier: Apache-2.0
"""accounts, users, types, zones; errors of the service."""
import json
import subprocess

import pytest

from fake_api import FakeApi, account, user
from runner import CLIENT_SECTION, Cli

A = "?account_id=acc-abcde"


def test_accounts_of_an_api_client(cli, api):
    got = cli("-s", "accounts")
    assert got.out == "acc-abcde\tExample\t5\t2\t16384\t4096\t12288\n"
    assert api.log()[1:] == ["GET /1.0/account"]
    assert cli("accounts").out.splitlines()[1].split() == [
        "id", "name", "cloud_ips_limit", "lb_limit", "ram_limit", "ram_used", "ram_free"]


def test_accounts_of_a_user(user_cli, api):
    api.tokens.add("t")
    (user_cli.dir / "ada@example.com.oauth_token").write_text("t")
    api.accounts["acc-guest"] = account("acc-guest", name="Theirs", ram_used=20000)
    api.collaborations = [
        {"id": "col-aaaaa", "status": "accepted", "account": {"id": "acc-guest", "name": "x"}},
        {"id": "col-bbbbb", "status": "pending", "account": {"id": "acc-new01", "name": "New"}},
        {"id": "col-ccccc", "status": "rejected", "account": {"id": "acc-nope1", "name": "No"}}]
    got = user_cli("-s", "accounts")
    assert got.out == ("acc-abcde\t5\t2\t16384\t4096\t12288\towner\tExample\n"
                       "acc-guest\t5\t2\t16384\t20000\t0\tcollaborator\tTheirs\n"
                       "acc-new01\t\t\t\t\t\t(invited)\tNew\n")
    assert api.log() == ["GET /1.0/accounts?nested=false", "GET /1.0/user/collaborations"]
    assert [a["id"] for a in json.loads(user_cli("accounts", "--json").out)] == [
        "acc-abcde", "acc-guest"]


def test_accounts_show(cli, api):
    got = cli("accounts", "show", "acc-abcde", "acc-nooo1")
    assert got.out == """\
            id: acc-abcde
          name: Example
cloud_ip_limit: 5
     ram_limit: 16384
      ram_used: 4096
      lb_limit: 2
      ram_free: 12288
"""
    assert (got.code, got.err) == (0, "WARN: Couldn't find account acc-nooo1\n")
    cli.write_config(cli.config() + "username = \n")
    got = cli("accounts", "show", "acc-abcde", "acc-nooo1")
    assert got.err == "WARN: Couldn't find account acc-nooo1\n"
    assert api.log()[-2:] == ["GET /1.0/accounts/acc-abcde", "GET /1.0/accounts/acc-nooo1"]


def test_accounts_default(user_cli, api):
    api.tokens.add("t")
    (user_cli.dir / "ada@example.com.oauth_token").write_text("t")
    got = user_cli("accounts", "default", "acc-nooo1")
    assert (got.code, got.err) == (1, "ERROR: Couldn't find account acc-nooo1\n")
    assert "default_account" not in user_cli.config()
    got = user_cli("accounts", "default", "acc-abcde")
    assert (got.code, got.out, got.err) == (0, "", "")
    assert user_cli.config().endswith("\ndefault_account = acc-abcde\n")


def test_users_list_is_by_age(cli, api):
    api.people["usr-older"] = user("usr-older", created_at="2019-01-01T00:00:00Z", accounts=[])
    got = cli("-s", "users")
    assert got.out == ("usr-older\tAda\tada@example.com\t0\n"
                       "usr-aaaaa\tAda\tada@example.com\t1\n")
    assert api.log()[1:] == ["GET /1.0/users"]


def test_users_show(cli):
    assert cli("users", "show", "usr-aaaaa").out == """\
           id: usr-aaaaa
         name: Ada
email_address: ada@example.com
     accounts: 1
      ssh_key: ssh-ed25519 AAAA ada
"""
    got = cli("users", "show", "usr-aaaaa", "usr-nooo1")
    assert (got.code, got.out, got.err) == (
        1, "", "ERROR: Couldn't find a user with ID usr-nooo1\n")


def test_users_update_sends_all_three_members(cli, api):
    got = cli("users", "update", "usr-aaaaa", "-n", "Ada L")
    assert got.out == """\
           id: usr-aaaaa
         name: Ada L
email_address: ada@example.com
      ssh_key: ssh-ed25519 AAAA ada
"""
    assert api.requests[-1].json == {"email_address": "ada@example.com", "name": "Ada L",
                                     "ssh_key": "ssh-ed25519 AAAA ada"}


def test_users_update_reads_the_key_from_a_file_or_standard_input(cli, api):
    (cli.home / "key.pub").write_text("ssh-ed25519 BBBB")
    cli("users", "update", "usr-aaaaa", "-f", "key.pub")
    assert api.requests[-1].json["ssh_key"] == "ssh-ed25519 BBBB"
    cli("users", "update", "usr-aaaaa", "--ssh-key=-", input="ssh-ed25519 CCCC")
    assert api.requests[-1].json["ssh_key"] == "ssh-ed25519 CCCC"
    assert cli("users", "update", "usr-aaaaa", "-f", "none.pub").code == 1


def test_types_are_sorted_by_ram(cli, api):
    assert cli("types").out == """
 id         name  handle   ram   disk   cores
----------------------------------------------
 typ-w0hf9  One   1gb.ssd  1024  30720  2    
 typ-22222  Two   2gb.ssd  2048  61440  2    
----------------------------------------------

"""
    assert api.log()[1:] == ["GET /1.0/server_types" + A]


def test_types_show(cli):
    got = cli("types", "show", "typ-w0hf9", "typ-nooo1")
    assert got.out == """\
    id: typ-w0hf9
handle: 1gb.ssd
status: available
  name: One
   ram: 1024
  disk: 30720
 cores: 2
"""
    assert (got.code, got.err) == (0, "WARN: Couldn't find type typ-nooo1\n")


def test_zones(cli, api):
    assert cli("zones").out.splitlines()[3:5] == [" zon-aaaaa  gb1-a ", " zon-bbbbb  gb1-b "]
    got = cli("zones", "list", "zon-bbbbb", "zon-nooo1")
    assert (got.ids(), got.err) == (["zon-bbbbb"], "WARN: Couldn't find zone zon-nooo1\n")


@pytest.mark.parametrize("status, body, message", [
    (422, b'{"error_name":"unprocessable_entity","errors":["One.","Two."]}', "ERROR: One. Two."),
    (403, b'{"error":"forbidden"}', "ERROR: forbidden"),
    (500, b"", "ERROR: GET /1.0/zones was answered with HTTP status 500"),
    (502, b"<html>", "ERROR: GET /1.0/zones was answered with HTTP status 502"),
    (503, b"", "Api currently unavailable"),
    (200, b"<html>", "ERROR: the answer to GET /1.0/zones is not JSON"),
    (200, b"{}", "ERROR: the answer to GET /1.0/zones is not a list"),
    (422, ('{"errors":["%s"]}' % ("x" * 900)).encode(), "ERROR: " + "x" * 900),
    (422, b'{"errors":["a\\u001b[2Jb"]}', "ERROR: a\\x1b[2Jb"),
])
def test_errors_of_the_service(cli, api, status, body, message):
    api.broken["GET /1.0/zones"] = (status, body)
    got = cli("zones")
    assert (got.code, got.out, got.err) == (1, "", message + "\n")


def test_a_service_that_is_not_there(cli, api):
    api.close()
    got = cli("zones")
    assert got.code == 1
    assert got.err.startswith("ERROR: Failed to connect to 127.0.0.1")


@pytest.fixture
def secure(home):
    """A service with a certificate nobody vouches for."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1", "-keyout", "key.pem", "-out",
         "cert.pem"], cwd=home, capture_output=True)
    assert made.returncode == 0, made.stderr
    both = home / "both.pem"
    both.write_bytes((home / "key.pem").read_bytes() + (home / "cert.pem").read_bytes())
    server = FakeApi(certificate=both)
    yield server
    server.close()


def test_certificates_are_verified_unless_told_otherwise(home, secure):
    cli = Cli(home, secure)
    cli.write_config(CLIENT_SECTION)
    got = cli("zones")
    assert got.code == 1
    assert "certificate" in got.err
    assert secure.requests == []
    assert cli("-k", "zones").code == 0
    assert cli("zones", INSECURE="1").code == 0


def test_debugging_tells_requests_and_no_secrets(cli, api):
    got = cli("zones", DEBUG="1")
    assert f"DEBUG: GET {api.url}/1.0/zones{A} -> 200" in got.err
    assert "secret123456789" not in got.err
    assert "0000001" not in got.err


def test_output_that_cannot_be_written_is_an_error(cli):
    with open("/dev/full", "w") as full:
        p = cli.start("zones", stdout=full)
        _, err = p.communicate(timeout=20)
    assert (p.returncode, err) == (1, b"ERROR: the output could not be written\n")
