#!/usr/bin/env bash
# Start a one-node Slurm cluster on this machine, for tests:   up.sh FOLDER
#
# Configuration, key, sockets, state, logs and process ids are in FOLDER; outside it there is one
# link, /etc/slurm/slurm.conf, because jobs look for the configuration nowhere else. Missing Debian
# packages are installed. Stop it with: down.sh FOLDER
#
# The node has the machine's processors and MEMORY MB (16000; what jobs may ask for in sum).
# A job that uses more memory than it asked for is killed. There is no accounting: the state of
# jobs is read with squeue.
#
# Exit code 77 and a line on standard error when there can be no cluster here; 1 when it fails.
set -euo pipefail

folder=$(realpath -m "${1:?give a folder}")
memory=${MEMORY:-16000}
conf=/etc/slurm/slurm.conf

no_cluster() {
  echo "no Slurm here: $*" >&2
  exit 77
}

fail() {
  echo "Slurm did not start: $*" >&2
  tail -n 5 "$folder"/log/* >&2 || true
  bash "$(dirname "$0")/down.sh" "$folder" >&2 || true
  exit 1
}

[ "$(uname -s)" = Linux ] || no_cluster "only on Linux"
[ "$(id -u)" = 0 ] || no_cluster "starting it needs root"
if [ -L "$conf" ] && [ -d "$(dirname "$(readlink "$conf")")/pid" ]; then
  other=$(dirname "$(readlink "$conf")")
  timeout 10 scontrol ping >/dev/null 2>&1 &&
    no_cluster "another test has its cluster in $other; if not: down.sh $other"
  bash "$(dirname "$0")/down.sh" "$other" || true # its test was killed, and the cluster is down
fi
[ -e "$conf" ] && no_cluster "$conf is there: this machine belongs to a cluster"
rm -f "$conf"

mkdir -p "$folder"/{log,pid,state,spool,munge}
packages=()
command -v munged >/dev/null || packages+=(munge)
command -v slurmctld >/dev/null || packages+=(slurmctld)
command -v slurmd >/dev/null || packages+=(slurmd)
command -v sbatch >/dev/null || packages+=(slurm-client)
if [ ${#packages[@]} -gt 0 ]; then
  said=$(bash "$(dirname "$0")/../../install_debian.sh" "${packages[@]}" 2>&1) ||
    no_cluster "$(tail -n 1 <<<"$said")"
fi

# Try for some seconds until a command succeeds.
await() {
  for _ in $(seq 150); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  return 1
}

chmod 711 "$folder" "$folder/munge"
umask 077
head -c 1024 /dev/urandom >"$folder/munge/key"
umask 022
socket=$folder/munge/socket
munged --force --key-file="$folder/munge/key" --socket="$socket" --seed-file="$folder/munge/seed" \
  --pid-file="$folder/pid/munged" --log-file="$folder/log/munged.log" >"$folder/log/munged.out" 2>&1
await munge -n --socket "$socket" || fail "munge gives no credential"

host=$(hostname -s)
cat >"$folder/slurm.conf" <<END
ClusterName=tilt
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/state/slurmctld.pid
SlurmdPidFile=$folder/state/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
MinJobAge=7200
JobRequeue=0
KillWait=2
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
NodeName=$host NodeAddr=127.0.0.1 Port=16818 CPUs=$(getconf _NPROCESSORS_ONLN) RealMemory=$memory
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
mkdir -p /etc/slurm
ln -s "$folder/slurm.conf" "$conf"

slurmctld -D >"$folder/log/slurmctld.out" 2>&1 </dev/null &
echo $! >"$folder/pid/slurmctld"
await scontrol ping || fail "slurmctld does not answer"
bash "$(dirname "$0")/node.sh" "$folder" || fail "the node does not come up"
sinfo
