"""The report in a headless Chromium: no error, no request, tables sort, nothing overflows."""

import html
import json
import re
import shutil
import subprocess

import pytest
from made_up_report import build_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

# Runs inside the page, uses it as a reader would, and tells the frame around it what happened.
PROBE = """
<script>
window.addEventListener("load", function () {
  document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  var told = { width: innerWidth, scroll: document.documentElement.scrollWidth, wide: [] };
  document.querySelectorAll("main > *, p, figure, h1, h2, h3, .zoom, .table").forEach(function (e) {
    if (e.getBoundingClientRect().right > innerWidth + 1) told.wide.push(e.tagName + e.className);
  });
  told.images = Array.prototype.map.call(document.images, function (i) { return i.naturalWidth; });
  var table = document.querySelector("section:not(#across) .table table");
  var heads = table.querySelectorAll("th"), column = -1;
  heads.forEach(function (h, n) { if (h.textContent === "effect") column = n; });
  function values() {
    return Array.prototype.map.call(table.tBodies[0].rows, function (r) {
      var v = r.cells[column].dataset.v; return v === undefined ? null : Number(v);
    });
  }
  heads[column].querySelector("button").click();
  told.up = values(); told.sort = heads[column].getAttribute("aria-sort");
  heads[column].querySelector("button").click();
  told.down = values();
  var input = table.closest(".table").querySelector("input");
  input.value = "CD4 Th22-like"; input.dispatchEvent(new Event("input"));
  told.filtered = Array.prototype.filter.call(table.tBodies[0].rows, function (r) {
    return !r.hidden; }).map(function (r) { return r.textContent; });
  var svg = document.querySelector(".zoom svg");
  document.querySelector("[data-zoom]").click();
  told.view = svg.getAttribute("viewBox");
  var pick = document.querySelector("[data-pick]"); pick.click();
  told.picked = document.querySelectorAll(".cells path.on").length;
  var dot = svg.querySelector("circle");
  dot.dispatchEvent(new PointerEvent("pointerenter", { clientX: 5, clientY: 5 }));
  told.tip = document.getElementById("tip").textContent;
  var controls = document.querySelectorAll("button, input, a");
  told.focus = Array.prototype.every.call(controls, function (e) { return e.tabIndex >= 0; });
  told.asked = performance.getEntriesByType("resource").map(function (r) { return r.name; })
    .filter(function (name) { return name.slice(0, 5) !== "data:"; });
  parent.postMessage(JSON.stringify(told), "*");
});
</script></body>"""
FRAME = """<!doctype html><body><pre id="out"></pre>
<iframe src="probe.html" width="360" height="800"></iframe>
<iframe src="probe.html" width="1280" height="800"></iframe>
<script>var all = [];
addEventListener("message", function (e) {
  all.push(JSON.parse(e.data));
  if (all.length === 2) document.getElementById("out").textContent = JSON.stringify(all);
});</script></body>"""


@pytest.fixture(scope="module")
def visit(tmp_path_factory) -> dict:
    """What the page told at 360 and 1280 pixels, and the console."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("browser")
    page = build_page(folder).read_text()
    (folder / "probe.html").write_text(page.replace("</body>", PROBE))
    (folder / "frame.html").write_text(FRAME)
    done = subprocess.run(
        [
            BROWSER,
            *QUIET,
            f"--user-data-dir={folder / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--dump-dom",
            (folder / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    out = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)
    assert out and out[1], f"the page did not answer:\n{done.stderr[-2000:]}"
    frames = sorted(json.loads(html.unescape(out[1])), key=lambda f: f["width"])
    return {
        "narrow": frames[0],
        "wide": frames[1],
        "console": [line for line in done.stderr.splitlines() if "CONSOLE" in line],
    }


def test_console_is_silent(visit):
    assert visit["console"] == []


def test_nothing_is_asked_from_the_network(visit):
    assert visit["wide"]["asked"] == [] and visit["narrow"]["asked"] == []


@pytest.mark.parametrize("size,width", [("narrow", 360), ("wide", 1280)])
def test_nothing_overflows(visit, size, width):
    frame = visit[size]
    assert frame["width"] == width
    assert frame["scroll"] <= width
    assert frame["wide"] == []


def test_images_are_drawn(visit):
    assert len(visit["wide"]["images"]) == 2 and min(visit["wide"]["images"]) > 100


def test_tables_sort_with_missing_last(visit):
    frame = visit["wide"]
    known = [v for v in frame["up"] if v is not None]
    assert len(known) > 20 and known == sorted(known)
    assert frame["up"][len(known) :] == [None] * (len(frame["up"]) - len(known))
    assert [v for v in frame["down"] if v is not None] == sorted(known, reverse=True)
    assert frame["sort"] == "ascending"


def test_tables_filter(visit):
    rows = visit["wide"]["filtered"]
    assert rows and all("cd4" in row.lower() and "th22-like" in row.lower() for row in rows)


def test_scatter_zooms_and_tells_its_donor(visit):
    frame = visit["wide"]
    assert float(frame["view"].split()[2]) < 460
    assert frame["tip"].startswith("C01 (control); Tph side")
    assert frame["picked"] == 1


def test_everything_can_be_reached_by_keyboard(visit):
    assert visit["wide"]["focus"] and visit["narrow"]["focus"]


def test_print_has_every_figure_whole_and_nothing_to_click(tmp_path):
    """Two figures, two sections and the text: few pages, as zoomable maps and tables stay away."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    page, target = build_page(tmp_path), tmp_path / "report.pdf"
    options = [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={target}"]
    command = [BROWSER, *QUIET, *options, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    pages = len(re.findall(rb"/Type /Page\b", target.read_bytes()))
    assert 4 <= pages <= 8  # 10 with the maps
