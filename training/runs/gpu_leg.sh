#!/bin/bash
# One leg on a machine with a GPU, an empty disk and no network. Every step can be called by itself and again:
#     training/runs/gpu_leg.sh unpack PARTS            weights from parts (training.parts) into $WORK/start
#     training/runs/gpu_leg.sh check SHARD...          a minute: throughput, loss, both attentions agree, memory. START=PARTS
#                                                      while the parts travel: what the run needs is compiled by then
#     training/runs/gpu_leg.sh start SECONDS SHARD...  train in the background; goes on when the caller leaves
#     training/runs/gpu_leg.sh status                  the last lines of the log
#     training/runs/gpu_leg.sh stop                    end early, averaged and saved
#     training/runs/gpu_leg.sh pack                    the newest checkpoint as parts in $WORK/parts
#     training/runs/gpu_leg.sh part N... INTO FOLDER   copy some parts where they are fetched from
# WORK: a folder outside the tree (default /tmp/leg). RECIPE: release; further, on from a trained canvas; middles, on from
# weights that write left to right.
# DEVICE, WORKERS, MICRO, STEPS, ATTENTION: for a trial without a GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
work=${WORK:-/tmp/leg}
recipe=${RECIPE:-release}
device=${DEVICE:-cuda}
workers=${WORKERS:-14}
mkdir -p "$work"
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false

run() { # OUT EXTRA... -- SHARD...: one training run
    local out=$1
    shift
    local extra=()
    while [ "$1" != -- ]; do extra+=("$1"); shift; done
    shift
    "$python" -m training.train --start "$work/start" --out "$out" --recipe "$recipe" --device "$device" \
        --workers "$workers" ${MICRO:+--micro "$MICRO"} ${STEPS:+--steps "$STEPS"} \
        ${ATTENTION:+--attention "$ATTENTION"} "${extra[@]}" --data "$@"
}

case ${1:-} in
unpack)
    "$python" -m training.parts unpack "$2" "$work/start"
    ;;
check)
    shift
    "$python" -m training.probe --start "${START:-$work/start}" --recipe "$recipe" --device "$device" \
        ${MICRO:+--micro "$MICRO"} --data "$@"
    ;;
start)
    seconds=$2
    shift 2
    if [ -f "$work/train.pid" ] && kill -0 "$(cat "$work/train.pid")" 2>/dev/null; then
        echo "A run is under way (process $(cat "$work/train.pid")); stop it first." >&2
        exit 1
    fi
    rm -f "$work/out/STOP"
    # shellcheck disable=SC2016
    setsid nohup "$0" foreground "$seconds" "$@" >"$work/train.log" 2>&1 </dev/null &
    echo $! >"$work/train.pid"
    sleep "${SETTLE:-2}"
    "$0" status
    ;;
foreground)
    seconds=$2
    shift 2
    run "$work/out" --seconds "$seconds" --save-every "${SAVE_EVERY:-180}" -- "$@"
    ;;
status)
    tr '\r' '\n' <"$work/train.log" | tail -n 3
    [ -f "$work/out/log.jsonl" ] && tail -n 2 "$work/out/log.jsonl"
    ls -la "$work/out" 2>/dev/null || true
    ;;
stop)
    touch "$work/out/STOP"
    for _ in $(seq 60); do
        kill -0 "$(cat "$work/train.pid")" 2>/dev/null || break
        sleep 1
    done
    "$0" status
    ;;
pack)
    rm -rf "$work/parts"
    "$python" -m training.parts pack "$work/out" "$work/parts"
    cp "$work/out/log.jsonl" "$work/parts/"
    ;;
part)
    shift
    numbers=()
    while [ "$1" != into ] && [ "$1" != INTO ]; do numbers+=("$1"); shift; done
    mkdir -p "$2"
    cp "$work"/parts/*.json "$work/parts/log.jsonl" "$2/"
    for number in "${numbers[@]}"; do cp "$work/parts/part-$(printf %03d "$number")" "$2/"; done
    ;;
*)
    sed -n '2,13p' "$0"
    exit 2
    ;;
esac
