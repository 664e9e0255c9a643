#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The seed corpus of fuzz-decode: small whole files of every kind, made by the real tools.
#   tests/fuzz/make-decode-seeds.sh     writes tests/data/fuzz/decode/
set -eu
out=$(realpath "$(dirname "$0")/../data/fuzz/decode")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ yes 'a sector of text' | head -c 1536; head -c 2560 /dev/zero; } >disk
cp disk "$out/raw"
lz4 -q -f disk "$out/raw.lz4"
lz4 -q -f -l disk "$out/raw.lz4-legacy"
xz -0 --check=crc32 --block-size=2048 -T2 -c disk >"$out/raw.xz"
gzip -n -c disk >"$out/raw.gz"
zstd -q -f disk -o "$out/raw.zst"
bzip2 -c disk >"$out/raw.bz2"
qemu-img convert -q -O qcow2 -o cluster_size=512 disk "$out/qcow2"
qemu-img convert -q -O qcow2 -c -o cluster_size=512 disk "$out/qcow2-zlib"
qemu-img convert -q -O qcow2 -c -o cluster_size=4096,compression_type=zstd disk "$out/qcow2-zstd"
xz -0 -c "$out/qcow2" >"$out/qcow2.xz"
