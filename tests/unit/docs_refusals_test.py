#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/refusals.md lists the code words that the sources can say about an image or an object, and no others."""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# Their reasons are words of a protocol (invalid_grant), not verdicts on an image.
FRONTS = {'api', 'auth', 'cli', 'swift'}
WARN = {'codec', 'detect', 'format', 'ingest'}
WORD = r'"([a-z][a-z0-9-]*)"'


def third_argument(text, at):
    """The third argument of the call whose opening parenthesis ends at `at`."""
    depth, commas, start = 0, 0, at
    for m in re.compile(r'"(?:\\.|[^"\\])*"|[(),]').finditer(text, at):
        if m[0] == '(':
            depth += 1
        elif m[0] == ')':
            depth -= 1
        elif m[0] == ',' and depth == 0:
            commas += 1
            if commas == 3:
                return text[start:m.start()]
            start = m.end()
    return ''


def words_of_sources():
    sources = {p: p.read_text() for p in (TOP / 'src').rglob('*.[ch]')
               if p.relative_to(TOP / 'src').parts[0] not in FRONTS}
    every = '\n'.join(sources.values())
    macros = dict(re.findall(r'#define (\w+) ' + WORD, every))
    refusals, warnings = set(), set()
    for path, text in sources.items():
        for call in re.finditer(r'\bdr_refuse\(', text):
            reason = third_argument(text, call.end())
            # A word with an underscore is an API error's name, and no match of WORD.
            refusals.update(re.findall(WORD, reason))
            refusals.update(macros[name] for name in re.findall(r'\b[A-Z]\w+\b', reason) if name in macros)
        # The table of detect; the reason of a full disk; what job says when there is no reason.
        refusals.update(re.findall(r'\b(?:REFUSED|FOREIGN)\([^,()]*(?:\([^()]*\)[^,()]*)?,\s*' + WORD, text))
        refusals.update(re.findall(r'snprintf\(err->reason,[^,]*, ' + WORD, text))
        # A program's name before its last words is no verdict.
        starts = re.findall(r'"(?!darkroom-)([a-z0-9]+(?:-[a-z0-9]+)+): ', text)
        if path.parent.name == 'job':
            refusals.update(starts)
        elif path.parent.name in WARN:
            warnings.update(starts)
    return refusals, warnings


def words_of_document():
    table, warnings = (TOP / 'docs/refusals.md').read_text().split('## Warnings')
    refusals = set()
    for row in re.findall(r'^\| (`.*?) \|', table, re.M):
        refusals.update(re.findall(r'`([^`]+)`', row))
    return refusals, set(re.findall(r'`([a-z]+[0-9]?(?:-[a-z]+)+)`', warnings))


def main():
    status = 0
    for kind, said, listed in zip(('refusal', 'warning'), words_of_sources(), words_of_document()):
        for word in sorted(said - listed):
            print(f'docs/refusals.md does not list the {kind} {word}')
        for word in sorted(listed - said):
            print(f'docs/refusals.md lists the {kind} {word}, which no source says')
        if said != listed or len(said) < 3:
            status = 1
        print(f'{len(said)} words of {kind}s in the sources, {len(listed)} in the document')
    return status


if __name__ == '__main__':
    sys.exit(main())
