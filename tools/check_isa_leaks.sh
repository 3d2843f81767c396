#!/bin/sh
# Objects compiled for an instruction set of their own (targets isa_* of cmake/folders.cmake) must define no weak
# or unique symbol: the linker keeps one copy of such a symbol, and if it keeps the AVX-512 copy of an inline
# function that the rest of the program shares, an older processor meets an illegal instruction.
#
#   tools/check_isa_leaks.sh BUILD_DIR     checks every such object of a build; exit 1 where one leaks
#   tools/check_isa_leaks.sh --self-test   compiles one file that leaks and one that does not, and checks that
#                                          the first is caught and the second passes (CXX: the compiler, c++)
set -u
NM=${NM:-nm}

# leaks OBJECT: its defined weak (W, V) and unique (u) symbols. (A lower-case w or v is a reference without a
# definition.) Fails where the object cannot be read.
leaks() {
  symbols=$("$NM" --defined-only -C "$1") || return 2
  printf '%s\n' "$symbols" | grep -E '^[0-9a-fA-F]* *[WVu] ' || true
}

# check DIRECTORY: prints each leak; 0 where there are none, 1 where there are, 2 where nothing could be checked.
check() {
  list=$(find "$1" -path '*isa_*' -name '*.o' -type f | sort)
  if [ -z "$list" ]; then
    echo "check_isa_leaks: no objects of isa_* targets under $1: build it first" >&2
    return 2
  fi
  count=0
  bad=0
  while IFS= read -r object; do
    count=$((count + 1))
    found=$(leaks "$object") || {
      echo "check_isa_leaks: $NM cannot read $object" >&2
      return 2
    }
    if [ -n "$found" ]; then
      bad=$((bad + 1))
      printf '%s\n%s\n' "$object defines shared symbols:" "$found"
    fi
  done <<LIST
$list
LIST
  echo "check_isa_leaks: $count objects, $bad with leaks"
  [ "$bad" -eq 0 ]
}

self_test() {
  dir=$(mktemp -d) || exit 2
  trap 'rm -rf "$dir"' EXIT
  mkdir "$dir/isa_clean" "$dir/isa_leak"
  cat > "$dir/clean.cpp" <<'SOURCE'
namespace { inline float twice(float x) { return 2 * x; } }
float kernel(float x) { return twice(x); }
SOURCE
  cat > "$dir/leak.cpp" <<'SOURCE'
template <typename T> __attribute__((noinline)) T twice(T x) { return 2 * x; }
inline int table[2] = {1, 2};
float kernel(float x) { return twice(x) + static_cast<float>(table[x > 0]); }
SOURCE
  cxx=${CXX:-c++}
  "$cxx" -std=c++17 -O0 -c "$dir/clean.cpp" -o "$dir/isa_clean/clean.o" || exit 2
  "$cxx" -std=c++17 -O2 -c "$dir/leak.cpp" -o "$dir/isa_leak/leak.o" || exit 2
  if ! check "$dir/isa_clean"; then
    echo "check_isa_leaks: self-test failed: a clean object was refused" >&2
    exit 1
  fi
  if check "$dir/isa_leak"; then
    echo "check_isa_leaks: self-test failed: a planted leak was not caught" >&2
    exit 1
  fi
  echo "check_isa_leaks: self-test passed: the planted leak was caught"
}

case "${1:-}" in
  --self-test) self_test ;;
  "" | -*)
    echo "usage: tools/check_isa_leaks.sh BUILD_DIR | --self-test" >&2
    exit 2
    ;;
  *) check "$1" ;;
esac
