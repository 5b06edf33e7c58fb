#!/bin/sh
# State of a PBS job in Snakemake's words (running, success or failed):   status.sh JOB
# A server that keeps no history (job_history_enable) forgets finished jobs: they read as failed.
found=$(qstat -x -f "$1") || { echo failed; exit; }
case $found in
  *"job_state = F"*) ;;
  *) echo running; exit ;;
esac
case $found in
  *"Exit_status = 0"*) echo success ;;
  *) echo failed ;;
esac
