#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a script can see (HACKING.md): sizes, guards, banned.h, gotos, licence lines,
formatting. `--fix` runs clang-format over the tree."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE, MAX_FUNCTION, MAX_COLUMNS = 800, 80, 100
problems = []


def functions(lines):
    """(name, first line, length) of every function: an opening brace in column 0 to its partner."""
    start = None
    for n, line in enumerate(lines, 1):
        if line.startswith('{') and start is None:
            start = n
        elif line.startswith('}') and start is not None:
            yield start, n - start + 1
            start = None


def check(path):
    text = path.read_text()
    lines = text.splitlines()
    rel = path.relative_to(ROOT)
    say = lambda n, what: problems.append(f'{rel}:{n}: {what}')

    if 'SPDX-License-Identifier: Apache-2.0' not in lines[0]:
        say(1, 'no SPDX line')
    if len(lines) > MAX_FILE:
        say(1, f'{len(lines)} lines; at most {MAX_FILE}')
    for n, length in functions(lines):
        if length > MAX_FUNCTION:
            say(n, f'a function of {length} lines; at most {MAX_FUNCTION}')
    for n, line in enumerate(lines, 1):
        width = len(line.expandtabs(8))
        if width > MAX_COLUMNS and '"' not in line:
            say(n, f'{width} columns; at most {MAX_COLUMNS}')
        if re.search(r'\bgoto\b', line) and not line.lstrip().startswith(('*', '/*')):
            say(n, 'goto')
        if re.search(r'\b(TODO|FIXME|XXX)\b', line):
            say(n, 'unfinished')
    if rel.parts[0] == 'src':
        if path.suffix == '.h':
            guard = 'DR_' + '_'.join(rel.with_suffix('').parts[1:]).upper().replace('-', '_') + '_H'
            if f'#ifndef {guard}' not in text:
                say(1, f'guard is not {guard}')
        else:
            includes = re.findall(r'#include\s+["<]([^">]+)', text)
            if not includes or includes[-1] != 'util/banned.h':
                say(1, 'util/banned.h is not the last include')
        if path.suffix == '.c' and re.search(r'^static (?!const\b|inline\b|_Atomic\b)[^()=;]*(=[^=][^;]*)?;$', text, re.M):
            m = re.search(r'^static (?!const\b|inline\b|_Atomic\b)[^()=;]*(=[^=][^;]*)?;$', text, re.M)
            if 'const' not in m[0]:
                say(text[:m.start()].count('\n') + 1, 'a mutable static')


files = sorted([*(ROOT / 'src').rglob('*.[ch]'), *(ROOT / 'tests').rglob('*.[ch]')])
if '--fix' in sys.argv:
    subprocess.run(['clang-format', '-i', *files], check=True)
for f in files:
    check(f)
out = subprocess.run(['clang-format', '--dry-run', '-Werror', *files], capture_output=True, text=True)
if out.returncode:
    problems += sorted({l.split(': ')[0].replace(str(ROOT) + '/', '') + ': not as clang-format has it; run tools/check-style.py --fix'
                        for l in out.stderr.splitlines() if 'clang-format-violations' in l})[:40]
for p in problems:
    print(p)
sys.exit(1 if problems else 0)
