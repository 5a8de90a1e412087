#!/usr/bin/env bash
# `make test`: three tests at a time, since most of them wait for something; then, alone, those that
# measure time or shares of the processor. What fails is run once more, alone, since two cores that
# others use hold things up; the last lines name each test that needed it: so a flaky test is seen.
#
#   tools/test.sh [PYTEST OPTIONS]        PYTHON=.venv/bin/python
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
again=$(mktemp)
export TVRADAR_TESTS_SHARED # what tests/shared.py makes once
TVRADAR_TESTS_SHARED=$(mktemp -d)
trap 'rm -rf "$again" "$TVRADAR_TESTS_SHARED"' EXIT
result=0

run() {
    "$python" -m pytest --durations=20 --durations-min=5 "$@"
    local code=$?
    [ $code -eq 5 ] && code=0 # no test chosen by these options
    if [ $code -eq 1 ]; then
        echo "== what failed, once more and alone =="
        TVRADAR_SECOND_TRY=$again "$python" -m pytest --last-failed --last-failed-no-failures none \
            -p no:xdist "${options[@]}"
        code=$?
        [ $code -eq 5 ] && code=1
    fi
    [ $code -ne 0 ] && result=$code
}

options=("$@")
run -n 3 --dist loadfile --no-loadscope-reorder -m "not alone" "$@"
run -m alone "$@"
if [ -s "$again" ]; then
    echo "== passed only on the second try: $(wc -l < "$again") =="
    cat "$again"
else
    echo "== no test needed a second try =="
fi
exit $result
