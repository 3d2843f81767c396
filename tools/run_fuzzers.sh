#!/bin/sh
# run_fuzzers.sh BUILD SECONDS: runs every fuzzer of a build, two at a time, from its seeds; stops at the first finding,
# whose input stays in BUILD/findings.
set -eu
build=$1 seconds=$2
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
mkdir -p "$build/findings"
trap 'rm -rf "$scratch"' EXIT
one() { # NAME
  mkdir -p "$scratch/$1"
  seeds=$here/tests/fuzz/corpus/${1#fuzz_}
  [ -d "$seeds" ] || seeds=
  # shellcheck disable=SC2086
  if "$build/tests/fuzz/$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$1-" "$scratch/$1" $seeds >"$scratch/$1.log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$1.log") inputs, nothing found"
  else
    tail -n 60 "$scratch/$1.log"
    for found in "$build/findings/$1"-*; do
      [ -f "$found" ] || continue
      echo "$1: input $found, base64 of its first bytes:"
      head -c 1500 "$found" | base64
    done
    echo "$1: failed"
    return 1
  fi
}
running=
for program in "$build"/tests/fuzz/fuzz_*; do
  [ -x "$program" ] && [ -f "$program" ] || continue
  if [ -z "$running" ]; then
    one "$(basename "$program")" & running=$!
  else
    one "$(basename "$program")" || { kill "$running" 2>/dev/null || true; exit 1; }
    wait "$running"
    running=
  fi
done
[ -z "$running" ] || wait "$running"
