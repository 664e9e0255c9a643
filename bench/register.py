# SPDX-License-Identifier: Apache-2.0
"""Registering, beside what people do by hand."""
import shutil
import subprocess

import common
import orbit
import swift

CONVERT = 'curl -sf -o {t}/d {u} && qemu-img convert -O raw {t}/d {t}/o'
BY_HAND = {
    'qcow2-zlib': (CONVERT, 0.50),
    'qcow2-zstd': (CONVERT, 0.60),
    'qcow2': (CONVERT, 0.60),
    'raw-lz4': ('curl -sf {u} | lz4 -q -d -f --sparse - {t}/o', 0.50),
    'raw-xz': ('curl -sf -o {t}/d {u} && xz -d -T2 -c {t}/d >{t}/o', 1.0),
    'raw': ('curl -sf -o {t}/o {u}', 0.70),
}
SLOW = [name for name in BY_HAND if name != 'raw-xz']
AGAIN = ['qcow2-zlib', 'qcow2', 'raw']


def by_hand(work, command, url):
    out = work / 'hand'
    out.mkdir()
    subprocess.run(['sync'], check=True)
    result = common.timed_shell(command.format(t=out, u=url))
    shutil.rmtree(out)
    return result


def ours(darkroom, url):
    """By an account that has nothing yet. Nothing is deleted before the end: an ext4 without a journal
    looks at every file deleted in the last minutes whenever one is made."""
    darkroom.new_account()
    took, cpu, _ = darkroom.register(url)
    return took, cpu


def compare(bench, base, name, command):
    url = f'{base}/{common.SOURCES[name]}'
    subprocess.run(['cat', common.DISK / common.SOURCES[name]], check=True, stdout=subprocess.DEVNULL)
    return common.interleaved(bench.rounds, lambda: by_hand(bench.work, command, url),
                              lambda: ours(bench.darkroom, url))


def mib(name):
    return f'source {(common.DISK / common.SOURCES[name]).stat().st_size >> 20} MiB'


def full_speed(bench, names):
    bench.table.head('Registering', 'by hand')
    for name in names:
        command, goal = BY_HAND[name]
        peer, mine = compare(bench, bench.nginx.url, name, command)
        bench.table.add(f'register/{name}', 's', mine, peer, at_most=goal, note=mib(name))


def gigabit(bench, names):
    """The peer only fetches: nothing is decoded on its side."""
    bench.table.head('Registering from a source at 1 Gbit/s', 'bare curl -o')
    wire = common.Wire(common.DISK)
    try:
        for name in names:
            peer, mine = compare(bench, wire.url, name, 'curl -sf -o {t}/o {u}')
            ideal = (common.DISK / common.SOURCES[name]).stat().st_size / wire.RATE
            bench.table.add(f'gbit/{name}', 's', mine, peer, at_most=1.05,
                            note=f'{mib(name)}: {ideal:.2f} s on the wire')
    finally:
        wire.stop()


def again(bench, names):
    """The same image a second time while the first is there, against the first."""
    bench.table.head('Registering the same image again', 'the first time')
    darkroom = bench.darkroom
    for name in names:
        url = f'{bench.nginx.url}/{common.SOURCES[name]}'
        first, second, new = [], [], []
        for n in range(bench.rounds + 1):
            darkroom.new_account()
            took, cpu, _ = darkroom.register(url)
            before = darkroom.chunks()
            took_again, cpu_again, _ = darkroom.register(url)
            added = darkroom.chunks() - before
            if n:
                first.append((took, cpu))
                second.append((took_again, cpu_again))
                new.append(added)
        bench.table.add(f'again/{name}', 's', second, first, at_most=0.60,
                        also=not any(new), note=f'{max(new)} new chunks')


def from_file(bench, _names):
    """A file of this machine: one command uploads it to Orbit and imports it; theirs is the upload."""
    bench.table.head('Registering a file of this machine (images register --file)', 'curl -T to Swift, no more')
    path = common.DISK / common.SOURCES['qcow2']
    darkroom = bench.darkroom

    def upload():
        subprocess.run(['sync'], check=True)
        result = theirs.curl([orbit.uploaded(path, f'{theirs.url}/{container}/disk')], 201)
        theirs.request('DELETE', f'/{container}/disk')
        return result

    def command():
        """By an account that has nothing yet, as in ours(); what the removal of the upload costs counts as
        processor time only."""
        darkroom.new_account()
        brightbox = common.Brightbox(bench.work, darkroom)
        subprocess.run(['sync'], check=True)
        cpu = darkroom.cpu()
        took = brightbox('images', 'register', '--arch=x86_64', '--file', path, until=darkroom.has_image)
        return took, darkroom.cpu() - cpu

    subprocess.run(['cat', path], check=True, stdout=subprocess.DEVNULL)
    peer = swift.Swift(bench.work / 'swift')
    try:
        theirs = orbit.Side(peer, peer.url, peer.token, bench.work)
        container = theirs.new_container()
        hand, mine = common.interleaved(bench.rounds, upload, command)
    finally:
        peer.stop()
    bench.table.add('register-file', 's', mine, hand, at_most=1.2,
                    note=f'{mib("qcow2")}; both end on disk; CPU of the servers')
