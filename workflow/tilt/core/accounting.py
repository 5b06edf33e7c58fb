"""Whether Slurm keeps accounts, which its `sacct` must answer from."""

import subprocess

SECONDS = 30  # to wait for an answer; a slow database is no reason to stop a run
# With the options that the executor of Snakemake asks with: some are refused without accounting.
QUESTION: tuple[str, ...] = ("sacct", "-X", "--parsable2", "--clusters", "all", "--noheader")
QUESTION += ("--format=JobIdRaw,State", "--name", "tilt")


def refusal(asked: str | None) -> str:
    """Why the state of jobs cannot be had from ``sacct``; "" if it can, or if another is asked.

    Parameters: ``asked`` the command that the state of jobs is read with (sacct or squeue). Where
    accounting is off, ``sacct`` fails at every question, and a run would wait for ever for jobs
    that are long over. What takes too long to answer is left to the run.
    """
    if asked != "sacct":
        return ""
    try:
        done = subprocess.run(
            QUESTION, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode == 0:
        return ""
    words = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[0]
    return (
        f"Slurm cannot be asked for the state of jobs: sacct says {words!r}. Without accounting "
        "a run would wait for ever for jobs that are over. Fix: add --slurm-status-command squeue "
        "(docs/cluster.md, Accounting), in the profile `slurm-status-command: squeue`"
    )
