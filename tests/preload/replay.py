# SPDX-License-Identifier: Apache-2.0
"""What a power cut may leave of the changes that record.c wrote down.

A change is sure to be there when a sync that covers it had ended before the cut. POSIX promises no
more than this, and we take it at its word:

    fsync, fdatasync of a file        what was written to it before
    fsync, fdatasync of a directory   the names made and removed in it before
    syncfs                            everything before

Of all other changes any part may be there, also the later one without the earlier."""
import dataclasses
import os
import pathlib
import struct

HEAD = struct.Struct("=cHHIQQ")
NAMES = "oruml"  # kinds of change that concern names, not content


class Node:
    """A file, whatever its name is; equal only to itself."""

    def __init__(self, content=b""):
        self.content = content


@dataclasses.dataclass
class Change:
    kind: str
    path: str  # below the root
    source: str
    data: bytes
    offset: int
    inode: int
    node: Node = None
    sure: int = 1 << 60  # the record with which it is on disk

    def concerns_names(self):
        return self.kind in NAMES


def parse(journal, root):
    at = 0
    while at < len(journal):
        kind, path, source, data, offset, inode = HEAD.unpack_from(journal, at)
        at += HEAD.size
        parts = []
        for length in (path, source, data):
            parts.append(journal[at:at + length])
            at += length
        names = [os.fsdecode(p).removeprefix(root).lstrip("/") for p in parts[:2]]
        yield Change(kind.decode(), *names, parts[2], offset, inode)


def mark(journal, text):
    """Appends what a user has been told by now."""
    name = os.fsencode(text)
    with open(journal, "ab", buffering=0) as f:
        f.write(HEAD.pack(b"!", len(name), 0, 0, 0, 0) + name)


class Replay:
    def __init__(self, root):
        """Before the recording begins: what is there is on disk."""
        self.root = pathlib.Path(root)
        self.names = {}
        self.directories = {""}
        self.inodes = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if path.is_dir():
                self.directories.add(name)
            elif not name.endswith("-shm"):
                self.names[name] = self.inodes[path.stat().st_ino] = Node(path.read_bytes())

    def load(self, journal):
        # SQLite rebuilds its -shm files, which it shares by mmap().
        self.changes = [c for c in parse(pathlib.Path(journal).read_bytes(), str(self.root))
                        if not c.path.endswith("-shm")]
        self.follow()
        self.find_sure()

    def follow(self):
        """Which file each change is about."""
        names, inodes = dict(self.names), dict(self.inodes)
        for c in self.changes:
            if c.kind == "o":
                if c.path in names:
                    c.kind = "-"  # it was opened, not made
                else:
                    c.node = names[c.path] = inodes[c.inode] = Node()
            elif c.kind == "f":  # a file without a name
                inodes[c.inode] = Node()
            elif c.kind == "l":  # … which gets one
                c.node = names[c.path] = inodes[c.inode]
            elif c.kind in "wt":
                c.node = inodes[c.inode]
            elif c.kind == "r":
                c.node = names[c.path] = names.pop(c.source)
            elif c.kind == "u":
                c.node = names.pop(c.path, None)

    def find_sure(self):
        begun = {}
        for end, c in enumerate(self.changes):
            key = (c.source, c.path, c.inode)
            if c.kind == "(":
                begun.setdefault(key, []).append(end)
            elif c.kind == ")":
                # Of several at once the earliest began before the fewest changes.
                for change in self.changes[:begun[key].pop(0)]:
                    if change.sure > end and self.covers(c, change):
                        change.sure = end

    @staticmethod
    def covers(sync, change):
        if sync.source == "syncfs":
            return True
        if change.concerns_names():
            return str(pathlib.PurePath(change.path).parent).replace(".", "", 1) == sync.path
        return change.inode == sync.inode

    def told(self, cut):
        return [c.path for c in self.changes[:cut] if c.kind == "!"]

    def state(self, cut, chance, target):
        """Writes a state that is possible after the first `cut` records.
           chance(change)  how much of an unsure change is there: 0 to 1"""
        names, directories, contents = dict(self.names), set(self.directories), {}
        for c in self.changes[:cut]:
            share = 1 if c.sure < cut else chance(c) if c.kind in NAMES + "wt" else 0
            if c.kind in "wt" and share > 0:
                if c.node not in contents:
                    contents[c.node] = bytearray(c.node.content)
                self.apply(contents[c.node], c, share)
            elif share < 1:
                continue
            elif c.kind == "m":
                directories.add(c.path)
            elif c.kind in "orl":
                if c.kind == "r" and names.get(c.source) is c.node:
                    del names[c.source]
                names[c.path] = c.node
            elif c.kind == "u" and names.get(c.path) is c.node:
                names.pop(c.path)
        for d in sorted(directories):
            if all(str(p) in directories for p in pathlib.PurePath(d).parents if str(p) != "."):
                (target / d).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, node in names.items():
            if (target / name).parent.is_dir():
                (target / name).write_bytes(contents.get(node, node.content))

    @staticmethod
    def apply(content, change, share):
        if len(content) < change.offset:
            content.extend(bytes(change.offset - len(content)))
        if change.kind == "t":
            del content[change.offset:]
            return
        data = change.data
        if share < 1:  # a torn write ends with a sector
            data = data[:int(len(data) * share) // 512 * 512]
        content[change.offset:change.offset + len(data)] = data
