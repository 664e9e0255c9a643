# SPDX-License-Identifier: Apache-2.0
"""Running `brightbox` with a home of its own, against a FakeApi."""
import os
import re
import select
import subprocess

PROGRAM = os.environ.get("BRIGHTBOX", "brightbox")

CLIENT_SECTION = """[core]
default_client = cli-aaaaa

[cli-aaaaa]
alias = cli-aaaaa
client_id = cli-aaaaa
secret = secret123456789
api_url = {url}
default_account = acc-abcde
"""

USER_SECTION = """[core]
default_client = ada@example.com

[ada@example.com]
username = ada@example.com
api_url = {url}
auth_url = {url}
"""


class Cli:
    """The command, with a home of its own."""

    def __init__(self, home, api):
        self.home, self.api = home, api
        self.dir = home / ".brightbox"
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "80", "LINES": "24",
                    "BRIGHTBOX_API_URL": api.url}

    def write_config(self, text):
        self.dir.mkdir(exist_ok=True)
        (self.dir / "config").write_text(text.format(url=self.api.url))

    def config(self):
        return (self.dir / "config").read_text()

    def start(self, *args, **more):
        return subprocess.Popen([PROGRAM, *args], env=self.env, cwd=self.home,
                                stdin=more.pop("stdin", subprocess.DEVNULL),
                                stdout=more.pop("stdout", subprocess.PIPE),
                                stderr=more.pop("stderr", subprocess.PIPE), **more)

    def __call__(self, *args, input=None, **env):
        """Run to the end: what it printed, and how it ended."""
        for name, value in env.items():
            self.env[name] = value
        done = subprocess.run([PROGRAM, *args], env=self.env, cwd=self.home, timeout=30,
                              input=(input or "").encode(), capture_output=True)
        return Result(done.returncode, done.stdout, done.stderr.decode())


def read_terminal(fd, until=None):
    """What appears on the master's end of a terminal: up to a text, or until the other end closes."""
    seen = b""
    while until is None or until not in seen:
        ready, _, _ = select.select([fd], [], [], 20)
        assert ready, f"nothing more within 20 s after {seen!r}"
        try:
            more = os.read(fd, 4096)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        seen += more
    return seen


class Result:
    def __init__(self, code, raw, err):
        self.code, self.raw, self.err = code, raw, err

    @property
    def out(self):
        return self.raw.decode()

    def ids(self):
        return re.findall(r"^ ?([a-z]{3}-[a-z0-9]+)", self.out, re.M)

    def __repr__(self):
        return f"exit {self.code}\nstdout:\n{self.raw}\nstderr:\n{self.err}"
