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
# RECIPE and SEED have no default. RECIPE: release; further, on from a trained canvas; middles, on from weights that write
# left to right. SEED: a whole number that no leg had, or it learns from the same chunks of the same files (`progress.json`
# of the fetched parts says which it had). WORK: a folder outside the tree, another one for another run, on a disk with
# 6 GB left (default /tmp/leg).
# DEVICE, WORKERS, MICRO, STEPS, ATTENTION: for a trial without a GPU. RESERVE: seconds that saving and packing take.
# Before and after, elsewhere (START, LEG, MIXED, NEW: model folders; what follows them in brackets is for `middles`):
#     START=START training/runs/tiny_cpu.sh OUT        what ships, in full precision, into START; and the first gate
#     python -m training.parts pack START PARTS; python -m training.shards .base/corpus/shards/train-* --out … --take …
#     python -m training.parts unpack FOLDER LEG; python -m training.blend START LEG --share … --out MIXED [--left-to-right]
#     python -m training.heldout START LEG MIXED… --data .base/corpus/shards/heldout-*  # chooses the share
#     python -m training.export --weights MIXED --out NEW; python -m training.evaluate QUESTION… --model NEW
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
work=${WORK:-/tmp/leg}
recipe=${RECIPE:-}
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
        --workers "$workers" ${SEED:+--seed "$SEED"} ${MICRO:+--micro "$MICRO"} ${STEPS:+--steps "$STEPS"} \
        ${ATTENTION:+--attention "$ATTENTION"} "${extra[@]}" --data "$@"
}

behind() { # NAME COMMAND...: in the background, on when the caller leaves; log and process number as NAME
    local name=$1
    shift
    setsid nohup "$@" >"$work/$name.log" 2>&1 </dev/null &
    echo $! >"$work/$name.pid"
}

alive() { # NAME; a process that ended and that nobody has buried is not
    local process
    process=$(cat "$work/$1.pid" 2>/dev/null) && kill -0 "$process" 2>/dev/null &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$process/status" 2>/dev/null
}

ready() { # for a run of this recipe, or to go on with one; ends with a sentence where $work is not
    local name progress=$work/out/progress.json
    [[ ${SEED:-} =~ ^[0-9]+$ ]] || refuse "SEED is to be a whole number that no leg had, not '${SEED:-}'."
    for name in leg train; do
        ! alive "$name" || refuse "A run is under way in $work (process $(cat "$work/$name.pid")); stop it first."
    done
    [ -f "$progress" ] || return 0
    ! grep -q '"ended": true' "$progress" ||
        refuse "The run in $work has ended; name another WORK for a new one, or pack that one again."
    grep -q "\"recipe\": \"$recipe\"" "$progress" ||
        refuse "$work holds a run of another recipe than $recipe; name another WORK for this one."
}

refuse() { # SENTENCE
    echo "$1" >&2
    exit 1
}

case ${1:-} in
compile | check | leg | start) # said before the machine's time is spent on another
    case $recipe in
    release | further | middles | trial) ;;
    *) refuse "RECIPE is to be release, further or middles, not '$recipe'." ;;
    esac
    ;;
esac

case ${1:-} in
compile)
    parts=$2
    shift 2
    START=$parts behind check "$0" check "$@"
    ;;
leg)
    shift
    rm -rf "$work/parts" # what is fetched next is of this leg or is not there
    ready
    echo "$(($(date +%s) + $1))" >"$work/leg.end"
    behind leg "$0" whole "$(cat "$work/leg.end")" "${@:2}"
    ;;
whole) # END PARTS SHARD...: what `leg` runs behind
    end=$2
    parts=$3
    shift 3
    rm -f "$work/out/STOP"
    "$0" unpack "$parts"
    # Until the check is over a second process would only compile the same; one that hangs costs half of the time.
    half=$((($(date +%s) + end) / 2))
    while alive check && [ "$(date +%s)" -lt "$half" ]; do sleep 1; done
    ! alive check || kill -- "-$(cat "$work/check.pid")" || true # it may have ended just now
    "$0" foreground "$((end - $(date +%s) - ${RESERVE:-45}))" "$@" || echo "The run failed." >&2
    [ ! -f "$work/out/progress.json" ] || "$0" pack
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
    ready
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
    cp "$work/out/log.jsonl" "$work/out/progress.json" "$work/packing/"
    mv "$work/packing" "$work/parts"
    ;;
part)
    shift
    numbers=()
    while [ "$1" != into ] && [ "$1" != INTO ]; do numbers+=("$1"); shift; done
    mkdir -p "$2"
    late=$(($(cat "$work/leg.end" 2>/dev/null || echo 0) + 120)) # a leg that is not over by then hangs
    while alive leg && [ ! -d "$work/parts" ] && [ "$(date +%s)" -lt "$late" ]; do sleep 1; done
    [ -d "$work/parts" ] || { "$0" status >&2; refuse "There are no parts; where a checkpoint was saved, pack makes them of it."; }
    grep -q '"ended": true' "$work/parts/progress.json" || echo "The run did not come to its end; this is what it saved last." >&2
    cp "$work"/parts/*.json "$work/parts/log.jsonl" "$2/"
    for number in "${numbers[@]}"; do cp "$work/parts/part-$(printf %03d "$number")" "$2/"; done
    ;;
*)
    sed -n '2,26p' "$0"
    exit 2
    ;;
esac
