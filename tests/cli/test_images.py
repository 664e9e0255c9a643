# SPDX-License-Identifier: Apache-2.0
"""images: list, show, register, update, destroy, lock, unlock."""
import json

import pytest

from fake_api import image

A = "?account_id=acc-abcde"


def test_list_is_laid_out_to_the_byte(cli, api):
    api.add(image("img-a1b2c"))
    got = cli("images", "list")
    assert got.out == (
        "\n"
        " id         owner      type    created_on  status   size  name                \n"
        "-------------------------------------------------------------------------------\n"
        " img-a1b2c  acc-abcde  upload  2023-01-03  private  2048  arch-latest (x86_64)\n"
        "-------------------------------------------------------------------------------\n"
        "\n")
    assert (got.code, got.err) == (0, "")
    assert api.log() == ["POST /token", "GET /1.0/images" + A,
                         "GET /1.0/account" + A + "&nested=false"]


def test_list_cuts_cells_to_the_screen(cli, api):
    api.add(image("img-a1b2c", name="A rather long name that does not fit on any small screen"))
    got = cli("images")
    lines = got.out.splitlines()
    assert lines[3] == (" img-a1b2c  acc-abcde  upload  2023-01-03  private  2048  "
                        "A rather long nam...")
    assert {len(line) for line in lines[1:4:2]} == {78}
    wide = cli("images", COLUMNS="200")
    assert wide.out.splitlines()[3].endswith("  A rather long name that does not fit on any "
                                             "small screen (x86_64)")


def test_a_screen_too_narrow_for_a_table_lists_row_by_row(cli, api):
    api.add(image("img-a1b2c"))
    got = cli("images", COLUMNS="35")
    assert got.out.splitlines()[:2] == ["*************** 1. row ***************",
                                        "        id: img-a1b2c"]
    assert "too narrow" in got.err


def test_list_of_nothing_is_one_empty_line_and_nothing_when_simple(cli):
    assert cli("images").out == "\n"
    assert cli("-s", "images").out == ""


def test_list_order(cli, api):
    mine = dict(owner="acc-abcde")
    api.add(
        image("img-snap2", source_type="snapshot", created_at="2023-01-02T00:00:00Z", **mine),
        image("img-snap1", source_type="snapshot", created_at="2023-01-01T00:00:00Z", **mine),
        image("img-other", name="b", status="failed", **mine),
        image("img-depre", name="b", status="deprecated", **mine),
        image("img-priv2", name="b", created_at="2022-01-01T00:00:00.250Z", **mine),
        image("img-priv1", name="b", created_at="2022-01-01T00:00:00.750Z", **mine),
        image("img-publi", name="b", public=True, **mine),
        image("img-i6866", name="b", arch="i686", status="failed", **mine),
        image("img-lower", name="a", **mine),
        image("img-upper", name="Z", **mine),
        image("img-offic", name="z", official=True, public=True, owner="acc-zzzzz"))
    assert cli("images").ids() == [
        "img-offic", "img-upper", "img-lower", "img-i6866", "img-publi", "img-priv1", "img-priv2",
        "img-depre", "img-other", "img-snap1", "img-snap2"]


@pytest.fixture
def mixed(api):
    api.add(
        image("img-offic", official=True, public=True, owner="acc-zzzzz"),
        image("img-mine1", name="m"),
        image("img-mine2", name="n", status="deprecated"),
        image("img-mine3", name="o", status="creating"),
        image("img-snap1", source_type="snapshot"),
        image("img-forei", public=True, owner="acc-other"))
    return api


@pytest.mark.parametrize("options, shown", [
    ([], "offic mine1 mine2 mine3 snap1"),
    (["-a"], "offic forei mine1 mine2 mine3 snap1"),
    (["--show-all", "-l", "acc-other"], "forei"),
    (["-l", "acc-other"], ""),
    (["--account=brightbox"], "offic"),
    (["--type", "snapshot"], "snap1"),
    (["-tofficial"], "offic"),
    (["-s", "private"], "mine1 snap1"),
    (["--status=public"], "offic"),
    (["--stat", "deprecated"], "mine2"),
    (["-s", "creating"], "mine3"),
    (["-s", "available"], ""),
])
def test_list_filters(cli, mixed, options, shown):
    assert cli("images", *options).ids() == ["img-" + s for s in shown.split()]


def test_show_all_asks_for_no_account(cli, mixed):
    cli("images", "-a")
    assert mixed.log() == ["POST /token", "GET /1.0/images" + A]


def test_list_of_ids_warns_of_unknown_ones(cli, mixed):
    got = cli("images", "img-mine1", "img-nooo1", "../accounts")
    assert got.ids() == ["img-mine1"]
    assert got.err == ("Could not find anything with ID img-nooo1\n"
                       "Could not find anything with ID ../accounts\n")
    assert got.code == 0
    assert "GET /1.0/images/img-nooo1" + A in mixed.log()
    assert not any("accounts" in r for r in mixed.log())


def test_simple_list_is_tab_separated(cli, api):
    api.add(image("img-a1b2c", name="x" * 90))
    assert cli("-s", "images").out == (
        "img-a1b2c\tacc-abcde\tupload\t2023-01-03\tprivate\t2048\t" + "x" * 90 + " (x86_64)\n")


def test_json_is_what_the_api_said(cli, mixed):
    got = json.loads(cli("--json", "images", "-t", "snapshot").out)
    assert got == [mixed.images["img-snap1"]]
    assert json.loads(cli("images", "show", "img-mine1", "--json").out) == mixed.images["img-mine1"]
    assert [i["id"] for i in json.loads(cli("--json", "images", "show", "img-mine1",
                                            "img-forei").out)] == ["img-mine1", "img-forei"]


def test_control_characters_of_a_name_do_not_reach_the_terminal(cli, api):
    api.add(image("img-a1b2c", name="a\x1b[2Jb\tc\u009bd"))
    assert "a\\x1b[2Jb\\tc\\x9bd" in cli("images", COLUMNS="120").out
    assert "a\\x1b[2Jb\tc\\x9bd" in cli("images", "show", "img-a1b2c").out


SHOWN = """\
                id: img-a1b2c
              type: upload
             owner: acc-abcde
        created_at: 2023-01-03T13:08Z
            status: private
            locked: false
              arch: x86_64
              name: arch-latest (x86_64)
       description: 
          username: 
      virtual_size: 2048
         disk_size: 512
            public: false
compatibility_mode: false
          official: false
       ancestor_id: 
      licence_name: 
           min_ram: 0
"""


def test_show(cli, api):
    api.add(image("img-a1b2c"))
    got = cli("images", "show", "img-a1b2c")
    assert (got.out, got.err, got.code) == (SHOWN, "", 0)


def test_show_of_several_ends_each_with_an_empty_line(cli, api):
    api.add(image("img-a1b2c"))
    assert cli("images", "show", "img-a1b2c", "img-a1b2c").out == (SHOWN + "\n") * 2


def test_show_ends_with_what_is_ours_when_there_is_any(cli, api):
    api.add(image("img-a1b2c", status="failed", status_reason="truncated: the file ended early",
                  digest="sha256:00", checksum="", source_format="qcow2", min_ram=512,
                  ancestor={"id": "img-aaaaa"}, username="arch", locked=True))
    lines = cli("images", "show", "img-a1b2c").out.splitlines()
    assert lines[4:6] == ["            status: failed", "            locked: true"]
    assert lines[15] == "       ancestor_id: img-aaaaa"
    assert lines[17:] == ["           min_ram: 512",
                          "     status_reason: truncated: the file ended early",
                          "            digest: sha256:00",
                          "     source_format: qcow2"]


def test_show_says_how_far_an_import_is(cli, api):
    for progress, said in [
            ({"phase": "download", "bytes_done": 12582912, "bytes_total": 536870912, "rate": 45193625},
             "download, 12.0 MiB of 512.0 MiB, 43.1 MiB/s, 0:12 left"),
            ({"phase": "queued", "bytes_done": 0, "bytes_total": None, "rate": 0, "position": 4,
              "waits_for": "account"}, "queued, 3 before it")]:
        api.add(image("img-a1b2c", status="creating", progress=progress))
        lines = cli("images", "show", "img-a1b2c").out.splitlines()
        assert lines[18] == f"          progress: {said}"


def test_simple_show_has_one_line_per_field(cli, api):
    api.add(image("img-a1b2c"), image("img-bbbbb"))
    lines = cli("-s", "images", "show", "img-a1b2c", "img-bbbbb").out.splitlines()
    assert lines[0] == "id\timg-a1b2c"
    assert lines[7] == "name\tarch-latest (x86_64)"
    assert lines[18] == "id\timg-bbbbb"
    assert len(lines) == 36


def test_show_of_an_unknown_id_shows_nothing(cli, api):
    api.add(image("img-a1b2c"))
    got = cli("images", "show", "img-a1b2c", "img-nooo1")
    assert (got.code, got.out, got.err) == (1, "", "ERROR: Couldn't find image img-nooo1\n")


@pytest.mark.parametrize("command", ["show", "destroy", "lock", "unlock", "download", "update"])
def test_without_an_id_nothing_is_asked(cli, api, command):
    got = cli("images", command)
    assert got.code == 1
    assert got.err.startswith("ERROR: You must specify")
    assert api.requests == []


URL = "https://example.com/arch.img"


@pytest.mark.parametrize("options, body", [
    (["-a", "x86_64", "--url", URL],
     {"arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
      "name": None, "public": False, "username": None, "http_url": URL}),
    (["-n", "arch-latest", "-d", "An image", "-u", "arch", "-a", "i686", "-m", "compatibility",
      "-p", "true", "--min-ram", "512", "--url=" + URL, "--checksum", "sha256:" + "ab" * 32],
     {"arch": "i686", "compatibility_mode": True, "description": "An image", "min_ram": 512,
      "name": "arch-latest", "public": True, "username": "arch", "http_url": URL,
      "checksum": "sha256:" + "ab" * 32}),
    (["--arch=x86_64", "--server=srv-aaaaa"],
     {"arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
      "name": None, "public": False, "username": None, "server": "srv-aaaaa"}),
    (["--arch=x86_64", "-s", "srv-aaaaa"],
     {"arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
      "name": None, "public": False, "username": None, "server": "srv-aaaaa"}),
    (["--arch=x86_64", "--vol", "vol-aaaaa"],
     {"arch": "x86_64", "compatibility_mode": False, "description": None, "min_ram": 0,
      "name": None, "public": False, "username": None, "volume": "vol-aaaaa"}),
])
def test_register_sends_every_member(cli, api, options, body):
    got = cli("images", "register", *options)
    assert got.code == 0, got
    assert api.log() == ["POST /token", "POST /1.0/images" + A, "GET /1.0/images/img-new01" + A]
    sent = api.requests[1]
    assert list(sent.json.items()) == list(body.items())
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Authorization"] == "Bearer " + "1".rjust(40, "0")
    assert got.err == ""
    assert got.ids() == ["img-new01"]
    assert "creating" in got.out


@pytest.mark.parametrize("options, complaint", [
    ([], "You must specify the architecture"),
    (["--url", URL], "You must specify the architecture"),
    (["-a", "x86_64", "-m", "fast", "-p", "maybe"], "Mode must be 'virtio' or 'compatibility'"),
    (["-a", "x86_64", "-p", "maybe"], "Public must be true or false"),
    (["-a", "x86_64"], "You must specify one of 'server', 'url', or 'volume'"),
    (["-a", "x86_64", "--url", URL, "--server", "srv-aaaaa"],
     "You cannot register from multiple sources. Use either 'server', 'url', or 'volume'"),
    (["-a", "x86_64", "--url", URL, "--min-ram", "much"],
     "The minimum RAM must be a number of MB"),
    (["-a", "x86_64", "--url", URL, "--checksum", "sha256:123"],
     "The checksum must be sha256:, sha512: or md5: and all its hex digits"),
])
def test_register_checks_before_it_asks(cli, api, options, complaint):
    got = cli("images", "register", *options)
    assert (got.code, got.out, got.err) == (1, "", f"ERROR: {complaint}\n")
    assert api.requests == []


@pytest.mark.parametrize("options, body", [
    (["-n", "new"], {"name": "new"}),
    (["-n", "", "-d", "", "-u", "", "-a", ""],
     {"name": None, "arch": None, "description": None, "username": None}),
    (["-m", "virtio", "-p", "false", "--min-ram=0"],
     {"compatibility_mode": False, "public": False, "min_ram": 0}),
    (["--mode=compatibility", "--public", "true"], {"compatibility_mode": True, "public": True}),
    (["--deprecated", "true"], {"status": "deprecated"}),
    (["--deprecated=false"], {"status": "available"}),
])
def test_update_sends_what_was_given(cli, api, options, body):
    api.add(image("img-a1b2c"))
    got = cli("images", "update", *options, "img-a1b2c")
    assert (got.code, got.err) == (0, "Updating image img-a1b2c\n"), got
    assert api.log() == ["POST /token", "GET /1.0/images/img-a1b2c" + A,
                         "PUT /1.0/images/img-a1b2c" + A, "GET /1.0/images/img-a1b2c" + A]
    assert api.requests[2].json == body
    assert got.ids() == ["img-a1b2c"]


def test_update_of_nothing_puts_nothing(cli, api):
    api.add(image("img-a1b2c"))
    assert cli("images", "update", "img-a1b2c").code == 0
    assert not any(r.method == "PUT" for r in api.requests)


@pytest.mark.parametrize("args, complaint", [
    (["arch"], "You must specify the image to update as the first argument"),
    (["img-a1b2c", "-m", "x"], "Mode must be 'virtio' or 'compatibility'"),
    (["img-a1b2c", "-p", "x"], "Public must be true or false"),
    (["img-a1b2c", "--deprecated", "x"], "Deprecated must be true or false"),
])
def test_update_checks_before_it_asks(cli, api, args, complaint):
    got = cli("images", "update", *args)
    assert (got.code, got.err) == (1, f"ERROR: {complaint}\n")
    assert api.requests == []


def test_a_private_deprecated_image_shows_as_deprecated(cli, api):
    api.add(image("img-a1b2c", status="deprecated"))
    assert "  deprecated  " in cli("images").out


def test_destroy_looks_all_up_before_it_destroys_any(cli, api):
    api.add(image("img-aaaaa"))
    got = cli("images", "destroy", "img-aaaaa", "img-nooo1")
    assert (got.code, got.err) == (1, "ERROR: Couldn't find image img-nooo1\n")
    assert not any(r.method == "DELETE" for r in api.requests)


def test_destroy(cli, api):
    api.add(image("img-aaaaa"), image("img-bbbbb"))
    got = cli("images", "destroy", "img-aaaaa", "img-bbbbb")
    assert got.err == "Destroying image img-aaaaa\nDestroying image img-bbbbb\n"
    assert api.log() == [
        "POST /token", "GET /1.0/images/img-aaaaa" + A, "GET /1.0/images/img-bbbbb" + A,
        "DELETE /1.0/images/img-aaaaa" + A, "GET /1.0/images/img-aaaaa" + A,
        "DELETE /1.0/images/img-bbbbb" + A, "GET /1.0/images/img-bbbbb" + A]
    assert got.out.count("deleting") == 2
    assert got.code == 0


def test_destroy_shows_the_old_row_of_what_is_gone_at_once(cli, api):
    api.forget_destroyed = True
    api.add(image("img-aaaaa"))
    got = cli("images", "destroy", "img-aaaaa")
    assert got.code == 0
    assert "private" in got.out


def test_destroy_of_a_locked_image_says_what_the_api_says(cli, api):
    api.add(image("img-aaaaa", locked=True))
    got = cli("images", "destroy", "img-aaaaa")
    assert got.code == 1
    assert got.err == "Destroying image img-aaaaa\nERROR: The image is locked. Unlock it first.\n"
    assert got.out == ""


@pytest.mark.parametrize("verb, doing, locked", [("lock", "Locking", True),
                                                 ("unlock", "Unlocking", False)])
def test_locking(cli, api, verb, doing, locked):
    api.add(image("img-aaaaa", locked=not locked))
    got = cli("images", verb, "img-aaaaa")
    assert (got.code, got.out, got.err) == (0, "", f"{doing} img-aaaaa\n")
    assert api.log()[2] == f"PUT /1.0/images/img-aaaaa/{verb}_resource" + A
    assert api.requests[2].body == b""
    assert api.requests[2].headers["Content-Length"] == "0"
    assert api.images["img-aaaaa"]["locked"] is locked


def test_the_account_of_the_command_line_wins_and_the_environment_over_it(cli, api):
    cli("--account", "acc-zzzzz", "images", "-a")
    cli("--account", "acc-zzzzz", "images", "-a", ACCOUNT="acc-yyyyy")
    assert [r.query for r in api.requests if r.method == "GET"] == [
        "account_id=acc-zzzzz", "account_id=acc-yyyyy"]


def test_ids_are_remembered_for_the_completion(cli, api):
    api.add(image("img-aaaaa"), image("../../evil"))
    cli("images", "-a")
    assert [p.name for p in (cli.dir / "cache").iterdir()] == ["img-aaaaa"]
