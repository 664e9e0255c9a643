# SPDX-License-Identifier: Apache-2.0
"""A decoder that has been taken over (tests/helpers/rogue_decode.c) does its worst: it is stopped each
time, the image fails with a plain reason, the operator hears of it, and nothing else notices."""
import os
import re
import subprocess
import time

import pytest

from conftest import BIN, HELPERS, Daemon, Tenant, wait_for

MIB = 1 << 20
SANITIZED = bool(os.environ.get("DARKROOM_SANITIZED"))
DISK = (b"all work and no play makes a dull disk\n" * 40000)[:MIB]

CALL = ("decoder-crashed: ", "forbidden-call")
FAULT = ("decoder-crashed: ", "memory-fault")
LIE = ("decoder-crashed: ", "broken-channel")
END = ("decoder-crashed: ", "unexpected-end")
MEMORY = ("needs-memory: ", None)
TIME = ("decoder-timeout: ", None)

# What it does: (the reason, the cause of the alarm)
DEEDS = {
    # system calls
    "open": CALL, "create": CALL, "socket": CALL, "connect": CALL, "exec": CALL, "fork": CALL,
    "thread": CALL, "kill": CALL, "kill-parent": CALL, "ptrace": CALL, "trace-parent": CALL,
    "write": CALL, "write-ring": CALL, "write-order": CALL, "map-code": CALL, "futex-requeue": CALL,
    "verdict-first": CALL,
    # resources
    "write-beyond": ("rogue-refused: ", None), "memory": MEMORY, "all-memory": MEMORY,
    "spin": TIME, "sleep": TIME, "sleep-after-end": TIME,
    # memory
    "segv": FAULT, "abort": None, "past-ring": FAULT, "head": LIE,
    # lies in its ring
    "long-record": LIE, "endless-record": LIE, "empty-record": LIE, "unknown-record": LIE,
    "index-ahead": LIE, "index-behind": LIE, "zero-overflow": ("too-large: ", None),
    "zero-cap": ("too-large: ", None), "more": LIE, "less": LIE, "half-sector": LIE,
    "no-disk": ("empty: ", None), "no-last-word": END, "no-verdict": LIE, "no-note": LIE,
    # lies to the fetcher
    "early-end": END, "source-end": LIE, "source-index": LIE,
}
# libc's abort() asks to signal itself, which is no call of the decoder's.
DEEDS["abort"] = FAULT if SANITIZED else CALL
# Sanitizers need memory without limit, and end a fault in their own way.
UNLIMITED = {"memory", "all-memory", "segv", "past-ring", "abort"}


def descendants(pid):
    """All that runs below a daemon for imports, or did and was not waited for. The SFTP door stays."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, parent = re.search(r"\((.*)\) \S (\d+)", open(f"/proc/{p}/stat").read()).groups()
        except OSError:
            continue
        if int(parent) == pid and name != "darkroom-sftp":
            found += [int(p), *descendants(int(p))]
    return found


def libexec_with(tmp, helper):
    """A directory for DARKROOM_LIBEXEC whose decoder is another one; the rest is found beside darkroomd."""
    program = HELPERS / helper
    if not program.exists():
        pytest.skip(f"no {program}: build the tests' helpers, or name their place in DARKROOM_TEST_HELPERS")
    tmp.mkdir()
    (tmp / "darkroom-decode").symlink_to(program)
    return tmp


@pytest.fixture(scope="module")
def daemon_with(tmp_path_factory):
    """daemon_with(helper, *settings): a daemon that has this helper for its decoder."""
    made = []

    def make(helper, *settings):
        tmp = tmp_path_factory.mktemp(helper)
        place = libexec_with(tmp / "libexec", helper)
        made.append(Daemon(tmp, *settings))
        with pytest.MonkeyPatch.context() as m:
            m.setenv("DARKROOM_LIBEXEC", str(place))
            return made[-1].start()
    yield make
    for daemon in made:
        assert daemon.process.poll() is None, daemon.log.read_text()[-4000:]
        assert daemon.stop() == 0, daemon.log.read_text()[-4000:]


@pytest.fixture(scope="module")
def captured(daemon_with):
    """A daemon whose every decoder may be taken over, with limits that a test can wait for."""
    return daemon_with("rogue-decode", "import.decoder_cpu=2", "import.decoder_cpu_data=1",
                       "import.decoder_stall_seconds=5", "import.concurrent=3", "import.per_account=2")


@pytest.fixture(scope="module")
def generous(daemon_with):
    """One whose decoders get a second, and a minute for each GiB they have to show."""
    return daemon_with("rogue-decode", "import.decoder_cpu=1", "import.decoder_cpu_data=60",
                       "import.decoder_cpu_holes=60")


def rogue(deed, size=MIB):
    return f"rogue {deed}\n".encode().ljust(size, b".")


def alarms(daemon, image):
    return [line for line in daemon.log.read_text().splitlines()
            if "what=decoder_alarm" in line and f"image={image['id']} " in line]


def assert_stopped(daemon, image, deed):
    reason, cause = DEEDS[deed]
    assert image["status_reason"].startswith(reason), image["status_reason"]
    said = alarms(daemon, image)
    assert len(said) == (1 if cause else 0), said
    for line in said:
        assert " error what=decoder_alarm " in line and f" cause={cause} " in line, line
        assert re.search(r" pid=[1-9]\d*$", line), line


def assert_nothing_left(daemon):
    """No process, no lease, no chunk of what failed, no quota held; and the server answers."""
    wait_for(lambda: not descendants(daemon.process.pid))
    assert daemon.request("GET", "/healthz").status == 200
    wait_for(lambda: daemon.admin("store", "collect", "--now")["leased"]["chunks"] == 0)
    checked = daemon.admin("store", "check", "--full")
    assert checked["problems"] == 0 and checked["orphans"]["chunks"] == 0, checked


@pytest.mark.parametrize("deed", DEEDS)
def test_a_decoder_taken_over_is_stopped(captured, source, deed):
    if SANITIZED and deed in UNLIMITED:
        pytest.skip("the sanitizers' own run-time is in the way")
    api = Tenant(captured).api()
    # More than the first ring holds, where the fetcher must still be at work.
    far = deed in ("early-end", "source-end", "source-index")
    source.files[f"rogue-{deed}"] = rogue(deed, 16 * MIB if far else MIB)
    image = api.settled(api.register(source.url(f"rogue-{deed}")), "failed")
    assert_stopped(captured, image, deed)
    wait_for(lambda: not descendants(captured.process.pid))


def test_nothing_else_notices(captured, source):
    """While decoders run amok an honest image of another account arrives."""
    honest, enemy = Tenant(captured).api(), Tenant(captured)
    hostile = enemy.api()
    captured.admin("account", "limits", enemy.account, "--stored-bytes", "1500000")
    source.files["honest"] = DISK
    good = honest.register(source.url("honest", rate=150_000))
    bad = {}
    for deed in ("socket", "spin", "fork", "segv", "head", "zero-overflow", "kill-parent", "early-end"):
        if SANITIZED and deed in UNLIMITED:
            continue
        source.files[f"amok-{deed}"] = rogue(deed, 4 * MIB)
        bad[deed] = hostile.register(source.url(f"amok-{deed}"))
    for deed, image in bad.items():
        assert_stopped(captured, hostile.settled(image, "failed"), deed)
    good = honest.settled(good)
    assert good["virtual_size"] == 1 and not alarms(captured, good)
    kept = captured.request("GET", f"/v1/{good['owner']}/images/{good['id']}?format=raw",
                            headers={"X-Auth-Token": honest.token})
    assert kept.body == DISK
    assert_nothing_left(captured)
    # None of the quota is held: two images would not fit.
    hostile.settled(hostile.register(source.url("honest")))


def test_what_is_hashed_is_what_is_stored_whatever_the_decoder_changes_meanwhile(captured, source):
    api = Tenant(captured).api()
    source.files["changing"] = rogue("change-slots")
    image = api.settled(api.register(source.url("changing")))
    assert image["virtual_size"] == 64
    answer = captured.request("GET", f"/v1/{image['owner']}/images/{image['id']}?format=raw",
                              headers={"X-Auth-Token": api.token})
    assert answer.status == 200 and len(answer.body) == 64 * MIB
    assert_nothing_left(captured)


def test_the_processor_limit_names_its_numbers(captured, source):
    api = Tenant(captured).api()
    source.files["spinning"] = rogue("spin")
    image = api.settled(api.register(source.url("spinning")), "failed")
    assert "2 seconds, 1 for each GiB of data and 2 for each GiB of zeros" in image["status_reason"]


@pytest.mark.parametrize("shown, status", [("nothing", "failed"), ("zeros", "available"), ("spool", "available")])
def test_the_processor_limit_grows_with_what_others_counted(generous, source, shown, status):
    """Two seconds of work, where one is allowed; the virtual size that it claims does not count."""
    api = Tenant(generous).api()
    source.files[f"work-{shown}"] = rogue(f"work-for-{shown}", 4 * MIB)
    # The spool is looked at until the source has ended.
    image = api.settled(api.register(source.url(f"work-{shown}", rate=MIB)), status)
    assert status == "available" or image["status_reason"].startswith("decoder-timeout: "), image


def test_the_kernel_limits_the_processor_when_nobody_looks(daemon_with, source):
    daemon = daemon_with("rogue-decode", "import.decoder_cpu=0", "import.cpu_seconds=1")
    api = Tenant(daemon).api()
    source.files["unwatched"] = rogue("spin")
    image = api.settled(api.register(source.url("unwatched")), "failed")
    assert "took more processor time" in image["status_reason"], image["status_reason"]


def test_a_decoder_that_sleeps_is_told_from_one_that_waits_for_its_source(captured, source):
    """A source that pauses for longer than decoder_stall_seconds is no stalled decoder."""
    api = Tenant(captured).api()
    source.files["pausing"] = DISK
    image = api.settled(api.register(source.url("pausing", rate=MIB // 8)))
    assert image["status"] == "available"


# ---- the self-test ----

def test_the_server_does_not_import_when_the_walls_do_not_hold(daemon_with, source):
    daemon = daemon_with("unwalled-decode")
    log = daemon.log.read_text()
    assert " error what=sandbox result=refused " in log and 'the probe open was carried out' in log, log
    api = Tenant(daemon).api()
    source.files["waiting"] = DISK
    image = api.register(source.url("waiting"))
    time.sleep(2)
    assert api.get(f"/1.0/images/{image['id']}")["status"] == "creating"
    assert daemon.request("GET", "/healthz").json() == {"status": "ok", "imports": "refused"}
    assert not descendants(daemon.process.pid)
    doctor = subprocess.run([BIN / "darkroomd", "admin", "doctor", "--data", daemon.data],
                            capture_output=True, text=True,
                            env={**os.environ, "DARKROOM_LIBEXEC": str(daemon.directory / "libexec")})
    assert doctor.returncode != 0 and "walls do not hold" in doctor.stdout, doctor
    # Nothing is lost: with whole walls the next start takes it up.
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.request("GET", "/healthz").json() == {"status": "ok"}
    api.settled(image)


def test_a_developer_may_do_without_walls_and_hears_of_it(daemon_with):
    daemon = daemon_with("unwalled-decode", "import.require_sandbox=false")
    assert " warn what=sandbox result=ignored " in daemon.log.read_text()
    assert daemon.request("GET", "/healthz").json() == {"status": "ok"}


# ---- darkroomd inspect: the same walls ----

@pytest.mark.parametrize("deed, setting, reason", [
    ("socket", "", "decoder-crashed: "), ("head", "", "decoder-crashed: "), ("less", "", "decoder-crashed: "),
    ("no-last-word", "", "decoder-crashed: "), ("sleep-after-end", "", "decoder-timeout: "),
    ("spin", "import.decoder_cpu=1", "decoder-timeout: "), ("sleep", "import.total_seconds=2", "timed-out: ")])
def test_inspect_stops_it_too(tmp_path, deed, setting, reason):
    (tmp_path / "file").write_bytes(rogue(deed))
    place = libexec_with(tmp_path / "libexec", "rogue-decode")
    done = subprocess.run([BIN / "darkroomd", "inspect", tmp_path / "file"] + (["--set", setting] if setting else []),
                          capture_output=True, text=True, timeout=100,
                          env={**os.environ, "DARKROOM_LIBEXEC": str(place)})
    assert done.returncode == 1 and f"refused: {reason}" in done.stdout, done
