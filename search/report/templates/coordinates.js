"use strict";
// Parallel coordinates of the designs: brushes on the axes, the designs kept in a table.
const coordinates = { chosen: [], brushes: new Map(), step: 37, wide: 1.75, height: 330, head: 92, foot: 22, rows: [] };

coordinates.make = (name, attributes, parent, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};

coordinates.label = (column) => column.title + (column.unit ? ` [${column.unit}]` : "");
coordinates.short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
coordinates.number = (value) => {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en");
  return size >= 1e-3 ? value.toPrecision(3) : value.toExponential(2);
};
coordinates.shown = (column, value) => (column.labels && value !== null ? column.labels[Math.round(value)].replace(/_/g, " ") : coordinates.number(value));

// Ends of an axis over the designs drawn; a choice keeps room for each of its names.
coordinates.ends = (name) => {
  const column = front.column(name);
  if (column.labels) return [-0.3, column.labels.length - 0.7];
  const values = coordinates.rows.map((row) => column.values[row]).filter((value) => value !== null);
  const low = Math.min(...values), high = Math.max(...values);
  return high > low ? [low, high] : [low - 1, high + 1];
};

coordinates.y = (axis, value) => {
  const share = (value - axis.low) / (axis.high - axis.low);
  return coordinates.head + (1 - share) * coordinates.height;
};

coordinates.setUp = () => {
  const area = document.getElementById("coordinates-area"), table = front.table;
  if (!area) return;
  const feasible = table.group.some((group) => group > 0);
  coordinates.rows = table.group.map((group, row) => row).filter((row) => !feasible || table.group[row] > 0);
  const varies = (name) => new Set(coordinates.rows.map((row) => front.column(name).values[row])).size > 1;
  const names = Object.keys(table.columns);
  const variables = names.filter((name) => front.column(name).kind === "variable" && varies(name));
  const goals = table.objectives.filter(varies);
  if (coordinates.rows.length < 2 || !variables.length) { area.remove(); return; }
  coordinates.chosen = [...variables, ...goals];
  coordinates.available = [...variables, ...goals,
    ...names.filter((name) => front.column(name).kind === "metric" && varies(name))];
  coordinates.controls();
  coordinates.draw();
};

coordinates.controls = () => {
  const by = (id) => document.getElementById(id);
  const colour = by("coordinates-colour"), axis = by("range-axis"), boxes = by("coordinates-axes");
  const lead = front.table.objectives[0];
  for (const name of coordinates.available) {
    const title = front.column(name).title;
    if (!front.column(name).labels) colour.append(new Option(title, name, false, name === lead));
    axis.append(new Option(title, name));
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox"; box.checked = coordinates.chosen.includes(name);
    box.addEventListener("change", () => {
      coordinates.chosen = coordinates.available.filter((other) => (other === name ? box.checked : coordinates.chosen.includes(other)));
      if (!box.checked) coordinates.brushes.delete(name);
      coordinates.draw();
    });
    label.append(box, " " + title); boxes.append(label);
  }
  colour.addEventListener("change", coordinates.draw);
  by("coordinates-clear").addEventListener("click", () => { coordinates.brushes.clear(); coordinates.draw(); });
  by("coordinates-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = axis.value, [low, high] = coordinates.ends(name);
    const given = (id, other) => (by(id).value === "" ? other : Number(by(id).value));
    const box = [given("range-low", low), given("range-high", high)].sort((a, b) => a - b);
    if (!coordinates.chosen.includes(name)) coordinates.chosen.push(name);
    coordinates.brushes.set(name, box);
    coordinates.draw();
  });
};

coordinates.ramp = (share) => {
  const stops = [[0, 32, 76], [65, 77, 107], [124, 123, 120], [188, 175, 111], [255, 233, 69]];
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1), low = Math.floor(at);
  const mix = stops[low].map((value, place) => Math.round(value + (at - low) * (stops[low + 1][place] - value)));
  return `rgb(${mix.join(",")})`;
};

coordinates.draw = () => {
  const place = document.getElementById("coordinates");
  place.textContent = "";
  const count = coordinates.chosen.length, room = place.parentElement.clientWidth || 1000;
  // Names of choices stand on the right of their axis: it takes more room.
  const shares = coordinates.chosen.map((name) => (front.column(name).labels ? coordinates.wide : 1));
  const total = shares.slice(0, -1).reduce((sum, share) => sum + share, 0);
  const step = Math.max(coordinates.step, (room - 150) / Math.max(1, total));
  const width = Math.round(150 + step * total), height = coordinates.head + coordinates.height + coordinates.foot;
  const svg = coordinates.make("svg", { class: "coordinates", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Parallel coordinates of ${coordinates.rows.length} designs over ${count} axes; ranges can be set by numbers below` }, place);
  let x = 30;
  coordinates.axes = coordinates.chosen.map((name, index) => {
    const [low, high] = coordinates.ends(name), axis = { name, low, high, x, column: front.column(name) };
    x += step * shares[index];
    return axis;
  });
  const lines = coordinates.make("g", { fill: "none" }, svg);
  const colour = document.getElementById("coordinates-colour").value, column = front.column(colour);
  const values = coordinates.rows.map((row) => column.values[row]).filter((value) => value !== null).sort((a, b) => a - b);
  const low = values[0], high = values[Math.floor(0.95 * (values.length - 1))] || low;
  document.getElementById("ramp-low").textContent = coordinates.number(low);
  document.getElementById("ramp-high").textContent = `${coordinates.number(high)} ${column.unit}`;
  const marks = new Map(front.table.best.map((best) => [best.evaluation, best.mark]));
  coordinates.lines = coordinates.rows.map((row) => {
    const path = coordinates.axes.map((axis) => {
      const value = axis.column.values[row];
      return value === null ? null : `${axis.x.toFixed(1)},${coordinates.y(axis, value).toFixed(1)}`;
    }).filter(Boolean).join("L");
    const mark = marks.get(front.table.evaluations[row]);
    const line = coordinates.make("path", { d: "M" + path }, lines);
    const share = high > low ? (column.values[row] - low) / (high - low) : 0;
    return { row, line, mark, colour: mark ? "#D55E00" : coordinates.ramp(share) };
  });
  for (const entry of coordinates.lines) if (entry.mark) lines.append(entry.line);
  coordinates.axes.forEach((axis) => coordinates.axis(svg, axis));
  coordinates.names(svg);
  coordinates.select();
};

coordinates.axis = (svg, axis) => {
  const top = coordinates.head, bottom = top + coordinates.height;
  coordinates.make("line", { x1: axis.x, x2: axis.x, y1: top, y2: bottom, stroke: "currentColor" }, svg);
  const title = coordinates.make("text", { x: axis.x, y: top - 12, transform: `rotate(-32 ${axis.x} ${top - 12})` }, svg, coordinates.short(coordinates.label(axis.column), 20));
  coordinates.make("title", {}, title, coordinates.label(axis.column));
  const ticks = axis.column.labels ? axis.column.labels.map((label, index) => [index, label.replace(/_/g, " ")])
    : [[axis.low, coordinates.number(axis.low)], [axis.high, coordinates.number(axis.high)]];
  for (const [value, text] of ticks) {
    const end = axis.column.labels ? 3 : value === axis.low ? 14 : -4;
    const anchor = axis.column.labels ? "start" : "middle";
    const label = coordinates.make("text", { x: axis.x + (axis.column.labels ? 4 : 0), y: coordinates.y(axis, value) + end,
      "text-anchor": anchor, style: "paint-order:stroke;stroke:var(--paper);stroke-width:3px" }, svg, coordinates.short(text, axis.column.labels ? 13 : 8));
    coordinates.make("title", {}, label, text);
  }
  axis.box = coordinates.make("rect", { x: axis.x - 9, width: 18, fill: "#D55E00", "fill-opacity": 0.3, stroke: "#D55E00", visibility: "hidden" }, svg);
  const hit = coordinates.make("rect", { class: "axis-hit", x: axis.x - 16, y: top - 8, width: 32, height: coordinates.height + 16,
    fill: "transparent", style: "cursor:ns-resize;touch-action:none", "data-axis": axis.name }, svg);
  coordinates.brushing(svg, hit, axis);
};

coordinates.brushing = (svg, hit, axis) => {
  let from = null;
  const value = (event) => {
    const y = event.clientY - svg.getBoundingClientRect().top;
    const share = 1 - (y - coordinates.head) / coordinates.height;
    return axis.low + Math.min(1, Math.max(0, share)) * (axis.high - axis.low);
  };
  hit.addEventListener("pointerdown", (event) => { from = value(event); hit.setPointerCapture(event.pointerId); });
  hit.addEventListener("pointermove", (event) => {
    if (from === null) return;
    coordinates.brushes.set(axis.name, [from, value(event)].sort((a, b) => a - b));
    coordinates.select(false);
  });
  hit.addEventListener("pointerup", (event) => {
    const to = value(event), small = Math.abs(to - from) < 0.015 * (axis.high - axis.low);
    if (small) coordinates.brushes.delete(axis.name);
    from = null;
    coordinates.select();
  });
  hit.addEventListener("pointercancel", () => { from = null; });
};

coordinates.names = (svg) => {
  const last = coordinates.axes[coordinates.axes.length - 1], taken = [];
  for (const entry of coordinates.lines) {
    const value = last.column.values[entry.row];
    if (!entry.mark || value === null) continue;
    let y = coordinates.y(last, value) + 4;
    while (taken.some((other) => Math.abs(other - y) < 13)) y += 13;
    taken.push(y);
    coordinates.make("text", { x: last.x + 8, y, style: "font-weight:700" }, svg, entry.mark);
  }
};

coordinates.select = (settled = true) => {
  for (const axis of coordinates.axes) {
    const brush = coordinates.brushes.get(axis.name);
    axis.box.setAttribute("visibility", brush ? "visible" : "hidden");
    if (!brush) continue;
    const ends = brush.map((value) => Math.min(axis.high, Math.max(axis.low, value)));
    axis.box.setAttribute("y", coordinates.y(axis, ends[1]));
    axis.box.setAttribute("height", Math.max(2, coordinates.y(axis, ends[0]) - coordinates.y(axis, ends[1])));
  }
  const brushes = [...coordinates.brushes], kept = [];
  for (const { row, line, colour, mark } of coordinates.lines) {
    const inside = brushes.every(([name, [low, high]]) => {
      const value = front.column(name).values[row];
      return value !== null && value >= low && value <= high;
    });
    if (inside) kept.push(row);
    line.setAttribute("stroke", inside ? colour : "#9a9a9a");
    line.setAttribute("stroke-opacity", inside ? (mark ? 1 : brushes.length ? 0.75 : 0.4) : 0.07);
    line.setAttribute("stroke-width", inside && mark ? 2.5 : 1);
  }
  document.getElementById("coordinates-count").textContent = brushes.length
    ? `${kept.length} of ${coordinates.rows.length} designs kept` : `${coordinates.rows.length} designs, all kept`;
  coordinates.chips();
  coordinates.table(kept);
  if (!settled) return;
  front.kept = brushes.length ? kept : null;
  front.update();
};

coordinates.chips = () => {
  const place = document.getElementById("coordinates-chips");
  place.textContent = "";
  for (const [name, [low, high]] of coordinates.brushes) {
    const column = front.column(name), button = document.createElement("button");
    const names = column.labels ? column.labels.filter((label, index) => index >= low && index <= high).map((label) => label.replace(/_/g, " ")).join(", ") || "none" : null;
    button.type = "button";
    button.textContent = `${column.title}: ${names || coordinates.number(low) + " to " + coordinates.number(high)} ✕`;
    button.setAttribute("aria-label", `Let go of ${column.title}`);
    button.addEventListener("click", () => { coordinates.brushes.delete(name); coordinates.select(); });
    place.append(button);
  }
};

coordinates.table = (kept) => {
  const [lead] = front.table.objectives, sign = front.column(lead).direction === "maximize" ? -1 : 1;
  const names = [...front.table.objectives, ...coordinates.chosen.filter((name) => !front.table.objectives.includes(name))];
  const marks = new Map(front.table.best.map((best) => [best.evaluation, best.mark]));
  const rows = [...kept].sort((a, b) => sign * (front.column(lead).values[a] - front.column(lead).values[b])).slice(0, 12);
  const table = document.getElementById("kept"), head = document.createElement("tr");
  const cell = (tag, text, scope) => { const node = document.createElement(tag); node.textContent = text; if (scope) node.scope = scope; return node; };
  head.append(cell("th", "evaluation", "col"), ...names.map((name) => cell("th", coordinates.label(front.column(name)), "col")));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr"), number = front.table.evaluations[row];
    line.append(cell("th", marks.has(number) ? `${number} (${marks.get(number)})` : number, "row"),
      ...names.map((name) => cell("td", coordinates.shown(front.column(name), front.column(name).values[row]))));
    return line;
  }));
};

front.setUp();
report.start();
coordinates.setUp();
addEventListener("resize", () => { if (coordinates.axes) coordinates.draw(); });
