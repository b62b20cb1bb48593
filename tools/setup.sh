#!/usr/bin/env bash
# Create .venv from the lock files: `setup.sh run` installs what the product needs, `setup.sh dev` also
# what developing it needs. EXTRAS="postgresql otel" adds optional parts; they stay, and later runs
# keep them current. Does nothing if the stamp in .venv says that this was already done.
# All messages go to standard error.
set -euo pipefail
exec 1>&2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stage=${1:-run}
venv=$PWD/.venv
all_extras='geo otel postgresql'

fail() { echo "setup: $*"; exit 1; }

# Those asked for and those that are there, each once; to develop takes all.
chosen_extras() {
  local extra
  for extra in ${EXTRAS//,/ }; do
    case " $all_extras " in
      *" $extra "*) ;;
      *) fail "there is no extra \"$extra\"; there are: $all_extras" ;;
    esac
  done
  if [ "$stage" = dev ] || [ -e "$venv/.stamp-dev" ]; then
    echo "$all_extras"
  else
    { printf '%s\n' ${EXTRAS//,/ }; cat "$venv/.extras" 2>/dev/null || :; } | sed '/^$/d' | sort -u | xargs
  fi
}

find_python() {
  local name names=(python3 python3.14 python3.13 python3.12 python3.11)
  [ -z "${PYTHON:-}" ] || names=("$PYTHON")
  for name in "${names[@]}"; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  name=${PYTHON:-python3}
  if command -v "$name" >/dev/null; then
    fail "Twostep needs Python 3.11 or newer; $name is $("$name" -V 2>&1). Name another: PYTHON=/path/to/python3 make setup"
  fi
  fail "$name was not found. Install Python 3.11 or newer, or name one: PYTHON=/path/to/python3 make setup"
}

need_venv_module() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null && return
  local package
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $package"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } >/dev/null \
      || fail "$package could not be installed"
  else
    fail "$1 has no venv module. Install it and run this again: apt-get install $package"
  fi
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

install() {
  echo "setup: installing from $*"
  local lock files=()
  for lock in "$@"; do files+=(-r "$lock"); done
  pip install --quiet --root-user-action=ignore --require-hashes --no-deps "${files[@]}"
}

# Ourselves, in place. What builds us is needed for this moment only, and gone after it.
install_in_place() {
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
  pip install --quiet --root-user-action=ignore --require-hashes --no-deps --target "$build" -r requirements/build.lock
  PYTHONPATH=$build pip install --quiet --root-user-action=ignore --no-build-isolation --no-deps --no-index --editable .
}

# The path is part of the stamp: programs in .venv/bin contain it.
stamp_of() { { cat "$@"; echo "$venv"; } | sha256sum | cut -d ' ' -f 1; }

EXTRAS=${EXTRAS:-}
extras=$(chosen_extras) || { echo "$extras"; exit 1; }
run_locks=(requirements/run.lock)
for extra in $extras; do run_locks+=("requirements/$extra.lock"); done
run_stamp=$(stamp_of "${run_locks[@]}")
dev_stamp=$(stamp_of "${run_locks[@]}" requirements/dev.lock)
is_current() { [ "$(cat "$venv/.stamp-$1" 2>/dev/null)" = "$2" ]; }
is_done() {
  is_current run "$run_stamp" && { [ "$stage" = run ] || is_current dev "$dev_stamp"; } \
    && "$venv/bin/python" -c '' 2>/dev/null
}

is_done && exit 0
if command -v flock >/dev/null; then
  exec 9< .  # the folder itself: a file in .venv would vanish when that is recreated
  flock 9    # two targets at once: the second waits and then finds everything done
  is_done && exit 0
fi

# Created elsewhere, or by a Python that is gone: recreate it.
if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || ! grep -qF "$venv" "$venv/bin/activate"; then
  python=$(find_python) || { echo "$python"; exit 1; }
  need_venv_module "$python"
  echo "setup: creating $venv with $("$python" -V)"
  "$python" -m venv --clear "$venv" || fail "$venv could not be created"
elif [ ! -w "$venv" ]; then
  fail "$venv is not current and belongs to someone else; its owner must run this"
fi
locks=("${run_locks[@]}")
[ "$stage" = run ] && [ ! -e "$venv/.stamp-dev" ] || locks+=(requirements/dev.lock)
rm -f "$venv/.stamp-run"
echo "$extras" > "$venv/.extras"
install "${locks[@]}"
install_in_place
echo "$run_stamp" > "$venv/.stamp-run"
case " ${locks[*]} " in *' requirements/dev.lock '*) echo "$dev_stamp" > "$venv/.stamp-dev" ;; esac
echo "setup: done"
