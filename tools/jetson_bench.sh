#!/usr/bin/env bash
# Run by a person on a Jetson: builds the engines, runs the hardware tests and fills the table of
# docs/jetson.md.
#
#   tools/jetson_bench.sh PEOPLE_DIR [RESULT_DIR]
#
# PEOPLE_DIR: pictures of people, one folder each, at least 50 faces; they stay on the device.
# Stop everything else that uses the GPU before. Takes about half an hour at the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

people=${1:?usage: tools/jetson_bench.sh PEOPLE_DIR [RESULT_DIR]}
result=${2:-jetson-$(date +%Y%m%d-%H%M)}
bin=.venv/bin
mkdir -p "$result"

fail() {
    echo "$1" >&2
    exit 3
}
[ -d "$people" ] || fail "$people: no such folder, expected pictures of people, one folder each"
[ -f /etc/nv_tegra_release ] || fail "/etc/nv_tegra_release: missing, expected a Jetson"
[ -x $bin/tvradar ] || fail "$bin/tvradar: missing; see docs/jetson.md for the installation"
$bin/python -c 'import tensorrt' 2>/dev/null || fail \
    "tensorrt: not importable in $bin; make the venv with --system-site-packages (docs/jetson.md)"

# A figure without the power mode and the clocks means nothing.
{
    cat /etc/nv_tegra_release
    tr -d '\0' </proc/device-tree/model && echo
    $bin/python -c 'import tensorrt; print("TensorRT", tensorrt.__version__)'
    command -v nvpmodel >/dev/null && sudo -n nvpmodel -q 2>/dev/null || echo "power mode: unknown (run as root)"
    command -v jetson_clocks >/dev/null && sudo -n jetson_clocks --show 2>/dev/null || true
    free -m
} | tee "$result/device.txt"

echo "== hardware tests"
$bin/python -m pytest -m gpu tests/gpu -o addopts='-ra' | tee "$result/tests.txt"

echo "== engines: build, measure, prove"
for precision in fp32 fp16 int8; do
    $bin/tvradar engines build --precision $precision --images "$people" --json \
        >"$result/build-$precision.json" || echo "$precision: not proven or not built, see above" >&2
done
$bin/tvradar engines build --images "$people" --json >"$result/build-auto.json" || true

echo "== ONNX Runtime and TensorRT, layer by layer: polygraphy, if it is installed"
if $bin/python -c 'import polygraphy' 2>/dev/null; then
    model=$($bin/python -c 'from engines.fetch import fetch; print(fetch("sface"))')
    $bin/python -c 'import sys; from polygraphy.tools import main; sys.exit(main())' \
        run "$model" --onnxrt --trt --strongly-typed --onnx-outputs mark all --trt-outputs mark all \
        --input-shapes data:[4,3,112,112] --atol 0.05 --rtol 0.05 --fail-fast \
        >"$result/polygraphy.txt" 2>&1 ||
        echo "polygraphy found differences, the first layer last: $result/polygraphy.txt" >&2
fi

$bin/python tools/jetson_table.py "$result" | tee "$result/table.md"
echo "Put the rows of $result/table.md into docs/jetson.md, with $result/device.txt beside them."
