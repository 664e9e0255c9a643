#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the migrations NNN-name.sql into one C source: embed.py OUTPUT INPUT..."""

import pathlib
import re
import sys


def c_string(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


def main(output, *inputs):
    rows = []
    for number, path in enumerate(sorted(pathlib.Path(p) for p in inputs), start=1):
        match = re.fullmatch(r"(\d{3})-([a-z0-9-]+)\.sql", path.name)
        if not match or int(match[1]) != number:
            sys.exit(f"{path.name}: expected {number:03}-name.sql")
        text = "\n\t ".join(c_string(line) for line in path.read_text().splitlines())
        rows.append(f'\t{{{number}, "{match[2]}",\n\t {text}}},\n')
    pathlib.Path(output).write_text(
        '#include "catalogue/migrate.h"\n\n'
        "const struct migration migrations[] = {\n" + "".join(rows) + "};\n"
        f"const size_t migration_count = {len(rows)};\n"
    )


main(*sys.argv[1:])
