#!/bin/bash
# One leg on a machine with a GPU, an empty disk and no network. Three commands are a leg; none of them is waited for but
# the last, so nobody has to look on, and no machine stands idle in between:
#     training/runs/gpu_leg.sh compile PARTS SHARD...  what the run needs is compiled while weights and shards still travel:
#                                                      PARTS with config.json, parts.json and tokenizer.json is enough
#     training/runs/gpu_leg.sh leg SECONDS PARTS SHARD...  unpack, train until SECONDS from now are nearly over, pack
#     training/runs/gpu_leg.sh part N... INTO FOLDER   wait for the end, then copy some parts where they are fetched from
# And each step by itself, and again:
#     training/runs/gpu_leg.sh unpack PARTS            weights from parts (training.parts) into $WORK/start
#     training/runs/gpu_leg.sh check SHARD...          a minute: throughput, loss, both attentions agree, memory
#     training/runs/gpu_leg.sh start SECONDS SHARD...  train in the background; goes on when the caller leaves
#     training/runs/gpu_leg.sh status                  the last lines of the log
#     training/runs/gpu_leg.sh stop                    end early, averaged and saved
#     training/runs/gpu_leg.sh pack                    the newest checkpoint as parts in $WORK/parts
# WORK: a folder outside the tree, another one for another run (default /tmp/leg). RECIPE: release; further, on from a trained canvas; middles, on from
# weights that write left to right.
# DEVICE, WORKERS, MICRO, STEPS, ATTENTION: for a trial without a GPU. RESERVE: seconds that saving and packing take.
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

behind() { # NAME COMMAND...: in the background, on when the caller leaves; log and process number as NAME
    local name=$1
    shift
    setsid nohup "$@" >"$work/$name.log" 2>&1 </dev/null &
    echo $! >"$work/$name.pid"
}

alive() { # NAME
    [ -f "$work/$1.pid" ] && kill -0 "$(cat "$work/$1.pid")" 2>/dev/null
}

case ${1:-} in
compile)
    parts=$2
    shift 2
    START=$parts behind check "$0" check "$@"
    ;;
leg)
    shift
    rm -rf "$work/parts"
    behind leg "$0" whole "$(($(date +%s) + $1))" "${@:2}"
    ;;
whole) # END PARTS SHARD...: what `leg` runs behind
    end=$2
    parts=$3
    shift 3
    rm -f "$work/out/STOP"
    "$0" unpack "$parts"
    # The first timed stage has compiled all; until then a second process would only compile the same.
    while alive check && ! grep -q -e median_s -e failed "$work/check.log"; do sleep 1; done
    ! alive check || kill -- "-$(cat "$work/check.pid")" || true # it may have ended just now
    "$0" foreground "$((end - $(date +%s) - ${RESERVE:-45}))" "$@"
    "$0" pack
    ;;
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
    if alive train; then
        echo "A run is under way (process $(cat "$work/train.pid")); stop it first." >&2
        exit 1
    fi
    rm -f "$work/out/STOP"
    behind train "$0" foreground "$seconds" "$@"
    sleep "${SETTLE:-2}"
    "$0" status
    ;;
foreground)
    seconds=$2
    shift 2
    run "$work/out" --seconds "$seconds" --save-every "${SAVE_EVERY:-180}" -- "$@"
    ;;
status)
    for log in "$work"/{check,leg,train}.log; do [ -f "$log" ] && tr '\r' '\n' <"$log" | tail -n 3; done
    [ -f "$work/out/log.jsonl" ] && tail -n 2 "$work/out/log.jsonl"
    ls -la "$work/out" 2>/dev/null || true
    ;;
stop)
    mkdir -p "$work/out"
    touch "$work/out/STOP"
    for _ in $(seq 60); do
        alive train || alive leg || break
        sleep 1
    done
    "$0" status
    ;;
pack)
    rm -rf "$work/parts" "$work/packing"
    "$python" -m training.parts pack "$work/out" "$work/packing"
    cp "$work/out/log.jsonl" "$work/packing/"
    mv "$work/packing" "$work/parts"
    ;;
part)
    shift
    numbers=()
    while [ "$1" != into ] && [ "$1" != INTO ]; do numbers+=("$1"); shift; done
    mkdir -p "$2"
    while alive leg && [ ! -d "$work/parts" ]; do sleep 1; done
    [ -d "$work/parts" ] || { "$0" status >&2; exit 1; }
    cp "$work"/parts/*.json "$work/parts/log.jsonl" "$2/"
    for number in "${numbers[@]}"; do cp "$work/parts/part-$(printf %03d "$number")" "$2/"; done
    ;;
*)
    sed -n '2,19p' "$0"
    exit 2
    ;;
esac
