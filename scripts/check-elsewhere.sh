#!/usr/bin/env bash
# Whether the results of this machine are those of another one, and whether the one `unsafe` call is sound as far as Miri sees:
#   scripts/check-elsewhere.sh          (some ten minutes)
#
# Builds for ARM64, whose vectors (NEON) are not those of x86-64, runs the tests of the training core and of the grid of
# integers there under QEMU, and compares the models of a few simulations byte for byte. Needs an x86-64 with rustup, and of Debian
#   apt-get install qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
# What it needs of Rust (the target's library, a nightly compiler with Miri) it brings itself.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
step() { printf '\n== %s\n' "$*"; }

step "Miri, with every instruction set"
rustup toolchain install nightly --profile minimal --component miri --component rust-src
for features in "" "-C target-feature=+avx2,+fma" "-C target-feature=+avx2,+fma,+avx512f"; do
    RUSTFLAGS="$features" CARGO_TARGET_DIR=target/miri cargo +nightly miri test -p privet-core --lib --locked -- instructions::
done

step "tests on ARM64"
rustup target add "$target"
cargo test --release --locked --target "$target" -p privet-core --lib -- nn:: params:: random:: privacy::step_grid secagg::tests::known_answer

step "models of both"
cargo build --release --locked
cargo build --release --locked --target "$target"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
plan() { # NAME, with the rest of the plan on standard input
    { printf '[federation]\nname = "%s"\nseed = 7\nrounds = 3\n[data]\nsource = "digits"\n' "$1"; cat; } > "$out/$1.toml"
}
plan plain << 'EOF'
[partition]
by = "dirichlet"
clients = 20
[model]
hidden = [32, 16]
activation = "gelu"
[training]
epochs = 2
optimizer = "adam"
EOF
plan masked << 'EOF'
[partition]
clients = 12
[model]
hidden = [32]
activation = "silu"
normalization = "layer"
[cohort]
minimum = 7
[secure-aggregation]
EOF
plan private << 'EOF'
[partition]
clients = 12
[model]
hidden = [32]
[aggregation]
weights = "uniform"
[privacy]
unit = "example"
clip = 1.0
delta = 1e-4
noise-multiplier = 1.0
EOF
for name in plain masked private; do
    arguments=(simulate "$out/$name.toml" --quiet)
    [ "$name" != private ] || arguments+=(--noise-seed 5)
    target/release/privet "${arguments[@]}" --out "$out/$name-here" > /dev/null
    $CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER "target/$target/release/privet" "${arguments[@]}" --out "$out/$name-there" > /dev/null
    cmp "$out/$name-here/model.safetensors" "$out/$name-there/model.safetensors"
    echo "$name: the same model"
done
