# SPDX-License-Identifier: Apache-2.0
"""What every family of rows needs: a Darkroom, an nginx, processor time, and a table."""
import base64
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get('DARKROOM_BIN', ROOT / 'bin'))
WORK = pathlib.Path(os.environ.get('BENCH_WORK', ROOT / 'build/bench-work'))
DISK = WORK / 'disk'
SOURCES = {
    'qcow2-zlib': 'zlib.qcow2',
    'qcow2-zstd': 'zstd.qcow2',
    'qcow2': 'plain.qcow2',
    'raw-lz4': 'disk.raw.lz4',
    'raw-xz': 'disk.raw.xz',
    'raw': 'disk.raw',
}
BIG_BYTES = 1 << 30
USERS_PROGRAM = ('app-12345', 'mocbuipbiaa6k6c')  # what users log in with, known to everybody


# ---- processes ----

def children(pid):
    """Every process below this one."""
    found = []
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children') as f:
                for child in f.read().split():
                    found += [int(child), *children(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has just ended
    return found


def cpu_seconds(pid):
    """User and system time of a process, of all below it, and of those of them that have ended."""
    ticks = 0
    for p in [pid, *children(pid)]:
        try:
            with open(f'/proc/{p}/stat') as f:
                ticks += sum(int(n) for n in f.read().rpartition(')')[2].split()[11:15])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return ticks / os.sysconf('SC_CLK_TCK')


def name_of(pid):
    """A helper's name; of one that has just ended, none."""
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip().removeprefix('darkroom-')
    except (FileNotFoundError, ProcessLookupError):
        return ''


def first_line(proc, what):
    line = proc.stdout.readline().decode().strip()
    if not line:
        sys.exit(f'bench: {what} did not start')
    return line


def timed_shell(command):
    """(seconds, processor seconds) of a command and all that it starts."""
    before = os.times()
    began = time.monotonic()
    subprocess.run(command, shell=True, check=True)
    took = time.monotonic() - began
    after = os.times()
    return took, (after.children_user + after.children_system
                  - before.children_user - before.children_system)


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def await_port(port, what):
    for _ in range(200):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f'bench: {what} did not start')


# ---- what is measured ----

def big_file(bench):
    """1 GiB that nothing compresses, on disk and in the page cache; made once."""
    path = bench.work / 'files/big'
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        piece = random.Random(2).randbytes(16 << 20)
        with open(path, 'wb') as f:
            for at in range(0, BIG_BYTES, len(piece)):
                f.write(piece[:BIG_BYTES - at])
        path.chmod(0o644)
    return path


class Darkroom:
    """darkroomd on an empty data directory below `work`."""

    def __init__(self, work, *settings):
        self.data = work / 'data'
        work.mkdir(exist_ok=True)
        out = subprocess.run([BIN / 'darkroomd', 'init', '--data', self.data, '--json'],
                             check=True, capture_output=True)
        self.made = json.loads(out.stdout)
        command = [BIN / 'darkroomd', 'serve', '--data', self.data, '--listen', '127.0.0.1:0', '--sftp',
                   '127.0.0.1:0']
        for s in ('import.allow=127.0.0.0/8', 'store.collect_interval=0', 'http.idle_seconds=3600', *settings):
            command += ['--set', s]
        with open(work / 'log', 'wb') as log:
            self.proc = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        ready = dict(word.split('=', 1) for word in first_line(self.proc, 'darkroomd').split()[1:])
        self.url = 'http://' + ready['http']
        self.sftp_port = int(ready['sftp'].rpartition(':')[2])
        self.wire = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc)
        self.account = self.made['account_id']
        self.log_in(self.made['client_id'], self.made['secret'])

    def log_in(self, client, secret, **grant):
        self.client, self.secret = client, secret
        self.credentials = 'Basic ' + base64.b64encode(f'{client}:{secret}'.encode()).decode()
        answer = self.call('POST', '/token', grant or {'grant_type': 'client_credentials'})
        self.credentials = 'Bearer ' + answer['access_token']

    def admin(self, *words):
        out = subprocess.run([BIN / 'darkroomd', 'admin', *words, '--data', self.data, '--json'],
                             check=True, capture_output=True)
        return json.loads(out.stdout)

    def new_account(self):
        """Go on as a new account, for which nothing is there before: chunks are shared within accounts."""
        self.account = self.admin('account', 'create', 'bench')['id']
        client = self.admin('client', 'create', self.account)
        self.log_in(client['id'], client['secret'])

    def new_user(self, ssh_key):
        """The id of a user of the account, who logs in with that key."""
        client = self.client, self.secret
        user = self.admin('user', 'create', f'{self.account}@example.com', '--account', self.account)
        self.log_in(*USERS_PROGRAM, grant_type='password', username=user['email'], password=user['password'])
        self.call('PUT', f'/1.0/users/{user["id"]}', {'ssh_key': ssh_key})
        self.log_in(*client)
        return user['id']

    def request(self, method, path, body=None):
        self.wire.request(method, path, json.dumps(body) if body is not None else None,
                          {'Content-Type': 'application/json', 'Authorization': self.credentials})
        answer = self.wire.getresponse()
        content = answer.read()
        if answer.status >= 300:
            sys.exit(f'bench: {method} {path}: {answer.status} {content[:500]!r}')
        return content

    def call(self, method, path, body=None):
        return json.loads(self.request(method, path, body))

    def cpu(self):
        """Once no import runs: what ends belongs to its parent from then on."""
        while any(name_of(p) != 'sftp' for p in children(self.proc.pid)):
            time.sleep(0.005)
        return cpu_seconds(self.proc.pid)

    def register(self, url):
        """(seconds from POST until the image is available, processor seconds, its id)."""
        subprocess.run(['sync'], check=True)
        cpu = self.cpu()
        began = time.monotonic()
        image = self.call('POST', '/1.0/images', {'arch': 'x86_64', 'name': 'bench', 'http_url': url})
        while image['status'] == 'creating':
            time.sleep(0.01)
            image = self.call('GET', f'/1.0/images/{image["id"]}')
        took = time.monotonic() - began
        if image['status'] != 'available':
            sys.exit(f'bench: registering failed: {image["status_reason"]}')
        return took, self.cpu() - cpu, image['id']

    def has_image(self):
        return any(image['status'] == 'available' for image in self.call('GET', '/1.0/images'))

    def chunks(self):
        return sum(len(files) for _, _, files in os.walk(self.data / 'store/chunks'))

    def forget(self, *images):
        for image in images:
            self.call('DELETE', f'/1.0/images/{image}')
        subprocess.run([BIN / 'darkroomd', 'admin', 'store', 'collect', '--now', '--data', self.data],
                       check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self.wire.close()
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait()
        self.proc.stdout.close()


class Brightbox:
    """Our command, with a home of its own below `work`, as the client that is logged in."""

    def __init__(self, work, darkroom):
        home = work / f'home-{darkroom.client}'
        home.mkdir()
        self.environment = {**os.environ, 'HOME': str(home)}
        self('config', 'client_add', darkroom.client, darkroom.secret, darkroom.url)

    def __call__(self, *words, until=None):
        """Seconds to its end, or until that is true, asked every 10 ms; it goes on to its end all the same."""
        began = time.monotonic()
        took = None
        command = subprocess.Popen([BIN / 'brightbox', *words], env=self.environment, text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while until and command.poll() is None:
            if until():
                took = time.monotonic() - began
                break
            time.sleep(0.01)
        complaint = command.communicate()[1]
        if command.returncode:
            sys.exit(f'bench: brightbox {words[0]} {words[1]}: {complaint[-500:]}')
        return took or time.monotonic() - began


class Nginx:
    """nginx on the directory `root`, with its own files in `work`."""

    def __init__(self, work, root):
        port, = free_ports(1)
        temporary = ' '.join(f'{what}_temp_path {work}/nginx-{what};'
                             for what in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        (work / 'nginx.conf').write_text(
            f'daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log;\n'
            f'worker_processes {os.cpu_count()};\nevents {{}}\n'
            f'http {{ access_log off; sendfile on; keepalive_requests 100000000; {temporary}\n'
            f'default_type application/json; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n')
        os.chmod(work, 0o755)
        self.proc = subprocess.Popen(['nginx', '-c', work / 'nginx.conf', '-p', work],
                                     stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{port}'
        await_port(port, 'nginx')

    def cpu(self):
        return cpu_seconds(self.proc.pid)

    def stop(self):
        self.proc.terminate()
        self.proc.wait()


class Wire:
    """The same directory at 1 Gbit/s."""
    RATE = 125_000_000

    def __init__(self, root):
        self.proc = subprocess.Popen([ROOT / 'bench/wire', root, str(self.RATE)],
                                     stdout=subprocess.PIPE)
        self.url = f'http://127.0.0.1:{first_line(self.proc, "bench/wire")}'

    def stop(self):
        self.proc.terminate()
        self.proc.wait()
        self.proc.stdout.close()


# ---- rounds and results ----

def interleaved(rounds, peer, ours):
    """Both in turn, `rounds` times after one warm-up of each: two lists of (figure, processor
    seconds)."""
    pairs = [(peer(), ours()) for _ in range(rounds + 1)][1:]
    return [p for p, _ in pairs], [o for _, o in pairs]


class Table:
    """Rows as they come, for people; all of them at the end, for programs."""
    COLUMNS = ('row', 'unit', 'peer', 'peer_min', 'peer_max', 'ours', 'ours_min', 'ours_max', 'figure',
               'goal', 'reached', 'peer_cpu', 'our_cpu', 'note')

    def __init__(self):
        self.rows = []

    def head(self, title, peer):
        print(f'\n**{title}**\n\n| row | {peer} | Darkroom | figure | goal | | CPU, theirs | ours | |\n'
              '| --- | --- | --- | --- | --- | --- | --- | --- | --- |', flush=True)

    def add(self, name, unit, ours, peer=None, at_most=None, at_least=None, also=True, note=''):
        """A row from lists of (figure, processor seconds). The figure that has the goal is the ratio
        of the medians, ours to theirs, or without a peer the median itself; `also` is the rest of
        the goal."""
        middle = [statistics.median(v for v, _ in side) if side else None for side in (peer, ours)]
        figure = middle[1] / middle[0] if peer else middle[1]
        goal = f'≤ {at_most}' if at_most else f'≥ {at_least}' if at_least else ''
        reached = ''
        if goal:
            reached = 'yes' if also and (figure <= at_most if at_most else figure >= at_least) else 'NO'
        cells = [[], []]
        for n, side in enumerate((peer, ours)):
            if side:
                values = [v for v, _ in side]
                cpu = [c for _, c in side if c is not None]
                cells[n] = [middle[n], min(values), max(values), statistics.median(cpu) if cpu else None]
            else:
                cells[n] = [None] * 4
        (p, p_min, p_max, p_cpu), (o, o_min, o_max, o_cpu) = cells
        self.rows.append((name, unit, p, p_min, p_max, o, o_min, o_max, figure, goal, reached, p_cpu,
                          o_cpu, note))
        spread = lambda m, low, high: '' if m is None else \
            f'{short(m)} ({short(low)}–{short(high)}) {unit}' if low != high else f'{short(m)} {unit}'
        print(f'| {name} | {spread(p, p_min, p_max)} | {spread(o, o_min, o_max)} | {short(figure)} | {goal} | '
              f'{reached} | {short(p_cpu)} | {short(o_cpu)} | {note} |', flush=True)

    def write(self, path):
        lines = ['\t'.join(self.COLUMNS)]
        lines += ['\t'.join('' if v is None else f'{v:.4g}' if isinstance(v, float) else str(v) for v in row)
                  for row in self.rows]
        path.write_text('\n'.join(lines) + '\n')
        print('\n' + '\n'.join(lines))


def short(value):
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 1000 else f'{value:.1f}' if value >= 100 else f'{value:.2f}'
