"""The report in a headless Chromium: no error, no request, tables sort, nothing overflows."""

import csv
import html
import json
import re
import subprocess

import made_up
import pytest
from chromium import BROWSER, QUIET
from made_up_report import TEMPLATE, build_page
from tilt.report import glossary

# Runs inside the page, uses it as a reader would, and tells the frame around it what happened.
PROBE = """
<script>
window.addEventListener("load", function () {
  document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  var told = { width: innerWidth, scroll: document.documentElement.scrollWidth, wide: [] };
  document.querySelectorAll("main > *, p, figure, h1, h2, h3, .zoom, .table").forEach(function (e) {
    if (e.getBoundingClientRect().right > innerWidth + 1) told.wide.push(e.tagName + e.className);
  });
  told.stacked = Array.prototype.map.call(document.querySelectorAll("figure"), function (f) {
    var lines = Array.prototype.slice.call(f.querySelectorAll(".line"));
    return {
      whole: f.querySelector(".wide").offsetHeight, words: f.querySelector(".panels").innerText,
      slides: lines.filter(function (l) { return l.scrollWidth > l.clientWidth + 1; }).length,
      scales: Array.prototype.map.call(f.querySelectorAll(".cut"), function (cut) {
        var page = JSON.parse(f.querySelector(".panels").dataset.panels).width;
        return cut.firstChild.getBoundingClientRect().width / page;
      })
    };
  });
  document.querySelectorAll(".panels").forEach(function (p) { p.remove(); });
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
  var svg = document.querySelector(".zoom svg"), tip = document.getElementById("tip");
  svg.parentNode.querySelector("[data-zoom]").click();
  told.view = svg.getAttribute("viewBox");
  function wheel(target) {
    var box = target.getBoundingClientRect(), turn = { deltaY: -1, cancelable: true };
    turn.clientX = box.left + 99; turn.clientY = box.top + 99;
    target.dispatchEvent(new WheelEvent("wheel", turn));
  }
  wheel(svg);
  told.wheeled = svg.getAttribute("viewBox");
  var dots = svg.querySelectorAll("circle");
  dots[0].dispatchEvent(new PointerEvent("pointerenter", { clientX: 5, clientY: 5 }));
  told.tip = tip.textContent;
  dots[1].focus();
  told.focused = tip.textContent;
  document.querySelector("dfn").focus();
  told.term = [document.querySelector("dfn").textContent, tip.textContent];
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  told.hushed = tip.style.display;
  var map = document.querySelector(".map"), canvas = map.querySelector("canvas");
  var choice = map.querySelector("select"), names = ".legend button";
  function colors() {
    var pen = canvas.getContext("2d"), seen = {};
    var data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    for (var n = 0; n < data.length; n += 4) {
      var key = [data[n], data[n + 1], data[n + 2]].join();
      if (key !== "255,255,255") seen[key] = (seen[key] || 0) + 1;
    }
    return seen;
  }
  told.said = map.querySelector(".said").textContent;
  told.choices = Array.prototype.map.call(choice.options, function (o) { return o.value; });
  function color(by) { choice.value = by; choice.dispatchEvent(new Event("change")); }
  function words(found) {
    return Array.prototype.map.call(found, function (e) { return e.textContent; });
  }
  color("g:condition");
  told.arms = colors(); told.label = canvas.getAttribute("aria-label");
  told.legend = words(map.querySelectorAll(names));
  map.querySelectorAll(names)[1].click();
  told.picked = colors();
  wheel(canvas);
  told.closer = colors();
  color("n:PDCD1");
  told.gene = Object.keys(colors()).length; told.scale = map.querySelector(".legend").textContent;
  dots[2].dispatchEvent(new MouseEvent("click"));
  told.donor = [choice.value, map.querySelector("[aria-pressed=true]").textContent];
  document.querySelector("button.csv").click();
  told.csv = window.lastSaved;
  document.querySelector("[data-get=table]").click();
  told.table = window.lastSaved;
  document.querySelector("[data-get=picture]").click();
  told.picture = [window.lastSaved.name, window.lastSaved.text.slice(0, 11)];
  var theme = document.getElementById("theme");
  function paper() { return getComputedStyle(document.body).backgroundColor; }
  told.light = paper(); theme.click(); told.dark = paper();
  told.pressed = theme.getAttribute("aria-pressed"); theme.click();
  var side = document.querySelector(".side"), width = side.getBoundingClientRect().width;
  told.side = [getComputedStyle(side).position, width, side.querySelectorAll("a").length];
  told.top = [document.getElementById("top").className, document.getElementById("top").hash];
  var controls = document.querySelectorAll("button, input, a, select, dfn, circle[tabindex]");
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
        "console": [  # without advice on the probe's own look at the map
            line
            for line in done.stderr.splitlines()
            if "CONSOLE" in line and "readback" not in line
        ],
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


def test_panels_stand_one_below_the_other_on_a_phone(visit):
    """Letters of 6.5 pt are at least 8 CSS pixels, and nothing has to be slid sideways."""
    drawn = visit["narrow"]["stacked"]
    assert len(drawn) == 2
    for figure in drawn:
        assert figure["whole"] == 0 and figure["slides"] == 0
        assert len(figure["scales"]) >= 5 and min(figure["scales"]) * 6.5 * 25.4 / 72 >= 8
    assert "b SLE − control" in drawn[0]["words"] and "Hedges g" in drawn[0]["words"]
    for figure in visit["wide"]["stacked"]:
        assert figure["whole"] > 300 and figure["words"] == ""


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


def test_scatter_zooms_by_button_and_wheel_and_tells_its_donor(visit):
    frame = visit["wide"]
    assert 300 < float(frame["view"].split()[2]) < 330
    assert float(frame["wheeled"].split()[2]) == pytest.approx(
        0.85 * float(frame["view"].split()[2])
    )
    assert frame["tip"].startswith("C01 (control); Tph side")
    assert frame["focused"].startswith("C02 (control); Tph side")


def test_terms_tell_their_meaning_by_keyboard(visit):
    word, meaning = visit["wide"]["term"]
    assert glossary.TERMS[word] == meaning
    assert visit["wide"]["hushed"] == "none"


def rgb(color: str) -> str:
    return ",".join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))


def test_map_is_colored_by_what_is_chosen(visit):
    frame = visit["wide"]
    assert frame["said"] == "300 of 1,200 cells drawn"
    groups = ["subset", "condition", "donor", "batch", "state"]
    assert frame["choices"][:5] == [f"g:{name}" for name in groups]
    assert "n:PDCD1" in frame["choices"]
    cohort = made_up.cohort()
    arms = {
        rgb(cohort.color(arm)): frame["arms"].get(rgb(cohort.color(arm)), 0) for arm in cohort.arms
    }
    assert min(arms.values()) > 100
    assert frame["label"].endswith("300 of 1,200 cells drawn; colored by condition")
    assert [text.split(" (")[0] for text in frame["legend"]] == ["control", "SLE"]
    assert frame["gene"] > 50  # shades
    assert frame["scale"].startswith("0") and "log1p CP10k" in frame["scale"]


def test_map_picks_out_zooms_and_follows_a_donor(visit):
    frame = visit["wide"]
    case, control = (rgb(made_up.cohort().color(arm)) for arm in ("SLE", "control"))
    assert control not in frame["picked"] and frame["picked"][case] > 100
    assert frame["picked"]["230,230,230"] > 100
    assert frame["closer"] != frame["picked"]
    assert frame["donor"][0] == "g:donor" and frame["donor"][1].startswith("C03 (")


def test_tables_and_figures_are_saved_from_the_page(visit):
    frame = visit["wide"]
    assert frame["csv"]["name"].endswith(".csv")
    lines = frame["csv"]["text"].splitlines()
    assert len(lines) > 1 and len(set(map(len, csv.reader(lines)))) == 1
    assert frame["table"]["name"].endswith(".tsv")
    assert frame["table"]["text"].split("\n")[0].startswith("panel\tdonor\tcondition")
    assert frame["picture"][1] == "data:image/"


def test_dark_and_light(visit):
    frame = visit["wide"]
    assert frame["light"] == "rgb(255, 255, 255)" and frame["pressed"] == "true"
    assert max(map(int, re.findall(r"\d+", frame["dark"]))) < 40


def test_contents_stay_at_the_side_figure_by_figure(visit):
    position, width, links = visit["wide"]["side"]
    assert position == "sticky" and width < 300 and links >= 8
    assert visit["narrow"]["side"][0] == "static"
    assert visit["wide"]["top"][1] == "#answer"


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
    assert 4 <= pages <= 10  # two more with the maps


def test_print_leaves_out_controls_alone():
    css = TEMPLATE["page.css"]
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", css[css.index("@media print {") + 14 :])
    hiding = [names for names, rule in rules if "display: none" in rule]
    hidden = {name.strip() for names in hiding for name in names.split(",")}
    controls = {"nav", ".filter", ".skip", ".closer", ".files", "#tip", "#top", "#theme"}
    assert hidden == controls | {"details:not([open])", ".panels"}
