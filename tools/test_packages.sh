#!/usr/bin/env bash
# The programs that tests run and that no Python package brings. Root gets them installed. Some are
# needed; without the others (a gateway, a voice, a modem's program) their tests say so and skip.
set -euo pipefail
exec 1>&2
declare -A needed=([chromium]=chromium [oathtool]=oathtool)
declare -A welcome=([bearerbox]=kannel [/usr/lib/kannel/test/fakesmsc]=kannel-extras
  [flite]=flite [gammu]=gammu)
lacking=() missing=()
for program in "${!needed[@]}"; do
  command -v "$program" >/dev/null || lacking+=("${needed[$program]}")
done
for program in "${!welcome[@]}"; do
  command -v "$program" >/dev/null || missing+=("${welcome[$program]}")
done
[ $((${#lacking[@]} + ${#missing[@]})) = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "tests: installing ${lacking[*]} ${missing[*]}"
  apt-get update -qq >/dev/null
  for package in "${lacking[@]}"; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  done
  for package in "${missing[@]}"; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null \
      || echo "tests: $package could not be installed; its tests skip"
  done
elif [ ${#lacking[@]} -gt 0 ]; then
  echo "tests: install these and run this again: apt-get install ${lacking[*]}"
  exit 1
else
  echo "tests: some tests skip without: apt-get install ${missing[*]}"
fi
