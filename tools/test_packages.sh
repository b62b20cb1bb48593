#!/usr/bin/env bash
# The programs that tests run and that no Python package brings. Root gets them installed. Some are
# needed; without the others (a gateway, a voice, a modem's program) their tests say so and skip.
# `soak`: with those of the long proofs.
set -euo pipefail
exec 1>&2
declare -A needed=([chromium]=chromium [oathtool]=oathtool)
declare -A welcome=([bearerbox]=kannel [/usr/lib/kannel/test/fakesmsc]=kannel-extras
  [flite]=flite [gammu]=gammu [/usr/sbin/haproxy]=haproxy
  [/usr/sbin/nginx]=nginx-light [/usr/sbin/pgbouncer]=pgbouncer)
if [ "${1:-}" = soak ]; then
  welcome+=([etcd]=etcd-server [patroni]=patroni [/usr/lib/postgresql/15/bin/postgres]=postgresql-15)
fi
lacking=() missing=()
for program in "${!needed[@]}"; do
  command -v "$program" >/dev/null || lacking+=("${needed[$program]}")
done
for program in "${!welcome[@]}"; do
  command -v "$program" >/dev/null || missing+=("${welcome[$program]}")
done
# Of Debian's prometheus the tests want one program, and nobody wants the server that it starts.
promtool=$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/promtool
fetch_promtool() {
  local folder
  folder=$(mktemp -d)
  chmod 755 "$folder"
  if (cd "$folder" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb .) >/dev/null 2>&1; then
    install -m 755 "$folder/usr/bin/promtool" "$promtool"
  else
    echo "tests: promtool could not be fetched; its tests skip"
  fi
  rm -rf "$folder"
}
command -v promtool >/dev/null || [ -x "$promtool" ] || missing+=(promtool)
[ $((${#lacking[@]} + ${#missing[@]})) = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "tests: installing ${lacking[*]} ${missing[*]}"
  apt-get update -qq >/dev/null
  for package in "${lacking[@]}"; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  done
  for package in "${missing[@]}"; do
    if [ "$package" = promtool ]; then fetch_promtool; continue; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null \
      || echo "tests: $package could not be installed; its tests skip"
  done
elif [ ${#lacking[@]} -gt 0 ]; then
  echo "tests: install these and run this again: apt-get install ${lacking[*]}"
  exit 1
else
  echo "tests: some tests skip without: apt-get install ${missing[*]/promtool/prometheus}"
fi
