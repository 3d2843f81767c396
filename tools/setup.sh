# Sourced by ./run and ./check: installs what is missing and says what and why. Debian and its relatives; elsewhere it says
# what to install by hand. POSIX sh.

ridge_need() { # PACKAGE REASON: notes a package that is not installed
  if ! dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; then
    ridge_missing="$ridge_missing $1"
    printf '  %-22s %s\n' "$1" "$2"
  fi
}

ridge_packages_to_build() {
  ridge_need g++ 'the C++20 compiler'
  ridge_need cmake 'the build system'
  ridge_need ninja-build 'runs the build'
  ridge_need ccache 'makes the next build quick'
  ridge_need pkg-config 'finds libraries'
  ridge_need libfmt-dev 'text formatting'
  ridge_need nlohmann-json3-dev 'JSON'
  ridge_need libcli11-dev 'the command line'
  ridge_need libpcre2-dev 'pre-tokenizer patterns'
  ridge_need libutf8proc-dev 'Unicode normalization'
  ridge_need libflac-dev 'FLAC audio'
  ridge_need libedit-dev 'line editing in ridge chat'
  ridge_need libpng-dev 'PNG images'
  ridge_need libjpeg62-turbo-dev 'JPEG images'
}

ridge_packages_to_check() {
  ridge_packages_to_build
  ridge_need libgtest-dev 'GoogleTest'
  ridge_need libbenchmark-dev 'Google Benchmark'
  ridge_need python3 'runs the checks in tools/'
  ridge_need git 'lists the files to check'
  ridge_need binutils 'nm: the check for leaking inline functions'
}

ridge_packages_for_ci() {
  ridge_packages_to_check
  ridge_need clang-14 'libFuzzer'
  ridge_need libclang-rt-14-dev 'libFuzzer and sanitizers'
  ridge_need clang-format-14 'the format check'
  ridge_need clang-tidy-14 'the lint check'
}

ridge_setup() { # WHAT: build, check or ci
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    for tool in c++ cmake ninja pkg-config; do
      if ! command -v "$tool" >/dev/null 2>&1; then
        echo "This system is not Debian-like, and $tool is missing. Install by hand: a C++20 compiler (GCC 12, Clang 15 or newer)," >&2
        echo "CMake 3.25, Ninja, pkg-config, and the development files of fmt, nlohmann-json, CLI11, PCRE2, utf8proc, FLAC, libedit, libpng, libjpeg" >&2
        echo "(to test also GoogleTest, Google Benchmark and Python 3); then call this again." >&2
        exit 2
      fi
    done
    return 0
  fi
  ridge_missing=
  ridge_list=$(case $1 in build) ridge_packages_to_build ;; check) ridge_packages_to_check ;; ci) ridge_packages_for_ci ;; esac)
  [ -n "$ridge_list" ] || return 0
  echo "Ridge needs these Debian packages, which are not installed:"
  echo "$ridge_list"
  ridge_names=$(echo "$ridge_list" | awk '{print $1}')
  if [ "$(id -u)" = 0 ]; then ridge_sudo=
  elif command -v sudo >/dev/null 2>&1; then ridge_sudo=sudo
  else
    echo "Neither root nor sudo: install them as root (apt-get install $(echo $ridge_names)), then call this again." >&2
    exit 2
  fi
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { $ridge_sudo apt-get update -qq && $ridge_sudo apt-get install -y -qq --no-install-recommends $ridge_names >/dev/null; } || {
    echo "apt-get could not install them (see above); without a network, install by hand: $(echo $ridge_names)" >&2
    exit 2
  }
}

ridge_jobs() { # as many compilers at once as cores, and no more than one a 1.5 GiB of memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/MemAvailable/ {print int($2 / 1572864)}' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "${memory:-1}" -ge 1 ] || memory=1
  if [ "$memory" -lt "$cores" ]; then echo "$memory"; else echo "$cores"; fi
}
