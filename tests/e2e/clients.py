# SPDX-License-Identifier: Apache-2.0
"""Other people's programs, as they come: swift, rclone and curl on one object store.

A Cloud is an account at a Darkroom, or at an OpenStack Swift named by DARKROOM_SWIFT_URL (of its v1
authentication), …_USER and …_KEY, with …_OTHER and …_OTHER_KEY for a user without rights of its own:
what the tests want of us is then asked of Swift."""
import os
import shutil
import subprocess

import pytest

from conftest import Tenant, request

SWIFT = os.environ.get("DARKROOM_SWIFT_URL")
PATIENCE = 120


def run(*command, expect=0, **more):
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False,
                          **{"text": True, **more})
    assert done.returncode == expect, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def need(program):
    if not shutil.which(program):
        pytest.skip(f"no {program} here")


class Cloud:
    def __init__(self, auth, user, key):
        self.auth, self.user, self.key = auth, user, key

    def granted(self):
        """(storage URL, token)."""
        answer = request(self.auth, "GET", "/" + self.auth.split("/", 3)[3],
                         headers={"X-Auth-User": self.user, "X-Auth-Key": self.key})
        assert answer.status in (200, 204), answer
        return answer.header("X-Storage-Url"), answer.header("X-Auth-Token")

    def swift(self, *words, expect=0, **more):
        need("swift")
        return run("swift", "-A", self.auth, "-U", self.user, "-K", self.key, *map(str, words),
                   expect=expect, **more)

    def rclone(self, home, *words, expect=0, **more):
        """With the remote `orbit:`."""
        need("rclone")
        (home / "rclone.conf").write_text(f"[orbit]\ntype = swift\nuser = {self.user}\n"
                                          f"key = {self.key}\nauth = {self.auth}\n")
        return run("rclone", "--config", home / "rclone.conf", "--retries", "1", *map(str, words),
                   expect=expect, env={**os.environ, "HOME": str(home)}, **more)

    def curl(self, path, *words, expect=0, **more):
        """Of a path below the account, with a token; an HTTP error is a failure (22)."""
        need("curl")
        storage, token = self.granted()
        return run("curl", "-sf", "-H", f"X-Auth-Token: {token}", *map(str, words), storage + path,
                   expect=expect, **more)

    def status(self, path, *words):
        """The status of a request with curl, and nothing of its body."""
        storage, token = self.granted()
        return int(run("curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-H",
                       f"X-Auth-Token: {token}", *map(str, words), storage + path))


def of_tenant(tenant):
    """Of its full-rights API client, with the account in the URL."""
    return Cloud(f"{tenant.daemon.base}/v1/{tenant.account}", tenant.client, tenant.secret)


def pair(pytest_request):
    """(an owner's cloud, another user's of the same account, that one's name in an ACL)."""
    if SWIFT:
        env = os.environ
        other = env["DARKROOM_SWIFT_OTHER"]
        return (Cloud(SWIFT, env["DARKROOM_SWIFT_USER"], env["DARKROOM_SWIFT_KEY"]),
                Cloud(SWIFT, other, env["DARKROOM_SWIFT_OTHER_KEY"]), other)
    tenant = Tenant(pytest_request.getfixturevalue("daemon"))
    mine = of_tenant(tenant)
    made = tenant.daemon.admin("client", "create", tenant.account, "--group", "storage")
    return mine, Cloud(mine.auth, made["id"], made["secret"]), f"{tenant.account}:{made['id']}"
