"use strict";
// The front: any two metrics on its axes, designs kept elsewhere marked.
const front = { table: report.json("payload"), kept: null };

front.column = (name) => front.table.columns[name];
front.better = { minimize: " (lower is better)", maximize: " (higher is better)" };

front.title = (name) => {
  const column = front.column(name), unit = column.unit ? ` [${column.unit}]` : "";
  return `${column.title}${unit}${front.better[column.direction] || ""}`;
};

front.value = (table, row, name) => {
  if (table === "designs") return front.column(name).values[row];
  const value = front.table[table][row].values[name];
  return value === undefined ? null : value;
};

front.axes = () => ["across", "upward"].map((axis) => document.getElementById("front-" + axis).value);

front.setUp = () => {
  const start = front.table.objectives.length > 1 ? front.table.objectives.slice(0, 2)
    : [front.table.objectives[0], ["package_power_peak", "unit_cost", "ttft"]
      .find((name) => front.column(name) && name !== front.table.objectives[0])];
  ["across", "upward"].forEach((axis, place) => {
    const select = document.getElementById("front-" + axis);
    if (!select) return;
    for (const [kind, title] of [["objective", "objectives"], ["metric", "other figures"]]) {
      const group = document.createElement("optgroup");
      group.label = title;
      for (const [name, column] of Object.entries(front.table.columns)) {
        if (column.kind === kind) group.append(new Option(column.title, name, false, name === start[place]));
      }
      if (group.children.length) select.append(group);
    }
    select.addEventListener("change", front.update);
  });
};

front.update = () => ["front-whole", "front-near"].forEach(front.show);

front.show = (id) => {
  const element = document.getElementById(id), figure = report.drawn.get(id);
  if (!element || !figure) return;
  const [across, upward] = front.axes(), frame = id === "front-near" ? "near" : "whole";
  const x = [], y = [], text = [], traces = [];
  figure.data.forEach((trace, index) => {
    if (!trace.meta || !trace.meta.table) return;
    let rows = trace.meta.rows;
    if (trace.meta.line) {
      rows = [...rows].sort((a, b) => front.column(across).values[a] - front.column(across).values[b]);
    }
    traces.push(index);
    x.push(rows.map((row) => front.value(trace.meta.table, row, across)));
    y.push(rows.map((row) => front.value(trace.meta.table, row, upward)));
    text.push(trace.meta.table === "designs" ? rows.map((row) => "evaluation " + front.table.evaluations[row]) : trace.text);
  });
  const narrow = element.clientWidth < report.narrow;
  const shown = (name) => (narrow ? report.folded(front.title(name)) : front.title(name));
  const change = { shapes: frame === "whole" ? front.box(across, upward) : [] };
  for (const [axis, name] of [["xaxis", across], ["yaxis", upward]]) {
    const layout = front.column(name)[frame];
    change[axis + ".title.text"] = shown(name);
    change[axis + ".type"] = layout.type;
    change[axis + ".range"] = layout.range;
    for (const key of ["tickmode", "tickvals", "ticktext"]) change[`${axis}.${key}`] = layout[key];
  }
  Plotly.update(element, { x, y, text }, change, traces);
  front.label(element, figure);
  front.mark(element, figure, across, upward);
  if (frame === "near") front.tell(across, upward);
};

// The close-up on the other figure; its ends are linear, the axes may be logarithmic.
front.box = (across, upward) => {
  if (!document.getElementById("front-near")) return [];
  const ends = (name) => {
    const near = front.column(name).near, plain = near.type === "log"
      ? near.range.map((end) => 10 ** end) : near.range;
    if (front.column(name).whole.type !== "log") return plain;
    return [Math.max(plain[0], 1e-12), plain[1]];
  };
  const [x0, x1] = ends(across), [y0, y1] = ends(upward);
  return [{ type: "rect", x0, x1, y0, y1, line: { width: 1, dash: "dash", color: report.looks().ink } }];
};

// Each name goes to the side of its mark where it covers least: other marks and names.
front.label = (element, figure) => {
  const full = element._fullLayout, marks = [], names = [], taken = [];
  const place = (index, row) => {
    const drawn = element.data[index];
    return [full.xaxis.c2p(full.xaxis.d2c(drawn.x[row])), full.yaxis.c2p(full.yaxis.d2c(drawn.y[row]))];
  };
  figure.data.forEach((trace, index) => {
    if (!trace.meta || trace.meta.table === "designs") return;
    trace.meta.rows.forEach((_, row) => {
      const [x, y] = place(index, row);
      marks.push([x - 7, y - 7, x + 7, y + 7]);
      if (trace.meta.named && element.data[index].text[row]) names.push({ index, row, x, y });
    });
  });
  const sides = { "middle right": [1, 0], "middle left": [-1, 0], "bottom center": [0, 1], "top center": [0, -1] };
  const cover = (box) => [...marks, ...taken].reduce((sum, other) => {
    const wide = Math.min(box[2], other[2]) - Math.max(box[0], other[0]);
    const high = Math.min(box[3], other[3]) - Math.max(box[1], other[1]);
    return sum + (wide > 0 && high > 0 ? wide * high : 0);
  }, box[2] > full.xaxis._length || box[0] < 0 ? 1e4 : 0);
  const chosen = new Map();
  for (const { index, row, x, y } of names) {
    const width = 7 * element.data[index].text[row].length, boxes = {};
    for (const [side, [right, down]] of Object.entries(sides)) {
      const left = right > 0 ? x + 8 : right < 0 ? x - 8 - width : x - width / 2;
      boxes[side] = [left, y - 7 + down * 15, left + width, y + 7 + down * 15];
    }
    const best = Object.keys(boxes).sort((a, b) => cover(boxes[a]) - cover(boxes[b]))[0];
    taken.push(boxes[best]);
    if (!chosen.has(index)) chosen.set(index, Array.from(element.data[index].x, () => "middle right"));
    chosen.get(index)[row] = best;
  }
  for (const [index, positions] of chosen) Plotly.restyle(element, { textposition: [positions] }, [index]);
};

// Designs kept in the parallel coordinates, as rings.
front.mark = (element, figure, across, upward) => {
  const at = element.data.findIndex((trace) => trace.name === "kept below");
  if (at >= 0) Plotly.deleteTraces(element, at);
  if (!front.kept) return;
  Plotly.addTraces(element, {
    x: front.kept.map((row) => front.column(across).values[row]),
    y: front.kept.map((row) => front.column(upward).values[row]),
    text: front.kept.map((row) => "evaluation " + front.table.evaluations[row]),
    mode: "markers", name: "kept below", type: "scatter",
    marker: { symbol: "circle-open", size: 11, color: report.looks().ink, line: { width: 1.5 } },
  });
};

front.tell = (across, upward) => {
  const place = document.getElementById("front-beyond");
  if (!place || !front.table.best.length) return;
  const lead = front.table.best[0], said = new Set(), outside = [];
  const inside = (name, value) => {
    const near = front.column(name).near, ends = near.type === "log" ? near.range.map((end) => 10 ** end) : near.range;
    return value >= ends[0] && value <= ends[1];
  };
  for (const rival of front.table.rivals) {
    const [x, y] = [across, upward].map((name) => rival.values[name]);
    if (x == null || y == null || said.has(rival.name) || (inside(across, x) && inside(upward, y))) continue;
    said.add(rival.name);
    const ratio = (name, value) => {
      const share = value / lead.values[name];
      return share > 0 && isFinite(share) ? `${Number(share.toPrecision(2))}×` : "–";
    };
    outside.push(`${rival.name} ${ratio(across, x)} and ${ratio(upward, y)}`);
  }
  place.textContent = outside.length
    ? `Outside this frame, in multiples of ${lead.mark} (across and upward): ${outside.join(", ")}.` : "";
};

report.after["front-whole"] = () => front.show("front-whole");
report.after["front-near"] = () => front.show("front-near");
