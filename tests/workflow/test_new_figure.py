"""A new entry in the registry of figures reaches the rules with no other edit."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SNAKEFILE = """
import json, sys
sys.path.insert(0, "{root}/workflow")
from tilt.figures.entry import Figure
from tilt.figures.registry import FIGURES

if {add}:
    FIGURES["dummy"] = Figure(
        name="dummy", job="plot_specifications", title="a new figure", category="5 Quality",
        alt="Bars", words="What it shows.", draw="figures.study.draw",
        needs={{"markers": "markers_found.tsv", "curve": "specifications.tsv"}},
        settings={{"seed": "seed"}}, memory=(4000, 0),
    )

configfile: "{root}/config/config.yaml"

include: "{root}/Snakefile"

rule_of = workflow.get_rule("plot_specifications")
outputs = dict(rule_of.output.items())
flags = {{name: item.flags["report"] for name, item in outputs.items()}}
flags = {{
    name: [item.caption.get_path_or_uri(True), item.category, item.labels["figure"]]
    for name, item in flags.items()
}}
Path("found.json").write_text(json.dumps({{
    "files": [str(path) for path in rule_of.output],
    "items": flags,
    "report": [str(path) for path in workflow.get_rule("write_report").input],
    "job": rule_of.name,
}}))
"""


def found(folder: Path, add: bool) -> tuple[dict, str]:
    """What the rules hold, and the plan of the figure's job."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE.format(root=ROOT, add=add))
    target = "results/figures/demo_cd4/" + ("dummy.png" if add else "robustness.png")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "1", target],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return json.loads((folder / "found.json").read_text()), done.stdout


def test_new_entry_makes_outputs_report_item_inputs_and_caption(tmp_path):
    before, _ = found(tmp_path / "before", False)
    after, plan = found(tmp_path / "after", True)
    new = {Path(path).name for path in set(after["files"]) - set(before["files"])}
    assert new == {f"dummy.{kind}" for kind in ("pdf", "svg", "png", "tsv")}
    assert set(after["items"]) - set(before["items"]) == {"dummy"}
    caption = tmp_path / "after/.snakemake/captions/dummy.rst"
    assert after["items"]["dummy"] == [str(caption), "5 Quality", "A new figure"]
    assert caption.read_text().endswith("What it shows.\n")
    more = set(after["report"]) - set(before["report"])
    assert {path for path in more if path.endswith(".png")} == {
        f"results/figures/{cohort}/dummy.png" for cohort in ("demo_cd4", "demo_pbmc")
    }
    job = plan.split("rule plot_specifications:")[1].split("\n\n")[0]
    assert "results/demo_cd4/markers_found.tsv" in job and "dummy.svg" in job
