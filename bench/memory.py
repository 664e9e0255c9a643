# SPDX-License-Identifier: Apache-2.0
"""Memory: of one import over all its processes, and of a daemon that has nothing to do."""
import collections
import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.parse

import common
import sftp

MIB = 1 << 20
PERIOD_SECONDS = 0.015
BIG = {name: f'big-{common.SOURCES[name]}' for name in ('qcow2-zlib', 'qcow2-zstd', 'qcow2')}
BIG_BYTES = 400 << 30
LIMIT_MIB = 128
CONNECTIONS = 500
SESSIONS = 50


def big_disks():
    """400 GiB with 1 MiB of the real disk's data in each, as qcow2; made once."""
    if all((common.DISK / name).exists() for name in BIG.values()):
        return
    print('bench: making a disk of 400 GiB (once)', flush=True)
    raw = common.DISK / 'big.raw'
    with open(common.DISK / 'disk.raw', 'rb') as real, open(raw, 'wb') as f:
        f.truncate(BIG_BYTES)
        for at in range(0, BIG_BYTES, 1 << 30):
            piece = real.read(MIB)
            while piece.count(0) > MIB // 2:
                piece = real.read(MIB)
            f.seek(at)
            f.write(piece)
    for name, options in (('qcow2-zlib', '-c'), ('qcow2-zstd', '-c -o compression_type=zstd'), ('qcow2', '')):
        subprocess.run(f'qemu-img convert -f raw -O qcow2 {options} {raw} {common.DISK / BIG[name]}',
                       shell=True, check=True)
    raw.unlink()


def held(pid):
    """Bytes a process holds: its proportional share (Pss); where that may not be read, all (Rss)."""
    try:
        with open(f'/proc/{pid}/smaps_rollup') as f:
            for line in f:
                if line.startswith('Pss:'):
                    return int(line.split()[1]) * 1024
        return 0
    except PermissionError:
        with open(f'/proc/{pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def held_by_all(pid):
    """{name: bytes} of the daemon and everything below it; those of one name together."""
    parts = collections.Counter()
    for p in [pid, *common.children(pid)]:
        try:
            parts[common.name_of(p)] += held(p)
        except OSError:
            pass  # it has just ended
    return parts


def in_words(parts):
    return ', '.join(f'{name} {n / MIB:.0f}' for name, n in parts.items())


class Peak(threading.Thread):
    """The largest sum over the daemon and everything below it, while it runs."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid
        self.bytes = 0
        self.parts = {}
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(PERIOD_SECONDS):
            parts = held_by_all(self.pid)
            if sum(parts.values()) > self.bytes:
                self.bytes = sum(parts.values())
                self.parts = parts

    def stop(self):
        self.over.set()
        self.join()
        return self.bytes / MIB, in_words(self.parts)


def of_import(bench, row, file, goal):
    peak = Peak(bench.darkroom.proc.pid)
    peak.start()
    try:
        _, cpu, image = bench.darkroom.register(f'{bench.nginx.url}/{file}')
    finally:
        most, parts = peak.stop()
    bench.darkroom.forget(image)
    bench.table.add(row, 'MiB', [(most, cpu)], at_most=goal, note=parts)


def imports(bench, names):
    bench.table.head('Most memory of one import, all processes (Pss, sampled), 4 GiB', '')
    for name in names:
        of_import(bench, f'memory/{name}', common.SOURCES[name], None if name == 'raw-xz' else LIMIT_MIB)


def big_imports(bench, names):
    big_disks()
    bench.table.head('Most memory of one import, all processes (Pss, sampled), 400 GiB sparse', '')
    for name in names:
        of_import(bench, f'memory-400g/{name}', BIG[name], LIMIT_MIB)


def idle_of(pid):
    with open(f'/proc/{pid}/status') as f:
        found = dict(line.split(':') for line in f)
    return {k: int(found[k].split()[0]) / 1024 for k in ('VmRSS', 'RssAnon')}


def idle(bench, _names):
    """Just started, and after an import and a while: what was borrowed must have been given back."""
    bench.table.head('A daemon with nothing to do (Rss)', '')
    darkroom = common.Darkroom(bench.work / 'idle')
    try:
        for state in ('started', 'after an import'):
            if state != 'started':
                darkroom.register(f'{bench.nginx.url}/{common.SOURCES["qcow2-zlib"]}')
            time.sleep(3)
            found = idle_of(darkroom.proc.pid)
            bench.table.add(f'idle/{state.replace(" ", "-")}', 'MiB', [(found['VmRSS'], None)], at_most=32,
                            note=f'anonymous {found["RssAnon"]:.1f}')
    finally:
        darkroom.stop()


def kept_connection(darkroom):
    """An HTTP connection that has had an answer."""
    wire = http.client.HTTPConnection(urllib.parse.urlsplit(darkroom.url).netloc)
    ask(darkroom, wire)
    return wire


def ask(darkroom, wire):
    wire.request('GET', '/1.0/images', headers={'Authorization': darkroom.credentials})
    answer = wire.getresponse()
    answer.read()
    if answer.status != 200 or wire.sock is None:
        sys.exit(f'bench: GET /1.0/images: {answer.status}, connection {"kept" if wire.sock else "closed"}')


def guests(bench, _names):
    """Everybody has been served and is still there, which the answers afterwards prove."""
    bench.table.head('A daemon whose guests have nothing to ask (Pss of all processes)', '')
    darkroom = common.Darkroom(bench.work / 'guests')
    wires, sessions = [], []
    try:
        client = sftp.ours(bench, darkroom)
        for _ in range(CONNECTIONS):
            wires.append(kept_connection(darkroom))
        for _ in range(SESSIONS):
            sessions.append(client.session())
        time.sleep(3)
        parts = held_by_all(darkroom.proc.pid)
        for wire in wires:
            ask(darkroom, wire)
        for session in sessions:
            session.ask()
        bench.table.add('idle-guests', 'MiB', [(sum(parts.values()) / MIB, None)], at_most=LIMIT_MIB,
                        note=f'{CONNECTIONS} HTTP connections, {SESSIONS} SFTP sessions: {in_words(parts)}')
    finally:
        for guest in wires + sessions:
            guest.close()
        darkroom.stop()
