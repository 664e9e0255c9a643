# SPDX-License-Identifier: Apache-2.0
"""Words, prefixes, options, help, exit codes."""
import pathlib
import re
import subprocess

import pytest

from fake_api import image

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("word", ["images", "image", "im", "i"])
def test_a_command_is_known_by_any_unambiguous_beginning(cli, api, word):
    api.add(image("img-aaaaa"))
    assert cli(word).ids() == ["img-aaaaa"]


@pytest.mark.parametrize("words, complaint", [
    (["bogus"], "Unknown command 'bogus'"),
    (["imagesx"], "Unknown command 'imagesx'"),
    ([""], "Unknown command ''"),
    (["s"], "Ambiguous command 's'. It matches servers,sql"),
    (["a"], "Ambiguous command 'a'. It matches account-access,accounts"),
    (["account"], "Ambiguous command 'account'. It matches account-access,accounts"),
    (["c"], "Ambiguous command 'c'. It matches cloudips,collaborators,config,configmaps"),
    (["images", "l"], "Ambiguous command 'l'. It matches list,lock"),
    (["images", "u", "img-aaaaa"], "Ambiguous command 'u'. It matches unlock,update"),
    (["config", "client"], "Ambiguous command 'client'. It matches client_add,client_default,"
                           "client_list,client_remove"),
    (["servers"], "'servers' is not available in this version"),
    (["se", "list"], "'servers' is not available in this version"),
    (["firewall-p"], "'firewall-policies' is not available in this version"),
    (["firewall-policy"], "'firewall-policies' is not available in this version"),
    (["volumes", "show", "vol-aaaaa"], "'volumes' is not available in this version"),
    (["--bogus"], "Unknown option --bogus"),
    (["-x", "images"], "Unknown option -x"),
    (["images", "--bogus"], "Unknown option --bogus"),
    (["images", "list", "--s"], "Ambiguous option --s"),
    (["images", "list", "--type"], "option --type needs a value"),
    (["images", "list", "--show-all=yes"], "option --show-all takes no value"),
    (["images", "register", "-x"], "Unknown option -x"),
    (["help", "images", "bogus"], "Unknown command 'images bogus'"),
])
def test_usage_errors(cli, api, words, complaint):
    got = cli(*words)
    assert (got.code, got.out, got.err) == (1, "", f"ERROR: {complaint}\n")
    assert api.requests == []


@pytest.mark.parametrize("words", [["types", "typ-w0hf9"], ["type", "list", "typ-w0hf9"],
                                   ["ty", "l", "typ-w0hf9"]])
def test_a_word_that_is_no_subcommand_is_an_argument_of_the_default_one(cli, words):
    assert cli(*words).ids() == ["typ-w0hf9"]


def test_config_is_exact_though_configmaps_exists(cli):
    assert cli("config").code == 0


def test_options_may_follow_words_and_be_clustered(cli, api):
    api.add(image("img-aaaaa"), image("img-bbbbb", public=True, owner="acc-other"))
    assert cli("images", "img-aaaaa", "img-bbbbb", "-as", "public").ids() == ["img-bbbbb"]
    assert cli("-sk", "images").out.count("\t") == 6


def test_two_dashes_end_the_options(cli):
    got = cli("images", "show", "--", "--json")
    assert got.err == "ERROR: Couldn't find image --json\n"


def test_global_options_by_their_long_names_work_behind_the_command(cli, api):
    api.add(image("img-aaaaa"))
    assert cli("images", "--simple").out.startswith("img-aaaaa\t")


@pytest.mark.parametrize("words", [["--version"], ["-v"], ["--vers"], ["images", "--version"]])
def test_version(bare, words):
    got = bare(*words)
    assert got.code == 0
    assert re.fullmatch(r"brightbox version \d+\.\d+\.\d+\n", got.out)


def test_help_is_on_every_level_and_needs_no_configuration(bare):
    program = bare().out
    for line in ("-s, --simple", "--account=ACCOUNT", "images ", "login "):
        assert line in program
    assert "    servers " not in program
    for words in (["--help"], ["-h"], ["help"], ["--help", "images"], ["help", "help"]):
        got = bare(*words)
        assert (got.code, got.err) == (0, "")
    assert bare("help").out == program
    command = bare("images", "--help").out
    assert command == bare("help", "image").out == bare("--help", "images").out
    assert "register" in command and "Register an image" in command
    sub = bare("images", "register", "--help").out
    assert sub == bare("help", "images", "reg").out == bare("images", "register", "-h").out
    for option in ("-a, --arch=ARCH", "--url=URL", "--checksum=ALG:HEX", "--wait"):
        assert option in sub
    assert "email" in bare("login", "--help").out
    assert not (bare.dir / "config").exists()


def test_without_a_client_every_command_asks_for_one(bare):
    bare.write_config("[cli-aaaaa]\nclient_id = cli-aaaaa\n")
    got = bare("images")
    assert got.code == 1
    assert got.err == ("ERROR: You must specify a default client using brightbox config "
                       "client_default\n")


def test_without_any_client_the_error_says_how_to_add_one(bare):
    got = bare("images")
    assert (got.code, got.err) == (1, "ERROR: No client is configured. Add one: brightbox config client_add "
                                      "CLIENT-ID SECRET API-URL\n")


def test_an_unknown_client_is_named(cli):
    got = cli("-c", "nobody", "images")
    assert (got.code, got.err) == (
        1, 'ERROR: client id or alias "nobody" not defined in config\n')


def test_the_environment_chooses_the_client_before_the_option(cli, api):
    cli.write_config(cli.config() + "\n[other]\nclient_id = cli-bbbbb\nsecret = s\n"
                     "api_url = {url}\n")
    api.clients["cli-bbbbb"] = "s"
    assert cli("-c", "cli-aaaaa", "zones", CLIENT="other").code == 0
    assert (cli.dir / "other.oauth_token").exists()
    assert not (cli.dir / "cli-aaaaa.oauth_token").exists()


def options_of(help_text):
    return set(re.findall(r"(--[a-z-]+)=?", help_text.split("OPTIONS\n", 1)[1]))


SUBCOMMANDS = {
    "accounts": ["default", "list", "show"],
    "config": ["client_add", "client_default", "client_list", "client_remove", "user_add"],
    "images": ["destroy", "download", "list", "lock", "prepare", "register", "show", "unlock",
               "update"],
    "login": [None],
    "orbit": ["get", "key", "ls", "put", "rm", "tempurl"],
    "token": ["create", "show"],
    "types": ["list", "show"],
    "users": ["list", "show", "update"],
    "zones": ["list"],
}


def complete(cli, *words):
    """What bash would offer for the last word."""
    script = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _brightbox
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(ROOT / "completions" / "brightbox.bash"),
         *words], env=cli.env, cwd=cli.home, capture_output=True, timeout=20)
    assert done.stderr == b""
    return set(done.stdout.decode().split())


def test_completion_offers_what_the_help_tells(cli):
    commands = set(re.findall(r"^    ([a-z]+) ", cli("help").out.split("COMMANDS\n")[1], re.M))
    assert commands == set(SUBCOMMANDS) | {"help"}
    assert complete(cli, "brightbox", "") == commands
    assert complete(cli, "brightbox", "--") == options_of(cli("help").out.split("COMMANDS")[0])
    assert complete(cli, "brightbox", "-c", "cli-aaaaa", "help", "") == commands - {"help"}
    for command, subs in SUBCOMMANDS.items():
        for sub in subs:
            words = [command] + ([sub] if sub else [])
            told = options_of(cli("help", *words).out)
            assert complete(cli, "brightbox", *words, "--") == told
            if sub:
                assert sub in complete(cli, "brightbox", command, sub[0])


def test_completion_offers_ids_seen_before_clients_and_values(cli, api):
    api.add(image("img-aaaaa"), image("img-abbbb"))
    cli("images")
    cli("users")
    assert complete(cli, "brightbox", "images", "show", "") == {"img-aaaaa", "img-abbbb"}
    assert complete(cli, "brightbox", "image", "destroy", "img-aa") == {"img-aaaaa"}
    assert complete(cli, "brightbox", "users", "show", "u") == {"usr-aaaaa"}
    assert complete(cli, "brightbox", "-c", "") == {"cli-aaaaa"}
    assert complete(cli, "brightbox", "config", "client_default", "") == {"cli-aaaaa"}
    assert complete(cli, "brightbox", "images", "register", "--arch", "") == {"x86_64", "i686"}
    assert complete(cli, "brightbox", "images", "download", "img-aaaaa", "--format", "q") == {
        "qcow2"}
    assert complete(cli, "brightbox", "images", "download", "--format", "=", "r") == {"raw"}
    assert complete(cli, "brightbox", "images", "download", "--format", "=") == {
        "lz4", "raw", "qcow2"}
    assert complete(cli, "brightbox", "images", "download", "--format", "=", "raw", "img-ab") == {
        "img-abbbb"}


def test_the_manual_names_every_subcommand_and_option(cli):
    manual = (ROOT / "man" / "brightbox.1").read_text()
    named = set(re.findall(r"Fl -([a-z-]+)", manual))
    for command, subs in SUBCOMMANDS.items():
        for sub in subs:
            words = [command] + ([sub] if sub else [])
            assert ".It Ic " + " ".join(words) in manual
            assert {o[2:] for o in options_of(cli("help", *words).out)} <= named | {"help"}
