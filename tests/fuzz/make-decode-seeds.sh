#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The seed corpus of fuzz-decode: small whole files of every kind, made by the real tools, behind one
# byte that fuzz-decode reads.
#   tests/fuzz/make-decode-seeds.sh     writes tests/data/fuzz/decode/
set -eu
out=$(realpath "$(dirname "$0")/../data/fuzz/decode")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ yes 'a sector of text' | head -c 1536; head -c 2560 /dev/zero; } >disk
mkdir made
cp disk made/raw
lz4 -q -f disk made/raw.lz4
lz4 -q -f -BD -B4 disk made/raw.lz4-linked
lz4 -q -f -l disk made/raw.lz4-legacy
xz -0 --check=crc32 --block-size=2048 -T2 -c disk >made/raw.xz
gzip -n -c disk >made/raw.gz
zstd -q -f disk -o made/raw.zst
bzip2 -c disk >made/raw.bz2
for codec in lz4 xz gz zst bz2; do
	cat made/raw.$codec made/raw.$codec >made/twice.$codec
done
qemu-img convert -q -O qcow2 -o cluster_size=512 disk made/qcow2
qemu-img convert -q -O qcow2 -c -o cluster_size=512 disk made/qcow2-zlib
qemu-img convert -q -O qcow2 -c -o cluster_size=4096,compression_type=zstd disk made/qcow2-zstd
qemu-img convert -q -O qcow2 -o extended_l2=on,cluster_size=16384 disk qcow2-extended
xz -0 -c qcow2-extended >made/qcow2-extended.xz
xz -0 -c made/qcow2 >made/qcow2.xz
lz4 -q -f made/qcow2-zlib made/qcow2-zlib.lz4
zstd -q -f made/qcow2-zstd -o made/qcow2-zstd.zst
i=0
for f in made/*; do
	{ printf "\\x$(printf %02x $((i % 64)))"; cat "$f"; } >"$out/$(basename "$f")"
	i=$((i + 5))
done
