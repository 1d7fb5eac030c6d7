#!/usr/bin/env bash
# What a promise costs: trains a plan's federation at several target epsilons, with several seeds each, and prints the
# mean test accuracy and its range. One line a target; every run's folder is kept.
#
#   scripts/accuracy-against-epsilon.sh PLAN ROUNDS "EPSILON ..." "SEED ..." [FOLDER]
#   scripts/accuracy-against-epsilon.sh examples/plans/mnist-private.toml 60 "1 2 4 8 16" "1 2 3"
#
# Needs the binary (cargo build --release, or PRIVET=path), and jq. `privet compare` shows the same with its baselines, which take
# longer than the federations where there are many clients.
set -euo pipefail

if (($# < 4)); then
    sed -n '2,8p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
plan=$1 rounds=$2 epsilons=$3 seeds=$4 folder=${5:-runs/accuracy-against-epsilon}
privet=${PRIVET:-target/release/privet}
mkdir -p "$folder"

printf '%8s %10s %22s %10s\n' epsilon 'accuracy %' 'range over seeds' 'noise z'
for epsilon in $epsilons; do
    accuracies=()
    for seed in $seeds; do
        run=$folder/epsilon-$epsilon-seed-$seed
        sed -e "s/^target-epsilon *=.*/target-epsilon = $epsilon/" -e '/^\[compare\]/,$d' "$plan" >"$run.toml"
        "$privet" simulate "$run.toml" --rounds "$rounds" --seed "$seed" --quiet --json --out "$run" >"$run.json"
        accuracies+=("$(jq '.final.test_accuracy * 100' "$run.json")")
    done
    z=$(jq '.privacy.noise_multiplier' "$run.json")
    printf '%s\n' "${accuracies[@]}" | awk -v epsilon="$epsilon" -v z="$z" '
        { sum += $1; if (NR == 1 || $1 < low) low = $1; if ($1 > high) high = $1 }
        END { printf "%8s %10.2f %12.2f to %5.2f %10.3f\n", epsilon, sum / NR, low, high, z }'
done
