"use strict";
var tip = document.getElementById("tip");
function tell(element, text) {
  var box = element.getBoundingClientRect();
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.max(4, Math.min(box.right + 6, window.innerWidth - 330)) + "px";
  tip.style.top = Math.min(box.bottom + 6, window.innerHeight - 60) + "px";
}
function hush() { tip.style.display = "none"; }
function told(element, text) {
  element.addEventListener("pointerenter", function () { tell(element, text); });
  element.addEventListener("focus", function () { tell(element, text); });
  element.addEventListener("pointerleave", hush);
  element.addEventListener("blur", hush);
}
document.querySelectorAll("dfn").forEach(function (word) { told(word, word.dataset.tip); });
document.addEventListener("keydown", function (event) { if (event.key === "Escape") hush(); });

function save(name, kind, text) {
  var link = document.createElement("a");
  var made = text.slice(0, 5) !== "data:";
  link.href = made ? URL.createObjectURL(new Blob([text], { type: kind })) : text;
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  window.lastSaved = { name: name, text: text };
  if (made) setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
}
document.querySelectorAll("[data-get]").forEach(function (button) {
  var figure = button.closest("figure"), name = figure.dataset.file;
  button.addEventListener("click", function () {
    if (button.dataset.get === "table") {
      var plain = document.createElement("textarea");  // the text is escaped as HTML
      plain.innerHTML = figure.querySelector("script").textContent;
      return save(name + ".tsv", "text/tab-separated-values", plain.value);
    }
    var source = figure.querySelector("img").src;
    save(name + (source.indexOf("image/svg") > 0 ? ".svg" : ".png"), "", source);
  });
});

// On a narrow screen the panels of a figure stand one below the other, as cut-outs of its picture.
var PHONE = window.matchMedia("(max-width: 40rem)");
var LARGEST = 4.8, SMALLEST = 3.3;  // CSS pixels a millimeter; letters of 6.5 pt are 11 and 7.6 pixels
function element(kind, name, inside) {
  var made = document.createElement(kind);
  made.className = name;
  inside.appendChild(made);
  return made;
}
function cutOut(inside, source, page, box, width) {
  var cut = element("div", "cut", inside), image = element("img", "", cut);
  cut.style.cssText = "width:" + width + ";aspect-ratio:" + box[2] + "/" + box[3];
  image.style.cssText = "width:" + 100 * page / box[2] + "%;margin:" + -100 * box[1] / box[2] + "% 0 0 " + -100 * box[0] / box[2] + "%";
  image.alt = "";
  image.src = source;
}
function stack(figure) {
  var place = figure.querySelector(".panels");
  if (!place || figure.classList.contains("stacked")) return;
  var told = JSON.parse(place.dataset.panels), whole = figure.querySelector(".wide img");
  told.pieces.forEach(function (piece) {
    if (piece.title) {
      var words = piece.title.match(/^(?:([a-z]) )?(.*)$/), title = element("p", "", place);
      element("b", "", title).textContent = words[1] ? words[1] + " " : "";
      title.appendChild(document.createTextNode(words[2]));
    }
    var line = element("div", "line" + (piece.flow ? " flow" : ""), place), row = element("div", "", line);
    var wide = piece.boxes.reduce(function (sum, box) { return sum + box[2]; }, 0);
    if (!piece.flow) row.style.cssText = "max-width:" + LARGEST * wide + "px;min-width:" + SMALLEST * wide + "px";
    piece.boxes.forEach(function (box) {
      cutOut(row, whole.src, told.width, box, piece.flow ? 3.8 * box[2] + "px" : 100 * box[2] / wide + "%");
    });
    if (piece.axis) element("p", "axis", place).textContent = piece.axis;
  });
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", whole.alt);
  figure.classList.add("stacked");
}
function stackAll() { if (PHONE.matches) document.querySelectorAll("figure").forEach(stack); }
PHONE.addEventListener("change", stackAll);
stackAll();

var theme = document.getElementById("theme");
function paint(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  theme.textContent = dark ? "Light" : "Dark";
  theme.setAttribute("aria-pressed", String(dark));
}
var kept = null;
try { kept = localStorage.getItem("tilt-theme"); } catch (refused) { kept = null; }
paint(kept ? kept === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches);
theme.addEventListener("click", function () {
  var dark = document.documentElement.dataset.theme !== "dark";
  paint(dark);
  try { localStorage.setItem("tilt-theme", dark ? "dark" : "light"); } catch (refused) { kept = null; }
});

var contents = document.querySelector(".side details");
if (window.innerWidth < 1120) contents.open = false;
var links = {};
contents.querySelectorAll("a").forEach(function (link) { links[link.hash.slice(1)] = link; });
var up = document.getElementById("top");
function follow() {
  up.classList.toggle("shown", window.scrollY > 600);
  var now = null;
  document.querySelectorAll("section[id], figure[id]").forEach(function (part) {
    if (links[part.id] && part.getBoundingClientRect().top < 120) now = links[part.id];
  });
  contents.querySelectorAll("[aria-current]").forEach(function (link) { link.removeAttribute("aria-current"); });
  if (now) now.setAttribute("aria-current", "true");
}
window.addEventListener("scroll", follow, { passive: true });
follow();

document.querySelectorAll(".table").forEach(function (box) {
  var body = box.querySelector("tbody"), heads = box.querySelectorAll("th");
  box.querySelector("input").addEventListener("input", function () {
    var words = this.value.toLowerCase().split(/\s+/);
    Array.prototype.forEach.call(body.rows, function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
    });
  });
  var csv = document.createElement("button");
  csv.type = "button";
  csv.className = "csv";
  csv.textContent = "CSV";
  csv.setAttribute("aria-label", "Save as CSV: " + box.querySelector("caption").textContent);
  box.querySelector(".filter").before(csv);
  csv.addEventListener("click", function () {
    function cell(text) { return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text; }
    var lines = [Array.prototype.map.call(heads, function (h) { return cell(h.textContent); }).join(",")];
    Array.prototype.forEach.call(body.rows, function (row) {
      if (row.hidden) return;
      lines.push(Array.prototype.map.call(row.cells, function (c) {
        return c.dataset.v === undefined ? cell(c.textContent === "–" ? "" : c.textContent) : c.dataset.v;
      }).join(","));
    });
    var named = box.closest("[data-file]");
    save((named ? named.dataset.file : "table") + ".csv", "text/csv", lines.join("\n") + "\n");
  });
  heads.forEach(function (head, column) {
    head.querySelector("button").addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending", sign = down ? -1 : 1;
      var numeric = head.classList.contains("n");
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var rows = Array.prototype.slice.call(body.rows);
      rows.sort(function (a, b) {
        var x = a.cells[column], y = b.cells[column];
        if (!numeric) return sign * x.textContent.localeCompare(y.textContent, "en", { numeric: true });
        var u = x.dataset.v, v = y.dataset.v;
        if (u === undefined || v === undefined) return (u === undefined) - (v === undefined);
        return sign * (u - v);
      });
      rows.forEach(function (row) { body.appendChild(row); });
    });
  });
});

// Zoom and move a square view [left, top, size] of a picture of size `whole`; `show` draws it.
function zoomable(box, picture, whole, show) {
  var view = [0, 0, whole], from = null;
  function zoom(factor, at) {
    var size = factor ? Math.min(whole, Math.max(whole / 40, view[2] * factor)) : whole;
    at = at || [0.5, 0.5];
    view = factor ? [view[0] + (view[2] - size) * at[0], view[1] + (view[2] - size) * at[1], size] : [0, 0, whole];
    show(view);
  }
  box.querySelectorAll("[data-zoom]").forEach(function (button) {
    button.addEventListener("click", function () { zoom(Number(button.dataset.zoom)); });
  });
  picture.addEventListener("wheel", function (event) {
    event.preventDefault();
    var place = picture.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height]);
  }, { passive: false });
  picture.addEventListener("pointerdown", function (event) { from = [event.clientX, event.clientY]; });
  window.addEventListener("pointerup", function () { from = null; });
  picture.addEventListener("pointermove", function (event) {
    if (!from) return;
    var scale = view[2] / picture.clientWidth;
    view[0] -= (event.clientX - from[0]) * scale;
    view[1] -= (event.clientY - from[1]) * scale;
    from = [event.clientX, event.clientY];
    show(view);
  });
  show(view);
}
document.querySelectorAll(".zoom svg").forEach(function (svg) {
  zoomable(svg.parentNode, svg, svg.viewBox.baseVal.width, function (view) {
    svg.setAttribute("viewBox", view[0] + " " + view[1] + " " + view[2] + " " + view[2]);
  });
  svg.querySelectorAll("circle").forEach(function (dot) {
    told(dot, dot.querySelector("title").textContent);
    dot.addEventListener("click", function () { light(dot); });
    dot.addEventListener("keydown", function (event) { if (event.key === "Enter") light(dot); });
  });
});
// Show the cells of a donor of the scatter on the map beside it.
function light(dot) {
  var map = dot.closest(".pair").querySelector(".map");
  if (map && map.pickDonor) map.pickDonor(dot.dataset.donor);
}

function bytes(text, wide) {
  var raw = atob(text), made = new Uint8Array(raw.length);
  for (var n = 0; n < raw.length; n++) made[n] = raw.charCodeAt(n);
  return wide ? new Uint16Array(made.buffer) : made;
}
var TITLES = { subset: "subset", condition: "condition", donor: "donor", batch: "batch", state: "state" };
document.querySelectorAll(".map").forEach(function (map) {
  var data = JSON.parse(map.querySelector("script").textContent);
  var canvas = map.querySelector("canvas"), choice = map.querySelector("select"), legend = map.querySelector(".legend");
  var x = bytes(data.x, true), y = bytes(data.y, true), WHOLE = 66000, view = [0, 0, WHOLE];
  var shown = null, picked = -1, order = new Uint32Array(data.n), seed = 7;
  for (var n = 0; n < data.n; n++) order[n] = n;
  for (n = data.n - 1; n > 0; n--) {
    seed = (seed * 16807) % 2147483647;
    var other = seed % (n + 1), kept = order[n];
    order[n] = order[other];
    order[other] = kept;
  }
  map.querySelector(".said").textContent = data.said;
  function option(parent, value, text) {
    var made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    parent.appendChild(made);
  }
  Object.keys(data.groups).forEach(function (name) { option(choice, "g:" + name, TITLES[name] || name); });
  var many = document.createElement("optgroup");
  many.label = "gene or score";
  Object.keys(data.numbers).forEach(function (name) { option(many, "n:" + name, name); });
  choice.appendChild(many);
  function shade(value) {
    var t = value / 255, ends = t < 0.5 ? [[223, 227, 232], [107, 174, 214]] : [[107, 174, 214], [8, 48, 107]];
    var part = t < 0.5 ? 2 * t : 2 * t - 1;
    return "rgb(" + ends[0].map(function (a, i) { return Math.round(a + (ends[1][i] - a) * part); }).join(",") + ")";
  }
  function draw() {
    var ratio = window.devicePixelRatio || 1, size = Math.max(200, Math.round(canvas.clientWidth * ratio));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    var pen = canvas.getContext("2d"), scale = size / view[2], edge = 500;
    var dot = Math.max(1.4, 1.6 * Math.sqrt(WHOLE / view[2])) * ratio * Math.max(1, Math.sqrt(2000 / data.n));
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, size, size);
    function put(cell) {
      var left = (x[cell] + edge - view[0]) * scale, top = (WHOLE - edge - y[cell] - view[1]) * scale;
      if (left > -9 && top > -9 && left < size + 9 && top < size + 9) pen.fillRect(left - dot / 2, top - dot / 2, dot, dot);
    }
    var numbers = shown.numbers, codes = shown.codes, n, cell;
    if (numbers) {
      var rank = Array.prototype.slice.call(order).sort(function (a, b) { return codes[a] - codes[b]; });
      rank.forEach(function (one) { pen.fillStyle = shade(codes[one]); put(one); });
    } else {
      for (n = 0; n < data.n; n++) {
        cell = order[n];
        if (picked >= 0 && codes[cell] !== picked) { pen.fillStyle = "#e6e6e6"; put(cell); }
        if (picked < 0) { pen.fillStyle = shown.colors[codes[cell]]; put(cell); }
      }
      for (n = 0; picked >= 0 && n < data.n; n++) if (codes[order[n]] === picked) { pen.fillStyle = shown.colors[picked]; put(order[n]); }
    }
    canvas.setAttribute("aria-label", data.label + "; colored by " + shown.title);
  }
  function pick(place) {
    picked = place;
    legend.querySelectorAll("button").forEach(function (button, n) { button.setAttribute("aria-pressed", String(n === picked)); });
    draw();
  }
  function choose() {
    var kind = choice.value[0], name = choice.value.slice(2);
    picked = -1;
    legend.textContent = "";
    if (kind === "n") {
      var number = data.numbers[name];
      shown = { numbers: true, title: name, codes: bytes(number.codes) };
      var line = document.createElement("li"), scale = document.createElement("span");
      scale.className = "scale";
      line.append(String(number.low), scale, number.high + (name.indexOf(" ") < 0 ? " (log1p CP10k)" : ""));
      legend.appendChild(line);
    } else {
      var group = data.groups[name];
      shown = { title: TITLES[name] || name, codes: bytes(group.codes), colors: group.colors };
      group.names.forEach(function (text, place) {
        var line = document.createElement("li"), button = document.createElement("button"), spot = document.createElement("i");
        button.type = "button";
        button.setAttribute("aria-pressed", "false");
        spot.style.background = group.colors[place];
        button.append(spot, (text || "none") + " (" + group.sizes[place].toLocaleString("en") + ")");
        button.addEventListener("click", function () { pick(picked === place ? -1 : place); });
        line.appendChild(button);
        legend.appendChild(line);
      });
    }
    draw();
  }
  map.pickDonor = function (donor) {
    var place = data.groups.donor ? data.groups.donor.keys.indexOf(donor) : -1;
    if (place < 0) return;
    choice.value = "g:donor";
    choose();
    pick(place);
  };
  choice.addEventListener("change", choose);
  window.addEventListener("resize", draw);
  choose();
  zoomable(map, canvas, WHOLE, function (now) { view = now; draw(); });
});
