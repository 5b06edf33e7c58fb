#!/usr/bin/env bash
# Start the node's daemon (slurmd) of a cluster that up.sh made, also after it died:  node.sh FOLDER
set -euo pipefail
folder=$(realpath -m "${1:?give the folder of the cluster}")
slurmd -D >>"$folder/log/slurmd.out" 2>&1 </dev/null &
echo $! >"$folder/pid/slurmd"
for _ in $(seq 150); do
  sinfo -h -o %t | grep -Eq '^(idle|mix|alloc)$' && exit
  sleep 0.1
done
exit 1
