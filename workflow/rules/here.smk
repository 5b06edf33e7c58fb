# Where the workflow is: everything else is found from TILT, the folder `workflow`.

import os
import tarfile
import tempfile
from pathlib import Path


def here(source):
    """The folder of this file; of a module from git, that folder in a copy of its whole commit.

    Snakemake fetches rules and scripts of such a module one by one, but neither the package that
    they import nor the tables; the copy is made once, in .snakemake/tilt_source.
    """
    if isinstance(source, str | os.PathLike):
        return Path(source)
    import git  # a dependency of Snakemake

    if hasattr(source, "hosted_repo"):
        source.fetch_if_required()
        repository = source.hosted_repo.repo
    else:
        repository = git.Repo(source.repo_path)
    commit = repository.commit(source.ref).hexsha
    copy = Path(".snakemake/tilt_source").resolve() / commit
    if not copy.is_dir():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent) as part:
            with open(f"{part}/all.tar", "w+b") as archive:
                repository.archive(archive, commit)
                archive.seek(0)
                with tarfile.open(fileobj=archive) as members:
                    # Python before 3.11.4 (Debian 12) has no filters; the archive is of a commit.
                    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                    members.extractall(f"{part}/all", **safe)
            try:
                os.rename(f"{part}/all", copy)
            except OSError:
                if not copy.is_dir():  # else another process was first
                    raise
    return copy / source.path


TILT = here(workflow.current_basedir).parent
