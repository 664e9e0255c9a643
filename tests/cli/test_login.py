# SPDX-License-Identifier: Apache-2.0
"""config, login, token: credentials and what becomes of them."""
import json
import os
import pty
import stat

import pytest

from runner import read_terminal

SECTION = """[core]
default_client = cli-aaaaa

[cli-aaaaa]
alias = cli-aaaaa
client_id = cli-aaaaa
username = 
secret = secret123456789
api_url = {url}
auth_url = {url}
default_account = acc-abcde
"""

TOKEN_1 = "1".rjust(40, "0")
TOKEN_2 = "2".rjust(40, "0")
REFRESH_1 = "1".rjust(39, "0") + "r"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_client_add(bare, api):
    got = bare("config", "client_add", "cli-aaaaa", "secret123456789")
    assert (got.code, got.out) == (0, "")
    assert got.err == (f"Using config file {bare.dir}/config\n"
                       "Creating new client config cli-aaaaa\n"
                       "The default account of acc-abcde has been selected\n")
    assert bare.config() == SECTION.format(url=api.url)
    assert api.log() == ["POST /token", "GET /1.0/accounts?nested=false"]
    assert api.requests[0].json == {"grant_type": "client_credentials"}
    assert api.requests[0].headers["Authorization"].startswith("Basic ")
    token = bare.dir / "cli-aaaaa.oauth_token"
    assert token.read_text() == TOKEN_1
    assert [mode(bare.dir), mode(bare.dir / "config"), mode(token)] == [0o700, 0o600, 0o600]


def test_client_add_to_other_urls(bare, api):
    auth = api.url.replace("127.0.0.1", "localhost")
    got = bare("config", "client_add", "cli-aaaaa", "secret123456789", api.url + "/", auth)
    assert got.code == 0
    assert f"api_url = {api.url}/\nauth_url = {auth}\n" in bare.config()
    assert api.requests[0].headers["Host"].startswith("localhost:")
    assert api.requests[1].headers["Host"].startswith("127.0.0.1:")


def test_client_add_of_a_taken_name_counts_up(cli):
    cli("config", "client_add", "-a", "work", "cli-aaaaa", "secret123456789")
    cli("config", "client_add", "--alias=work", "cli-aaaaa", "secret123456789")
    got = cli("config", "client_add", "-a", "work_1", "cli-aaaaa", "secret123456789")
    assert "A client config named work_1 already exists using work_2 instead\n" in got.err
    assert [s for s in cli.config().split() if s[0] == "["] == [
        "[core]", "[cli-aaaaa]", "[work]", "[work_1]", "[work_2]"]
    assert "default_client = cli-aaaaa\n" in cli.config()


def test_client_add_keeps_the_section_when_the_service_refuses(bare, api):
    got = bare("config", "client_add", "cli-aaaaa", "wrong")
    assert got.code == 0
    assert "Something went wrong trying to refresh new tokens: Invalid credentials" in got.err
    assert "secret = wrong" in bare.config()
    assert "default_client" not in bare.config()
    assert not (bare.dir / "cli-aaaaa.oauth_token").exists()


@pytest.mark.parametrize("args, complaint", [
    ([], "You must specify the client-id"),
    (["secret", "cli-aaaaa"], "The client-id 'secret' must match the format cli-xxxxx"),
    (["cli-aaaaaa", "s"], "The client-id 'cli-aaaaaa' must match the format cli-xxxxx"),
    (["cli-aaaaa"], "You must specify the client secret"),
    (["cli-aaaaa", "s", "ftp://example.com"],
     "'ftp://example.com' is not an http:// or https:// URL"),
    (["cli-aaaaa", "two\nlines"], "secret of [cli-aaaaa] cannot be written to the config file"),
])
def test_client_add_checks(bare, api, args, complaint):
    got = bare("config", "client_add", *args)
    assert got.code == 1
    assert got.err.endswith(f"ERROR: {complaint}\n")
    assert api.requests == []
    assert not (bare.dir / "config").exists()


OTHERS = """; my clients
[core]
default_client = one
unknown = kept

; the first
[one]
alias = uno
client_id = cli-11111
secret = s1
api_url = https://one.example
color=blue

; the second
[two]
username = ada@example.com
api_url = https://two.example
auth_url = https://auth.example
"""


def test_client_list_stars_the_default_of_several(bare):
    bare.write_config(OTHERS)
    got = bare("-s", "config", "client_list")
    assert got.out == (
        "*uno\tcli-11111\ts1\thttps://one.example\thttps://one.example\n"
        "two\tapp-12345\tmocbuipbiaa6k6c\thttps://two.example\thttps://auth.example\n")
    assert got.err == f"Using config file {bare.dir}/config\n"
    assert bare("config", COLUMNS="120").out.splitlines()[1].split() == [
        "alias", "client_id", "secret", "api_url", "auth_url"]


def test_client_list_of_one_has_no_star(cli):
    assert cli("-s", "config").out.startswith("cli-aaaaa\tcli-aaaaa\t")


def test_client_list_as_json(cli):
    assert json.loads(cli("--json", "config").out)[0]["client_id"] == "cli-aaaaa"


def test_client_default_by_alias_keeps_the_rest_of_the_file(bare):
    bare.write_config(OTHERS)
    got = bare("config", "client_default", "two")
    assert got.code == 0
    assert got.err.endswith("Setting two as default api client\n")
    assert bare.config() == OTHERS.replace("default_client = one", "default_client = two")
    bare("config", "client_default", "uno")
    assert bare.config() == OTHERS


def test_client_remove_takes_its_lines_its_tokens_and_the_default_along(bare):
    bare.write_config(OTHERS)
    (bare.dir / "one.oauth_token").write_text("t")
    got = bare("config", "client_remove", "uno")
    assert got.code == 0
    assert got.err.endswith("Removing api client uno\n")
    assert bare.config() == """; my clients
[core]
unknown = kept

; the first
; the second
[two]
username = ada@example.com
api_url = https://two.example
auth_url = https://auth.example
"""
    assert not (bare.dir / "one.oauth_token").exists()


@pytest.mark.parametrize("command", ["client_default", "client_remove"])
def test_an_alias_nobody_has(bare, command):
    bare.write_config(OTHERS)
    got = bare("config", command, "three")
    assert got.code == 1
    assert got.err.endswith(
        "ERROR: An api client with the alias three does not exist in the config\n")
    assert bare("config", command).code == 1
    assert bare.config() == OTHERS


@pytest.mark.parametrize("text, complaint", [
    ("key = value\n", "a setting before the first section: 'key = value'"),
    ("[core]\nnonsense\n", "could not parse line 'nonsense'"),
])
def test_a_broken_config_is_an_error(bare, text, complaint):
    bare.write_config(text)
    got = bare("images")
    assert (got.code, got.err) == (
        1, f"ERROR: Config problem in {bare.dir}/config: {complaint}\n")


def test_a_config_that_is_a_link_stays_one(cli):
    real = cli.home / "dotfiles"
    (cli.dir / "config").rename(real)
    (cli.dir / "config").symlink_to(real)
    assert cli("accounts", "default", "acc-abcde").code == 0
    cli("config", "client_add", "-a", "more", "cli-aaaaa", "secret123456789")
    assert (cli.dir / "config").is_symlink()
    assert "[more]" in real.read_text()


def test_login(bare, api):
    got = bare("login", "-p", "pass word", "ada@example.com")
    assert (got.code, got.out) == (0, "")
    assert got.err == ("Creating new client config ada@example.com\n"
                       "The default account of acc-abcde has been selected\n")
    assert bare.config() == f"""[core]
default_client = ada@example.com

[ada@example.com]
username = ada@example.com
api_url = {api.url}
auth_url = {api.url}
default_account = acc-abcde
"""
    assert api.requests[0].json == {"grant_type": "password", "username": "ada@example.com",
                                    "password": "pass word"}
    assert (bare.dir / "ada@example.com.oauth_token").read_text() == TOKEN_1
    assert (bare.dir / "ada@example.com.refresh_token").read_text() == REFRESH_1


def test_login_asks_for_the_password(bare, api):
    got = bare("login", "ada@example.com", input="pass word\n")
    assert (got.code, got.out) == (0, "Enter your password : ")
    assert api.requests[0].json["password"] == "pass word"


def test_login_without_a_password(bare, api):
    assert bare("login", "ada@example.com", input="\n").err == (
        "ERROR: You must specify your Brightbox password.\n")
    assert bare("login", "ada@example.com").code == 1
    assert bare("login").err == "ERROR: You must specify your email address\n"
    assert api.requests == []


def test_login_does_not_show_the_password_on_the_terminal(bare, api):
    ours, theirs = pty.openpty()
    p = bare.start("login", "ada@example.com", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = read_terminal(ours, b"password : ")
    os.write(ours, b"pass word\n")
    seen += read_terminal(ours)
    assert p.wait(20) == 0
    os.close(ours)
    assert api.requests[0].json["password"] == "pass word"
    assert b"pass word" not in seen


def test_login_with_a_suffix_keeps_what_is_configured(bare, api):
    bare.write_config(f"[ada@example.com/work]\napi_url = {api.url}\n"
                      "default_account = acc-other\n")
    got = bare("login", "-p", "pass word", "ada@example.com/work", "--application-id=app-12345",
               "--application-secret", "mocbuipbiaa6k6c")
    assert (got.code, got.err) == (0, "")
    assert "username = ada@example.com\n" in bare.config()
    assert "default_account = acc-other\n" in bare.config()
    assert "client_id = app-12345\nsecret = mocbuipbiaa6k6c\n" in bare.config()
    assert (bare.dir / "ada@example.com_work.oauth_token").exists()
    assert api.log() == ["POST /token"]


def test_login_that_is_refused_keeps_no_tokens(user_cli, api):
    (user_cli.dir / "ada@example.com.oauth_token").write_text("old")
    got = user_cli("login", "-p", "wrong", "ada@example.com")
    assert got.code == 0
    assert "Invalid credentials" in got.err
    assert not (user_cli.dir / "ada@example.com.oauth_token").exists()


def test_login_with_a_second_factor(bare, api):
    api.otp = "123456"
    got = bare("login", "-p", "pass word", "ada@example.com", input="123456\n")
    assert (got.code, got.out) == (0, "Enter your two factor pin : ")
    assert "X-Brightbox-OTP" not in api.requests[0].headers
    assert api.requests[1].headers["X-Brightbox-OTP"] == "123456"


def test_login_with_helpers(user_cli, api):
    api.otp = "123456"
    user_cli.write_config(user_cli.config() + "password_helper_command = echo  pass word\n"
                          "two_factor_helper_command = echo 123456\n")
    got = user_cli("login", "ada@example.com")
    assert (got.code, got.out) == (0, "")
    assert (user_cli.dir / "ada@example.com.oauth_token").exists()


def test_user_add(bare, api):
    got = bare("config", "user_add", "ada@example.com", "app-12345", "mocbuipbiaa6k6c", "-p",
               "pass word")
    assert got.code == 0
    assert bare.config() == f"""[core]
default_client = ada@example.com

[ada@example.com]
alias = ada@example.com
client_id = app-12345
username = ada@example.com
secret = mocbuipbiaa6k6c
api_url = {api.url}
auth_url = {api.url}
default_account = acc-abcde
"""
    got = bare("config", "user_add", "ada@example.com", "cli-aaaaa", "x")
    assert got.err.endswith("ERROR: The client-id 'cli-aaaaa' must match the format app-xxxxx\n")


def test_a_cached_token_is_used(cli, api):
    api.tokens.add("cached")
    (cli.dir / "cli-aaaaa.oauth_token").write_text("cached")
    assert cli("zones").code == 0
    assert api.log() == ["GET /1.0/zones?account_id=acc-abcde"]


def test_an_expired_token_is_renewed_and_the_request_repeated(cli, api):
    (cli.dir / "cli-aaaaa.oauth_token").write_text("expired")
    got = cli("zones")
    assert (got.code, got.err) == (0, "")
    assert [r.method for r in api.requests] == ["GET", "POST", "GET"]
    assert (cli.dir / "cli-aaaaa.oauth_token").read_text() == TOKEN_1


def test_a_users_token_is_renewed_with_the_refresh_token(user_cli, api):
    api.refresh.add("again")
    (user_cli.dir / "ada@example.com.oauth_token").write_text("expired")
    (user_cli.dir / "ada@example.com.refresh_token").write_text("again")
    assert user_cli("zones").code == 0
    assert api.requests[1].json == {"grant_type": "refresh_token", "refresh_token": "again"}
    assert (user_cli.dir / "ada@example.com.refresh_token").read_text() == REFRESH_1


def test_new_tokens_are_kept_though_the_command_fails(user_cli, api):
    api.refresh.add("again")
    (user_cli.dir / "ada@example.com.refresh_token").write_text("again")
    assert user_cli("images", "show", "img-nooo1").code == 1
    assert (user_cli.dir / "ada@example.com.refresh_token").read_text() == REFRESH_1


def test_wrong_credentials_end_with_111(cli, api):
    api.clients["cli-aaaaa"] = "another"
    got = cli("images")
    assert (got.code, got.out) == (111, "")
    assert got.err == "Unable to authenticate with supplied details\n"


def test_a_second_401_ends_with_222_and_new_tokens(cli, api):
    api.refuse_tokens = 2
    got = cli("images")
    assert (got.code, got.out) == (222, "")
    assert got.err == "Your API credentials have been updated, please re-run your command.\n"
    assert cli("images").code == 0


def test_a_user_without_tokens_is_asked_and_has_to_run_the_command_again(user_cli, api):
    got = user_cli("zones", input="pass word\n")
    assert got.code == 222
    assert got.out == ("Your API credentials have expired, enter your password to update them.\n"
                       "Enter your password : ")
    assert api.log() == ["POST /token"]
    assert user_cli("zones").code == 0


def test_a_user_with_a_wrong_password_ends_with_111(user_cli):
    assert user_cli("zones", input="wrong\n").code == 111


def test_a_token_service_in_trouble_is_no_wrong_password(cli, api):
    api.token_status = 500
    got = cli("zones")
    assert (got.code, got.err) == (1, "ERROR: broken\n")


def test_token_show_in_all_formats(user_cli, api):
    (user_cli.dir / "ada@example.com.oauth_token").write_text("access")
    (user_cli.dir / "ada@example.com.refresh_token").write_text("refresh")
    assert user_cli("token").out == ("    access_token: access\n"
                                     "   refresh_token: refresh\n"
                                     "      token_type: Bearer\n")
    assert user_cli("token", "show", "--format", "token").out == "access\n"
    assert user_cli("token", "--format=json").out == (
        '{"access_token":"access","refresh_token":"refresh","token_type":"Bearer"}\n')
    assert user_cli("token", "--format=curl").out == (
        f"curl -H 'Authorization: Bearer access' {api.url}/1.0/\n")
    assert user_cli("token", "--format=xml").code == 1
    assert api.requests == []


def test_token_create(cli, api):
    got = cli("token", "create", "--format", "token")
    assert (got.code, got.out) == (0, TOKEN_1 + "\n")
    assert cli("token", "create").out == f"    access_token: {TOKEN_2}\n      token_type: Bearer\n"
    api.clients["cli-aaaaa"] = "another"
    assert cli("token", "create").code == 111


@pytest.mark.parametrize("missing", ["api_url", "secret"])
def test_a_section_that_lacks_something_says_so(cli, missing):
    lines = [x for x in cli.config().splitlines(True) if not x.startswith(missing)]
    cli.write_config("".join(lines))
    got = cli("zones")
    assert (got.code, got.err) == (
        1, f"ERROR: {missing} option missing from config in section cli-aaaaa\n")
