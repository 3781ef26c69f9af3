#!/bin/bash
# The corpus, from the manifest to shards: downloads what is not there yet, filters, deduplicates, splits, packs.
#     training/runs/corpus.sh [FOLDER]
# FOLDER (default .base/corpus) gets downloads/, shards/ (train-*.jsonl.xz, heldout-*.jsonl.xz) and tables.md.
# PYTHON: the interpreter. PROCESSES: how many (default: one a core). MANIFEST: another one, for a trial.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=${1:-.base/corpus}
manifest=${MANIFEST:-training/manifest.tsv}
mkdir -p "$out"
"$python" -m training.fetch --downloads "$out/downloads" --manifest "$manifest" || echo "Going on without them." >&2
rm -rf "$out/coming"
"$python" -m training.corpus --downloads "$out/downloads" --manifest "$manifest" --out "$out/coming" \
    ${PROCESSES:+--processes "$PROCESSES"} | tee "$out/tables.md"
rm -rf "$out/shards"
mv "$out/coming" "$out/shards"
ls -l "$out/shards"
