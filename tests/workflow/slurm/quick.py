"""Snakemake that asks for the state of jobs every second, as one may with a cluster of its own.

The executor for Slurm waits longer each time that nothing has ended; all else is as it is.
"""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(executor):
    await asyncio.sleep(1)


RemoteExecutor.sleep = sleep
main()
