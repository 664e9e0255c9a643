#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One direction of dependencies: which module may include which.

The table is the truth; ARCHITECTURE.md holds a copy between two markers, and `--write` renews it.
Fails on an include that the table does not allow, on a cycle, and on an outdated copy."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULES = {
    # module: (job, modules it may include besides itself)
    'util': ('errors, buffers, checked numbers, clocks, workers; knows nothing of images', ''),
    'digest': ('SHA-256 values, streaming hashes, constant-time comparison', 'util'),
    'stream': ('the spine: pull streams; the spool makes one seekable', 'util digest'),
    'ring': ('the sealed shared-memory seam between two processes', 'util'),
    'detect': ('what some bytes are, by content', 'util'),
    'codec': ('streams that decompress the one below', 'util stream detect'),
    'format': ('disk formats as ordered extents', 'util stream'),
    'store': ('content-addressed chunks and blobs, durable at commit, leased', 'util digest'),
    'manifest': ('a disk as its non-zero chunks; views; collection; check', 'util digest stream store'),
    'transport': ('URL to bytes: address policy, redirects, resume, retry', 'util digest stream'),
    'ingest': ('the pipeline and its processes: decode, commit, import',
               'util digest stream ring detect codec format store manifest'),
    'catalogue': ('all SQL of the project', 'util digest'),
    'auth': ('credentials to principals', 'util digest catalogue'),
    'job': ('runs what job rows ask for', 'util digest store manifest catalogue ingest'),
    'library': ('every verb a front may ask for; the only policy',
                'util digest stream store manifest transport catalogue auth'),
    'orbit': ('object storage, free of any protocol, with its policy',
              'util digest stream store manifest catalogue auth library transport'),
    'http': ('HTTP plumbing; its library is invisible outside', 'util digest'),
    'api': ('JSON to library', 'util digest http auth catalogue library'),
    'swift': ('the Swift dialect to orbit', 'util digest manifest http auth catalogue library orbit'),
    'gate': ('the seam between the process that speaks SSH and darkroomd', 'util'),
    'sftp': ('what comes through the gate to orbit', 'util digest auth catalogue library orbit gate'),
    'ssh': ('the SSH and SFTP protocols; its library is invisible outside', 'util digest gate'),
    'prepare': ('a local disk to a compressed raw file: what `images prepare` does',
                'util digest stream detect codec format ingest'),
    'cli': ('the tenant\'s command: a client over HTTP only', 'util digest prepare'),
    'helpers': ('the programs of one import', '*'),
    'daemon': ('configuration, wiring, commands', '*'),
}


def allowed(module):
    names = MODULES[module][1]
    return set(MODULES) if names == '*' else set(names.split())


def table():
    rows = ['| module | job | may include |', '| --- | --- | --- |']
    for name, (job, deps) in MODULES.items():
        rows.append(f'| {name} | {job} | {"all" if deps == "*" else deps or "–"} |')
    return '\n'.join(rows)


def check_includes():
    problems = []
    for path in sorted((ROOT / 'src').rglob('*.[ch]')):
        module = path.relative_to(ROOT / 'src').parts[0]
        if module not in MODULES:
            problems.append(f'{path}: module {module} is not in the table')
            continue
        for n, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            target = m[1].split('/')[0]
            if '/' not in m[1] or target not in MODULES:
                problems.append(f'{path}:{n}: include "{m[1]}" is not of the form "module/file.h"')
            elif target != module and target not in allowed(module):
                problems.append(f'{path}:{n}: {module} may not include {target}')
            elif target != module and m[1].endswith('_internal.h'):
                problems.append(f'{path}:{n}: {m[1]} is private to {target}')
    return problems


def check_order():
    """The table is in order: a module may only use those above it, so there is no cycle."""
    seen, problems = set(), []
    for name in MODULES:
        if MODULES[name][1] != '*':
            problems += [f'{name} may include {d}, which stands below it'
                         for d in allowed(name) - seen]
        seen.add(name)
    return problems


def check_drivers():
    """Concrete drivers are named only by the wiring and by their own module."""
    problems = []
    for path in sorted((ROOT / 'src').rglob('*.c')):
        rel = path.relative_to(ROOT / 'src')
        if rel.name.startswith('wire') or rel.parts[0] in ('store', 'catalogue'):
            continue
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r'\b(store_(dir|mem)_(open|create)|catalogue_(open|create)_sqlite)\b', line):
                problems.append(f'{path}:{n}: names a concrete driver')
    return problems


def copy_of_table(write):
    path = ROOT / 'ARCHITECTURE.md'
    text = path.read_text()
    new = re.sub(r'(<!-- modules -->\n).*?(\n<!-- /modules -->)',
                 lambda m: m[1] + table() + m[2], text, flags=re.S)
    if write:
        path.write_text(new)
    return [] if new == text or write else ['ARCHITECTURE.md: module table is old; run tools/check-layers.py --write']


problems = check_includes() + check_order() + check_drivers() + copy_of_table('--write' in sys.argv)
for p in problems:
    print(p)
sys.exit(1 if problems else 0)
