# SPDX-License-Identifier: Apache-2.0
"""SFTP beside OpenSSH's own server; OpenSSH's sftp is the client of both, with one key."""
import os
import pathlib
import pwd
import statistics
import subprocess
import sys
import time

import common

CIPHERS = {'': 'chacha20-poly1305@openssh.com', 'aes128-gcm': 'aes128-gcm@openssh.com'}  # '': the default
ROWS = ['get', 'put', 'get-aes128-gcm', 'put-aes128-gcm', 'ls']
NOTES = {'get': 'CPU of the servers', 'put': 'theirs ends in the page cache, ours on disk; CPU of the servers'}
FOLDER = 'bench'
LISTED = 20    # files in it
VISITS = 20    # connections of one round of ls
# The key exchange is named because OpenSSH's server would take one that costs more than ours offers.
OPTIONS = ['LogLevel=ERROR', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentityAgent=none',
           'IdentitiesOnly=yes', 'PreferredAuthentications=publickey', 'KexAlgorithms=curve25519-sha256',
           'HostKeyAlgorithms=ssh-ed25519']


class Sshd:
    """OpenSSH's server below `work`, for the user who runs this, with its own SFTP in its own process."""
    SEPARATION = pathlib.Path('/run/sshd')  # where it wants an empty directory when started as root

    def __init__(self, work, public_key):
        work.mkdir()
        self.work = work
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port, = common.free_ports(1)
        self.separated = os.getuid() == 0 and not self.SEPARATION.exists()
        if self.separated:
            self.SEPARATION.mkdir(mode=0o755)
        make_key(work / 'host')
        (work / 'authorized').write_text(public_key)
        (work / 'config').write_text(
            f'ListenAddress 127.0.0.1\nPort {self.port}\nPidFile none\nHostKey {work}/host\n'
            f'AuthorizedKeysFile {work}/authorized\nStrictModes no\nUsePAM no\nLogLevel ERROR\n'
            'Subsystem sftp internal-sftp\n')
        with open(work / 'log', 'wb') as log:
            self.proc = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', work / 'config'], stderr=log)
        common.await_port(self.port, 'sshd')

    def cpu(self):
        return common.cpu_seconds(self.proc.pid)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        if self.separated:
            self.SEPARATION.rmdir()


def make_key(path):
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', path], check=True)


def public_key(bench):
    """The client's; made once."""
    if not (bench.work / 'key').exists():
        make_key(bench.work / 'key')
    return (bench.work / 'key.pub').read_text()


class Client:
    """OpenSSH's sftp at one of the servers."""

    def __init__(self, bench, server, port, user, root):
        self.server = server
        self.folder = f'{root}/{FOLDER}'
        options = [*OPTIONS, f'Port={port}', f'User={user}']
        self.command = ['sftp', '-q', '-F', 'none', '-i', bench.work / 'key', '-b', '-',
                        *(word for option in options for word in ('-o', option)), '127.0.0.1']

    def run(self, *lines, cipher=''):
        """(seconds, server's processor seconds) from the client's start to its end."""
        command = [*self.command[:-1], '-o', f'Ciphers={CIPHERS[cipher]}', self.command[-1]]
        cpu = self.server.cpu()
        began = time.monotonic()
        done = subprocess.run(command, input='\n'.join(lines), capture_output=True, text=True)
        took = time.monotonic() - began
        if done.returncode:
            sys.exit(f'bench: {type(self.server).__name__}: sftp {lines}: {done.stderr[-500:]}')
        return took, self.server.cpu() - cpu

    def session(self):
        return Session(self)


class Session:
    """A client that stays."""

    def __init__(self, client):
        self.proc = subprocess.Popen(client.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask()

    def ask(self):
        self.proc.stdin.write('pwd\n')
        self.proc.stdin.flush()
        for line in self.proc.stdout:
            if line.startswith('Remote working directory'):
                return
        sys.exit('bench: an SFTP session has ended')

    def close(self):
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stdout.close()


def ours(bench, darkroom):
    user = darkroom.new_user(public_key(bench))
    return Client(bench, darkroom, darkroom.sftp_port, user, '')


def get(client, cipher, _path):
    took, cpu = client.run(f'get {client.folder}/big /dev/null', cipher=cipher)
    return common.BIG_BYTES / took / 1e6, cpu


def put(client, cipher, path):
    subprocess.run(['sync'], check=True)
    took, cpu = client.run(f'put {path} {client.folder}/put', cipher=cipher)
    client.run(f'rm {client.folder}/put')
    return common.BIG_BYTES / took / 1e6, cpu


def big(bench, names, peer, mine):
    path = common.big_file(bench)
    for client in (peer, mine):
        client.run(f'put {path} {client.folder}/big')
    subprocess.run(['sync'], check=True)
    for row in names:
        verb, _, cipher = row.partition('-')
        run = {'get': get, 'put': put}[verb]
        theirs, our = common.interleaved(bench.rounds, lambda: run(peer, cipher, path),
                                         lambda: run(mine, cipher, path))
        bench.table.add(f'sftp/{row}', 'MB/s', our, theirs, at_least=1.0, note=NOTES[verb])


def visits(client):
    """(median milliseconds, processor milliseconds of the server per visit)"""
    results = [client.run(f'ls {client.folder}/list') for _ in range(VISITS)]
    return statistics.median(took for took, _ in results) * 1e3, sum(cpu for _, cpu in results) / VISITS * 1e3


def ls(bench, peer, mine):
    for client in (peer, mine):
        client.run(f'mkdir {client.folder}/list',
                   *(f'put {bench.work}/key.pub {client.folder}/list/file-{n:02}' for n in range(LISTED)))
    theirs, our = common.interleaved(bench.rounds, lambda: visits(peer), lambda: visits(mine))
    bench.table.add('sftp/ls', 'ms', our, theirs, at_most=1.0,
                    note=f'connect, log in, ls of {LISTED}, leave; CPU: ms of the servers')


def rows(bench, names):
    bench.table.head('SFTP', "OpenSSH's server")
    sshd = Sshd(bench.work / 'sshd', public_key(bench))
    try:
        peer = Client(bench, sshd, sshd.port, sshd.user, sshd.work)
        mine = ours(bench, bench.darkroom)
        for client in (peer, mine):
            client.run(f'mkdir {client.folder}')
        if set(names) - {'ls'}:
            big(bench, [name for name in names if name != 'ls'], peer, mine)
        if 'ls' in names:
            ls(bench, peer, mine)
    finally:
        sshd.stop()
