#!/bin/sh
# What two processor cores can teach: middles left to right with both sides seen, and where they end; no canvas. The
# upper twelve layers learn; what the export makes of the lower ones and of the vocabulary stays the same to the byte.
#     training/runs/infilling_cpu.sh OUT SHARD...
# The model in full precision stands in OUT; halfway between it and the base in OUT/blended, exported through its gate
# in OUT/exported. Started again, it goes on where it was interrupted; a file OUT/STOP ends it early, in good order.
# STEPS: updates (default 200). START: what an earlier run left in its OUT, to go on from there with other shards; what
# ships is halfway from the base all the same.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
out=$1
shift
[ -f .base/redraft-135m/model.safetensors ] || "$python" -m training.convert
export OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false
"$python" -m training.train --start "${START:-.base/redraft-135m}" --out "$out" --recipe infilling --device cpu \
    --steps "${STEPS:-200}" --data "$@"
"$python" -m training.blend .base/redraft-135m "$out" --share 0.5 --out "$out/blended"
exec "$python" -m training.export --weights "$out/blended" --out "$out/exported"
