#!/bin/bash
# The corpus, from the manifest to shards: downloads what is not there yet, filters, deduplicates, splits, packs.
#     training/runs/corpus.sh [FOLDER]
# FOLDER (default .base/corpus) gets downloads/, shards/ (train-*.jsonl.xz, heldout-*.jsonl.xz) and tables.md.
# PYTHON, PROCESSES: which interpreter, how many processes.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=${1:-.base/corpus}
mkdir -p "$out"
"$python" -m training.fetch --downloads "$out/downloads" || echo "Going on without them." >&2
rm -rf "$out/coming"
"$python" -m training.corpus --downloads "$out/downloads" --out "$out/coming" ${PROCESSES:+--processes "$PROCESSES"} |
    tee "$out/tables.md"
rm -rf "$out/shards"
mv "$out/coming" "$out/shards"
ls -l "$out/shards"
