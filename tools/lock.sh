#!/usr/bin/env bash
# Write requirements/*.lock: every version, with hashes, for every platform. Versions that stand
# there stay unless `--upgrade` is given. Takes uv from PATH, or from a folder that is thrown away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip --disable-pip-version-check install --quiet uv
  uv=$folder/bin/uv
fi
compile() {
  local lock=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --output-file "requirements/$lock" "$@"
}
# What a section of pyproject's optional dependencies asks for.
requirements_of() {
  "${PYTHON:-python3}" - "$1" <<'END'
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["project"]["optional-dependencies"][sys.argv[1]], sep="\n")
END
}
compile build.lock requirements/build.in "$@"
compile run.lock pyproject.toml "$@"
for extra in geo otel postgresql; do
  requirements_of "$extra" | compile "$extra.lock" - -c requirements/run.lock "$@"
done
compile dev.lock requirements/dev.in "$@"
# What the benchmarks are compared with, for an environment of its own.
compile peers.lock requirements/peers.in "$@"
