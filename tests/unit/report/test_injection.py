"""Markup in every name that a user or a table brings: the report shows it and runs nothing."""

import html
import json
import re
import subprocess

import made_up
import made_up_report
import pandas as pd
import pytest
from chromium import BROWSER, QUIET
from tilt.figures import composition, imbalance, style
from tilt.figures.names import CohortLabel
from tilt.report import page
from tilt.report.answer import CohortResults

BAD = (
    '"\'><img src=x onerror="PWNED=1"><script>PWNED=1</script></script><svg onload=PWNED=1>{{7*7}}'
)
NAMED = ("donor", "sample", "batch", "reason", "note", "message", "method", "file")
PROBE = """<script>addEventListener("load", function () {
  document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  document.querySelectorAll("circle, dfn, [data-tip]").forEach(function (e) {
    e.dispatchEvent(new PointerEvent("pointerenter", { clientX: 5, clientY: 5 }));
  });
  document.querySelectorAll("select").forEach(function (s) {
    Array.prototype.forEach.call(s.options, function (o) {
      s.value = o.value; s.dispatchEvent(new Event("change"));
    });
  });
  setTimeout(function () {
    var told = { ran: typeof PWNED !== "undefined", text: document.body.innerText };
    told.images = document.querySelectorAll("img[src='x']").length;
    told.loaded = document.querySelectorAll("svg[onload]").length;
    document.documentElement.innerHTML = "<body><pre id=out></pre></body>";
    document.getElementById("out").textContent = JSON.stringify(told);
  }, 500);
});</script></body>"""


def hostile(table: pd.DataFrame) -> pd.DataFrame:
    """The table with markup behind every name, and behind one subset as of a published table."""
    table = table.copy()
    for name in set(NAMED) & set(table.columns):
        table[name] = table[name].astype(str) + BAD
    if "condition" in table:
        table["condition"] = table["condition"] + BAD
    for name in {"subset", "quantity"} & set(table.columns):
        table[name] = table[name].replace({"MAIT": "MAIT" + BAD})
    return table


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("hostile")
    one = made_up_report.results()
    people = one.table("donors")
    cohort = CohortLabel("demo", "Title" + BAD, "SLE" + BAD, "control" + BAD, False)
    one.tables = {name: hostile(table) for name, table in one.tables.items()}
    get, here = one.table, folder / "figures" / "demo"
    scores = get("activity").query("signature == 'IFN1_T_CORE' and subset == 'memory_cd4'")
    given = (get("composition"), get("imbalance"), get("tests"), scores, cohort, made_up.LABELS)
    style.save(*imbalance.draw(*given), here / "imbalance")
    style.save(*composition.draw(get("composition"), get("tests"), cohort), here / "composition")
    for name, table in one.tables.items():
        made_up.write(table, folder / "demo" / f"{name}.tsv")
    words = {key: f"{key}{BAD}" for key in ("source", "citation", "licence")}
    settings = made_up_report.SETTINGS | words
    one = page.load_cohort(folder / "demo", CohortResults(cohort, settings))
    cells = made_up_report.cells_of(people)
    cells["cells"] = hostile(cells["cells"])
    config, template = made_up_report.CONFIG, made_up_report.TEMPLATE
    made = (made_up.meta(), folder, config, folder / "benchmarks", template)
    text = page.build([one], {"demo": cells}, *made)
    (folder / "probe.html").write_text(text.replace("</body>", PROBE))
    done = subprocess.run(
        [
            *(BROWSER, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000"),
            (folder / "probe.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    out = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)
    assert out, f"the page did not answer:\n{done.stdout[-500:]}{done.stderr[-2000:]}"
    return json.loads(html.unescape(out[1]))


def test_nothing_runs(told):
    assert (told["ran"], told["images"], told["loaded"]) == (False, 0, 0)


@pytest.mark.parametrize("name", ["Title", "SLE", "C01", "citation", "source", "MAIT"])
def test_names_are_shown_as_they_are_written(told, name):
    assert f"{name}\"'><img src=x onerror=" in told["text"]


def test_braces_are_no_template(told):
    assert "{{7*7}}" in told["text"] and ">49" not in told["text"]
