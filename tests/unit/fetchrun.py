# SPDX-License-Identifier: Apache-2.0
"""Runs darkroom-fetch as the daemon does. FETCH_RUNNER (fetch-runner.c) is the consumer of the
program's ring: what came through is its output; its error output has the program's report."""

import hashlib
import os
import subprocess
import urllib.parse

QUICK = {"backoff_ms": 1, "connect_ms": 5000, "first_byte_ms": 5000}


class Outcome:
    """What came out of one fetch."""

    def __init__(self, process):
        self.status = process.returncode
        self.data = process.stdout
        self.text = process.stderr.decode()
        self.lines = self.text.splitlines()

    def find(self, word):
        """The fields of the only line that begins with this word; msg is the rest of its line,
        percent-encoded in the report."""
        found = [line for line in self.lines if line.startswith(word + " ")]
        assert len(found) == 1, self.text
        fields, _, msg = found[0].partition(" msg=")
        if word == "fail":
            msg = urllib.parse.unquote(msg)
        return dict(field.split("=", 1) for field in fields.split()[1:]
                    if "=" in field) | {"msg": msg}

    @property
    def retries(self):
        return [line.rpartition("reason=")[2] for line in self.lines if line.startswith("retry ")]

    @property
    def done(self):
        assert self.status == 0, self.text
        assert "ring end" in self.lines
        return self.find("done")

    @property
    def failed(self):
        assert self.status == 1, self.text
        failure = self.find("fail")
        # The ring says the same as the report.
        ring = self.find("ring fail")
        assert (ring["code"], ring["msg"]) == (failure["code"], failure["msg"])
        return failure


def order(url, **keys):
    """The work order; a list is a repeated key."""
    text = ""
    for key, value in {"url": url, **QUICK, **keys}.items():
        for one in value if isinstance(value, list) else [value]:
            escaped = str(one).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
            text += f"{key}={escaped}\n"
    return text.encode()


def command(runner=()):
    return [os.environ["FETCH_RUNNER"], os.environ["DARKROOM_FETCH"], *map(str, runner)]


def fetch(url, runner=(), env=None, **keys):
    return Outcome(subprocess.run(command(runner), input=order(url, **keys), capture_output=True,
                                  env=env, check=False))


def whole(outcome, data):
    """The outcome is exactly this."""
    done = outcome.done
    assert outcome.data == data
    assert done["sha256"] == hashlib.sha256(data).hexdigest()
    assert done["bytes"] == str(len(data))
    return done


def refused(outcome, reason):
    failure = outcome.failed
    assert failure["reason"] == reason, outcome.text
    return failure
