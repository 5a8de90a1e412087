#!/bin/bash
# Names faces under an emulated Arm64 and beside it on this machine: arm64_trial.sh DATA [TREE]
#
#   sudo tools/arm64_trial.sh ../shared/data /var/tmp/tvradar-arm64
#
# Makes a Debian 12 arm64 tree in TREE (kept, and used again), runs `make setup` in it as on a
# device, enrols the people of DATA/concert and names 1.5 s of its clip, and the scenes of
# DATA/sitcom with a gallery that was made here, each in FP32 and in INT8. Prints a table in
# Markdown. Root, and: apt-get install debootstrap qemu-user-static. No Jetson: neither speed nor GPU.
set -euo pipefail
export QEMU_CPU=${QEMU_CPU:-cortex-a76} LC_ALL=C.UTF-8
[ $# -ge 1 ] || { sed -n '2,10s/^# \?//p' "$0" >&2; exit 2; }
data=$(realpath "$1")
tree=$(realpath -m "${2:-/var/tmp/tvradar-arm64}")
cd "$(dirname "$0")/.."
emulator=$(command -v qemu-aarch64-static || true)
home=$tree/root/tvradar
out=$tree/root/out

missing() { echo "$1: $2; $3" >&2; exit 3; }

check() {
    [ "$(id -u)" = 0 ] || missing "user $(id -un)" "cannot make a tree, expected root" "use sudo"
    [ -n "$emulator" ] || missing qemu-aarch64-static "not here" "apt-get install qemu-user-static"
    command -v debootstrap >/dev/null ||
        missing debootstrap "not here" "apt-get install debootstrap"
    [ -f "$data/concert/clip.mp4" ] && [ -d "$data/sitcom/scenes" ] ||
        missing "$data" "no concert/clip.mp4 and sitcom/scenes" "name the folder of the test data"
    [ -x .venv/bin/tvradar ] || missing .venv "no tvradar to compare with" "make setup"
}

bind_format() { # so that the kernel starts Arm programs by the emulator
    local formats=/proc/sys/fs/binfmt_misc
    [ -e $formats/status ] || mount -t binfmt_misc none $formats
    [ -e $formats/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
}

mirror() { # the Debian mirror that apt uses here
    apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' |
        head -n 1 | grep . || missing apt "no source of Debian 12" "set MIRROR to one"
}

make_tree() {
    [ -e "$tree/.made" ] && return
    debootstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,make,ca-certificates \
        bookworm "$tree" "${MIRROR:-$(mirror)}"
    touch "$tree/.made"
}

unmount() {
    for place in proc/cpuinfo proc sys dev; do
        if mountpoint -q "$tree/$place"; then umount -l "$tree/$place"; fi
    done
}

mount_all() {
    trap unmount EXIT
    unmount
    mount -t proc proc "$tree/proc"
    mount -t sysfs -o ro sysfs "$tree/sys"
    mount --bind /dev "$tree/dev"
    # Until version 8 the emulator shows the PC's processors, and ONNX Runtime 1.29 and later ends
    # in a segmentation fault at import (pytorch/cpuinfo, pull request 398): show Arm ones.
    if ! chroot "$tree" grep -q 'CPU implementer' /proc/cpuinfo; then
        for n in $(seq 0 $(($(nproc --all) - 1))); do
            printf 'processor\t: %d\nBogoMIPS\t: 100.00\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n' "$n"
            printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 1\n\n'
        done >"$tree/root/cpuinfo"
        mount --bind "$tree/root/cpuinfo" "$tree/proc/cpuinfo"
    fi
}

set_up() {
    cp /etc/resolv.conf /etc/hosts "$tree/etc/"
    mkdir -p "$tree/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
    mkdir -p "$home" "$out"
    git ls-files -z | tar --null --files-from - --create | tar --extract --directory "$home"
    chroot "$tree" make --directory /root/tvradar setup
    cp -rT "$data/concert" "$tree/root/concert"
    cp -rT "$data/sitcom/scenes" "$tree/root/scenes"
}

name_all() { # name_all MACHINE FOLDER PREFIX...: the clip and the scenes, in FP32 and in INT8
    local machine=$1 root=$2 precision scene
    shift 2
    local say=$root/out/$machine to=$out/$machine bin=$root/tvradar/.venv/bin
    [ "$machine" = arm64 ] || bin=$PWD/.venv/bin
    for precision in fp32 int8; do
        export TVRADAR_PRECISION=$precision
        "$@" "$bin/tvradar" gallery enrol "$root/concert/portraits" -o "$say.$precision" >/dev/null
        "$@" "$bin/tvradar" identify "$root/concert/clip.mp4" -g "$say.$precision" \
            --seconds 1.5 --json >"$to-$precision-clip.json"
        for scene in "$tree"/root/scenes/*.jpg; do
            scene=$(basename "$scene" .jpg)
            "$@" "$bin/tvradar" identify "$root/scenes/$scene.jpg" -g "$root/out/sitcom" --json \
                >"$to-$precision-$scene.json"
        done
    done
    "$@" "$bin/python" "$root/tvradar/tools/arm64_detect.py" "$root/scenes" >"$to-detector.json"
}

check
bind_format
make_tree
mount_all
set_up
rm -rf "$out"
mkdir -p "$out"
TVRADAR_PRECISION=fp32 .venv/bin/tvradar gallery enrol "$data/sitcom/portraits" \
    -o "$out/sitcom" >/dev/null
name_all pc "$tree/root"
name_all arm64 /root chroot "$tree"
echo "$("$emulator" --version | head -n 1), QEMU_CPU=$QEMU_CPU"
.venv/bin/python tools/arm64_table.py "$out"
