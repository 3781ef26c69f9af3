#!/bin/sh
# The first gate, on a processor, in minutes: 32 real holes and 8 real bugs learned by heart with the real weights,
# exported, and asked back through the served engine. Ends with 0 when it passed.
#     training/runs/tiny_cpu.sh [OUT]
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=${1:-.base/gate}
[ -f .base/redraft-135m/model.safetensors ] || "$python" -m training.convert
OMP_WAIT_POLICY=PASSIVE exec "$python" -m training.gate --start .base/redraft-135m --out "$out"
