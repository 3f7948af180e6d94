#!/usr/bin/env bash
# The one test command: bash test.sh
#
# Installs what is missing where it may (Debian, as root or with sudo that asks for nothing), else says what to install.
# Then: format, clippy with warnings denied, documentation, every test.
#
#   DESKBELL_TEST_NO_BROWSER=1   leave out the test that drives a real browser
#   DESKBELL_TEST_NO_POSTGRES=1  leave out the tests that need a PostgreSQL server
#   CI=1                         (set by CI services) a missing browser or PostgreSQL is an error
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

main() {
  stage "what is needed" check_tools
  stage "format" cargo fmt --all --check
  stage "clippy" cargo clippy --locked --all-targets -- -D warnings
  stage "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
  # Tests mostly wait: for timers, for other programs, for a browser. So each core runs two of them.
  export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}"
  # A failed assertion says enough. A backtrace of asynchronous code is so long that it hides it.
  stage "tests" env RUST_BACKTRACE=0 cargo test --locked
  if no_browser; then
    loud "Everything else is fine, but THE BROWSER TEST WAS LEFT OUT (DESKBELL_TEST_NO_BROWSER is set)."
  fi
  if no_postgres; then
    loud "Everything else is fine, but THE TESTS ON POSTGRESQL WERE LEFT OUT (DESKBELL_TEST_NO_POSTGRES is set)."
  fi
  printf '\nAll good, in %d s.\n' "$SECONDS"
}

# Runs a stage, and says how long it took, or that it failed.
stage() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  # Not as a condition: `set -e` would not hold inside the stage.
  failed_stage=$name
  "$@"
  failed_stage=
  printf '=== %s: ok, %d s\n' "$name" $((SECONDS - begin))
}
failed_stage=
trap 'status=$?; if [ -n "$failed_stage" ]; then printf "\n=== %s: FAILED, after %d s in all\n" "$failed_stage" "$SECONDS" >&2; fi; exit $status' EXIT

check_tools() {
  check_rust
  check_compiler
  check_browser
  check_postgres
}

check_rust() {
  if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
  fi
  local needed found
  needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    give_up "There is no Rust. Install $needed or newer:" \
      "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
      "and open a new shell."
  fi
  found=$(rustc --version | cut -d ' ' -f 2)
  if ! at_least "$needed" "${found%%-*}"; then
    give_up "rustc is $found, but $needed or newer is needed: rustup update" \
      "(a Rust from the distribution is often too old; see https://rustup.rs)"
  fi
  local component
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 && continue
    local package=${component/fmt/rustfmt}
    if command -v rustup >/dev/null && rustup component add "$package"; then
      continue
    fi
    give_up "cargo $component is missing: rustup component add $package"
  done
  echo "rustc $found"
}

check_compiler() {
  if ! has_compiler; then
    install gcc libc6-dev make || true
  fi
  if ! has_compiler; then
    give_up "There is no C compiler or no make (SQLite, ring and jemalloc are built with them): apt-get install gcc libc6-dev make"
  fi
  echo "C compiler: $(command -v cc), $(command -v make)"
}

has_compiler() {
  command -v cc >/dev/null && command -v make >/dev/null && echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1
}

check_browser() {
  if no_browser; then
    return
  fi
  if ! has_browser; then
    install chromium chromium-driver || true
  fi
  if has_browser; then
    echo "browser: $(command -v chromium), $(command -v chromedriver)"
    return
  fi
  local advice="Chromium and its driver are missing, for the test of the sandbox's page: apt-get install chromium chromium-driver"
  if [ -n "${CI:-}" ]; then
    give_up "$advice"
  fi
  loud "$advice" "THE BROWSER TEST IS LEFT OUT; everything else runs."
  export DESKBELL_TEST_NO_BROWSER=1
}

no_browser() {
  [ -n "${DESKBELL_TEST_NO_BROWSER:-}" ]
}

has_browser() {
  command -v chromium >/dev/null && command -v chromedriver >/dev/null
}

# The tests start a cluster of their own from the server's programs; none that runs is touched.
check_postgres() {
  if no_postgres; then
    return
  fi
  if ! postgres_programs >/dev/null; then
    install postgresql || true
  fi
  local programs
  if programs=$(postgres_programs); then
    echo "PostgreSQL: $programs"
    return
  fi
  local advice="There is no PostgreSQL server for the tests of the shared database: apt-get install postgresql"
  if [ -n "${CI:-}" ]; then
    give_up "$advice"
  fi
  loud "$advice" "THE TESTS ON POSTGRESQL ARE LEFT OUT; everything else runs."
  export DESKBELL_TEST_NO_POSTGRES=1
}

no_postgres() {
  [ -n "${DESKBELL_TEST_NO_POSTGRES:-}" ]
}

postgres_programs() {
  local found
  for found in /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)"; do
    if [ -x "$found" ] && [ -x "${found%/*}/postgres" ]; then
      echo "${found%/*}"
      return
    fi
  done
  return 1
}

# Installs packages if that is allowed here; fails if it is not, or does not work.
install() {
  command -v apt-get >/dev/null || return 1
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  echo "installing: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  "${apt[@]}" update || echo "apt-get update failed; trying with the lists that are here"
  "${apt[@]}" install -y --no-install-recommends "$@"
}

at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

loud() {
  {
    echo
    printf '!!! %s\n' "$@"
    echo
  } >&2
}

give_up() {
  loud "$@"
  exit 1
}

main "$@"
