#!/usr/bin/env python3
"""A batch system in miniature that speaks like PBS: jobs are background processes.

Called by the name of a link: ``qsub -V -N NAME -j oe -o FOLDER -l ... SCRIPT`` prints a job's
number, ``qstat -x -f JOB`` its state, ``qdel JOB ...`` ends jobs. Records are in the folder that
MINIATURE_PBS names. It takes no request that PBS would refuse, and starts jobs in another folder
than that of qsub.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

JOBS = Path(os.environ["MINIATURE_PBS"])


def seconds(text: str) -> int:
    """A duration as PBS writes it: seconds, or hours, minutes and seconds with colons."""
    if not re.fullmatch(r"\d+|(\d+:)?[0-5]?\d:[0-5]\d", text):
        sys.exit(f"qsub: Illegal attribute or resource value: walltime {text}")
    return sum(int(part) * 60**i for i, part in enumerate(reversed(text.split(":"))))


def asked(requests: list[str]) -> dict:
    """What the job asks for."""
    found = {}
    for request in requests:
        if chunk := re.fullmatch(r"select=1:ncpus=(\d+):mem=(\d+)mb", request):
            found |= {"ncpus": int(chunk[1]), "mem_mb": int(chunk[2])}
        elif time := re.fullmatch(r"walltime=(\S+)", request):
            found["walltime"] = seconds(time[1])
        else:
            sys.exit(f"qsub: illegal -l value {request}")
    return found


def qsub(words: list[str]) -> None:
    parser = argparse.ArgumentParser("qsub")
    parser.add_argument("-V", action="store_true", required=True)
    parser.add_argument("-N", required=True)
    parser.add_argument("-j", choices=["oe"], required=True)
    parser.add_argument("-o", type=Path, required=True, help="a folder that is there")
    parser.add_argument("-l", action="append", default=[])
    parser.add_argument("script")
    args = parser.parse_args(words)
    JOBS.mkdir(exist_ok=True)
    number = len(list(JOBS.glob("*.json"))) + 1
    job = f"{number}.miniature"
    if len(args.N) > 15:
        sys.exit(f"qsub: illegal -N value {args.N}")
    log = open(args.o / f"{job}.log", "w")  # noqa: SIM115
    # The inner shell is the job; the outer one notes how it ended, whatever ended it.
    run = 'sh "$1"; echo $? >"$2.part"; mv "$2.part" "$2"'
    status = JOBS / f"{job}.status"
    process = subprocess.Popen(
        ["sh", "-c", run, "job", str(Path(args.script).resolve()), str(status)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    record = {"pid": process.pid} | asked(args.l)
    (JOBS / f"{job}.json").write_text(json.dumps(record))
    print(job)


def qstat(words: list[str]) -> None:
    *options, job = words
    if options != ["-x", "-f"] or not (JOBS / f"{job}.json").exists():
        print(f"qstat: Unknown Job Id {job}", file=sys.stderr)
        sys.exit(153)
    with open(JOBS / "asked", "a") as asked:
        asked.write(f"{job}\n")
    status = JOBS / f"{job}.status"
    print(f"Job Id: {job}")
    if status.exists():
        print(f"    job_state = F\n    Exit_status = {status.read_text().strip()}")
    else:
        print("    job_state = R")


def qdel(words: list[str]) -> None:
    for job in words:
        pid = json.loads((JOBS / f"{job}.json").read_text())["pid"]
        (JOBS / f"{job}.status").write_text("271")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


{"qsub": qsub, "qstat": qstat, "qdel": qdel}[Path(sys.argv[0]).name](sys.argv[1:])
