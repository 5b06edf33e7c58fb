#!/usr/bin/env bash
# Stop the cluster that up.sh started, its jobs with it:   down.sh FOLDER
# Ends only processes named in FOLDER/pid; safe to call again, or when up.sh did not get far.
set -uo pipefail
folder=$(realpath -m "${1:?give the folder of the cluster}")
conf=/etc/slurm/slurm.conf
left=0

# A process that is there, and no zombie that only waits for its parent.
alive() {
  grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"
}

if [ "$(readlink "$conf" 2>/dev/null)" = "$folder/slurm.conf" ]; then
  ours=yes
  timeout 10 scancel --user=root 2>/dev/null
  for _ in $(seq 100); do
    [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break
    sleep 0.1
  done
fi
for name in slurmd slurmctld munged; do
  pid=$(cat "$folder/pid/$name" 2>/dev/null) || continue
  kill "$pid" 2>/dev/null
  for _ in $(seq 100); do
    alive "$pid" || break
    sleep 0.1
  done
  if alive "$pid"; then
    kill -9 "$pid"
    echo "$name ($pid) had to be killed" >&2
    left=1
  fi
  rm -f "$folder/pid/$name"
done
[ -z "${ours:-}" ] || rm -f "$conf"
exit $left
