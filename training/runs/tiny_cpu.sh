#!/bin/sh
# The first gate, on a processor, in minutes and without a network: 32 real holes and 8 real bugs learned by heart from
# the shipped weights, exported, and asked back through the served engine. Ends with 0 when it passed.
#     training/runs/tiny_cpu.sh [OUT]
# START: a model folder in full precision to start from instead.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=${1:-.base/gate}
start=${START:-$out/start}
[ -f "$start/model.safetensors" ] || "$python" -m training.restore --out "$start"
OMP_WAIT_POLICY=PASSIVE exec "$python" -m training.gate --start "$start" --out "$out"
