#!/usr/bin/env bash
# Install the Debian packages that some tests use:   install_debian.sh PACKAGE...
#
# Quiet, and no service of the packages is started: the daemons of a test are its own.
# Exit code 1 and one line on standard error when this machine cannot install them.
set -euo pipefail

cannot() {
  echo "cannot install $packages: $*" >&2
  exit 1
}

packages=$*
[ -n "$packages" ] || { echo "name the packages" >&2 && exit 2; }
command -v apt-get >/dev/null || cannot "there is no apt-get"
[ "$(id -u)" = 0 ] || cannot "that needs root"

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
trap 'rm -f "$log" ${made:+"$policy"}' EXIT
[ -e $policy ] || { made=yes && printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy; }
wait=(-o DPkg::Lock::Timeout=100)
{ timeout 120 apt-get update -qq &&
  DEBIAN_FRONTEND=noninteractive timeout 300 \
    apt-get install -qq "${wait[@]}" --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null ||
  cannot "$(tail -n 1 "$log")"
