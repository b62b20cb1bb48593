#!/usr/bin/env bash
# The programs that tests run and that no Python package brings. Root gets them installed.
set -euo pipefail
exec 1>&2
declare -A package_of=([chromium]=chromium [oathtool]=oathtool)
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "tests: installing ${missing[*]}"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "tests: install these and run this again: apt-get install ${missing[*]}"
  exit 1
fi
