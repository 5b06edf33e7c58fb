"""A folder with everything a user writes, for the tests of validation."""

import copy
from pathlib import Path

import yaml
from tilt.config import check as config

REPO = Path(__file__).parents[2]
SHEET = """sample\tdonor\tcondition\tbatch\tage\tsex\tpath
S1\tD1\tSLE\tB1\t30\tF\tS1
S2\tD2\tcontrol\tB1\t31\tF\tS2
S3\tD3\tSLE\tB2\t32\tM\tS3
"""
COHORT = {
    "name": "mine",
    "title": "My cohort",
    "format": "10x_dir",
    "folder": "raw",
    "samples": "config/samples/mine.tsv",
    "cells": "pbmc",
    "contrast": {"case": "SLE", "control": "control"},
    "covariates": ["age"],
    "strata": ["batch"],
}
MARKERS = """level\tlabel\tparent\tpositive\tnegative\tcompartment
0\tT\tPBMC\tCD3D CD3E\t\t
1\tCD4\tT\tCD4\tCD8A\t
2\tCD4_Naive\tCD4\tCCR7\tCCR10\tnaive
2\tCD4_Memory\tCD4\tCD40LG\t\tmemory
"""
SIGNATURES = "gene\tset\tweight\nISG15\tIFN\t1\nMX1\tIFN\t-0.5\n"


class Project:
    """A folder with a configuration, a cohort, a sample sheet and its raw files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = {"cohorts": ["mine"], "resources": {}}
        self.cohort = copy.deepcopy(COHORT)
        self.sheet: str | bytes = SHEET
        self.written: bytes | None = None  # the cohort file, where it is not YAML of a dict
        self.tables = {}
        for sample in ("S1", "S2", "S3"):
            (folder / "raw" / sample).mkdir(parents=True)
            for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
                (folder / "raw" / sample / name).touch()
        (folder / "config/cohorts").mkdir(parents=True)
        (folder / "config/samples").mkdir(parents=True)

    def write(self, name: str, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (self.folder / name).write_bytes(data)

    def check(self, **more):
        self.write("config/cohorts/mine.yaml", self.written or yaml.safe_dump(self.cohort))
        self.write("config/samples/mine.tsv", self.sheet)
        for name, text in self.tables.items():
            self.write(f"{name}.tsv", text)
            self.config["resources"][name] = f"{name}.tsv"
        return config.check(self.config, [self.folder, REPO], **more)

    def problems(self) -> list[str]:
        return self.check()[1]
