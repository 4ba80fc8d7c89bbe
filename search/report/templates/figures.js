"use strict";
// Draws a figure when it comes near the window, in the colours of the page; all of them for print.
const report = { drawn: new Map(), after: {}, narrow: 560 };

report.json = (id) => JSON.parse(document.getElementById(id).textContent);
report.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

report.looks = () => {
  const ink = report.colour("--ink"), grid = report.colour("--grid");
  return { ink, grid, clear: "rgba(0,0,0,0)" };
};

report.dress = (figure, width) => {
  const { ink, grid, clear } = report.looks();
  const layout = figure.layout, base = layout.template.layout;
  Object.assign(base, { paper_bgcolor: clear, plot_bgcolor: clear });
  base.font = { ...base.font, color: ink, size: width < report.narrow ? 11 : 13 };
  for (const axis of ["xaxis", "yaxis"]) base[axis] = { ...base[axis], gridcolor: grid };
  for (const trace of figure.data) {
    if (trace.meta && trace.meta.ink) trace.marker = { ...trace.marker, color: ink };
  }
  if (width < report.narrow) {
    layout.margin = { ...layout.margin, l: Math.min(44, layout.margin.l), r: 8 };
    report.wrap(layout);
    report.squeeze(figure);
  }
  return figure;
};

// Room for the totals at the ends of bars, shorter titles of panels.
report.squeeze = (figure) => {
  const layout = figure.layout;
  for (const note of layout.annotations || []) {
    note.text = note.text.replace(/ \((lower|higher) is better\)/, "");
  }
  const bars = figure.data.some((trace) => trace.type === "bar");
  for (const trace of figure.data) {
    if (trace.type === "bar" && Array.isArray(trace.y)) trace.y = trace.y.map((name) => report.folded(name, 19));
  }
  for (const note of layout.annotations || []) {
    if (bars && typeof note.y === "string") note.y = report.folded(note.y, 19);
  }
  if (bars && layout.xaxis.range) layout.xaxis.range = [0, 1.14 * layout.xaxis.range[1]];
};

// Long titles of axes would run off a narrow screen.
report.wrap = (layout) => {
  for (const key of Object.keys(layout)) {
    if (!/^[xy]axis\d*$/.test(key) || !layout[key].title || !layout[key].title.text) continue;
    layout[key].title.text = report.folded(layout[key].title.text, 28);
  }
};

report.folded = (text, width = 34) => {
  const lines = [""];
  for (const word of text.split(" ")) {
    if ((lines[lines.length - 1] + word).length > width) lines.push("");
    lines[lines.length - 1] += word + " ";
  }
  return lines.map((line) => line.trim()).join("<br>");
};

// A legend of buttons in front of the figure: it wraps, and a key press works too.
report.legend = (element, figure) => {
  const layout = figure.layout, wanted = layout.showlegend !== false;
  layout.showlegend = false;
  // The room that a figure keeps for its own legend; titles of panels stay.
  const titled = (layout.annotations || []).some((note) => note.yref !== "y" && note.text && note.showarrow === false);
  const top = titled ? 30 : 10;
  layout.height -= layout.margin.t - top;
  layout.margin.t = top;
  if (!wanted) return;
  const names = new Map();
  figure.data.forEach((trace, index) => {
    if (trace.name && trace.showlegend !== false) names.set(trace.name, trace);
  });
  if (names.size < 2) return;
  const signs = { star: "★", square: "■", "square-open": "□", diamond: "◆", "circle-open": "○" };
  const place = document.createElement("div");
  place.className = "legend keys";
  for (const [name, trace] of names) {
    const button = document.createElement("button"), sign = document.createElement("i");
    const marker = trace.marker || {}, line = trace.line || {};
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    if (trace.type === "bar") {
      sign.className = "swatch" + ((marker.pattern || {}).shape ? " striped" : "");
      sign.style.backgroundColor = marker.color;
    } else {
      sign.textContent = trace.mode === "lines" ? (line.dash === "dash" ? "╌╌" : "──") : signs[marker.symbol] || "●";
      if (!(trace.meta && trace.meta.ink)) sign.style.color = trace.mode === "lines" ? line.color : marker.color;
    }
    button.append(sign, " " + name);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      const rows = element.data.map((one, index) => (one.name === name ? index : -1)).filter((index) => index >= 0);
      Plotly.restyle(element, { visible: shown }, rows);
    });
    place.append(button);
  }
  element.before(place);
};

report.draw = (element) => {
  if (report.drawn.has(element.id) || !element.clientWidth) return;
  const figure = report.dress(report.json(element.id + "-json"), element.clientWidth);
  report.drawn.set(element.id, figure);
  const config = { displaylogo: false, responsive: true, showTips: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  report.legend(element, figure);
  element.style.minHeight = figure.layout.height + "px";
  Plotly.newPlot(element, figure.data, figure.layout, config);
  if (report.after[element.id]) report.after[element.id](element, figure);
};

report.redress = () => {
  const { ink, grid } = report.looks();
  for (const [id, figure] of report.drawn) {
    const element = document.getElementById(id), change = { "font.color": ink };
    for (const key of Object.keys(element.layout)) {
      if (/^[xy]axis\d*$/.test(key)) change[key + ".gridcolor"] = grid;
    }
    const inked = figure.data.map((trace, index) => (trace.meta && trace.meta.ink ? index : -1))
      .filter((index) => index >= 0);
    Plotly.update(element, {}, change);
    if (inked.length) Plotly.restyle(element, { "marker.color": ink }, inked);
  }
};

report.start = () => {
  const plots = [...document.querySelectorAll(".plot")];
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) report.draw(entry.target);
  }, { rootMargin: "500px" });
  plots.forEach((plot) => observer.observe(plot));
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 200));
  const next = () => {
    const waiting = plots.find((plot) => !report.drawn.has(plot.id) && plot.clientWidth);
    if (waiting) { report.draw(waiting); idle(next); } else document.body.dataset.ready = "yes";
  };
  idle(next);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", report.redress);
  report.printing(plots);
  for (const hidden of document.querySelectorAll(".interactive[hidden]")) hidden.hidden = false;
  report.toggle(document.getElementById("convergence-toggle"));
  // A link into a closed part opens it.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details:not([open])");
    if (closed) { closed.open = true; target.scrollIntoView(); }
  });
};

// On paper everything is open, light and as wide as the sheet.
report.printing = (plots) => {
  const sheet = 690;
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.numbers):not(.spare)")];
    opened.forEach((part) => { part.open = true; });
    document.querySelectorAll("figure[hidden]").forEach((figure) => {
      figure.hidden = false; figure.dataset.hide = "yes";
    });
    plots.forEach(report.draw);
    report.redress();
    for (const id of report.drawn.keys()) {
      const element = document.getElementById(id);
      const width = element.closest(".pair") ? sheet / 2 - 8 : sheet;
      Plotly.relayout(element, { width, autosize: false });
    }
  });
  addEventListener("afterprint", () => {
    opened.forEach((part) => { part.open = false; });
    document.querySelectorAll("figure[data-hide]").forEach((figure) => { figure.hidden = true; });
    for (const id of report.drawn.keys()) {
      const element = document.getElementById(id);
      Plotly.relayout(element, { width: null, autosize: true });
    }
    report.redress();
  });
};

// Buttons that show one of several figures.
report.toggle = (group) => {
  if (!group) return;
  const buttons = [...group.querySelectorAll("button")];
  const show = (chosen) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
    for (const figure of document.querySelectorAll("figure[data-against]")) {
      figure.hidden = figure.dataset.against !== chosen.dataset.against;
      const plot = figure.querySelector(".plot");
      if (!figure.hidden && report.drawn.has(plot.id)) Plotly.Plots.resize(plot);
      else if (!figure.hidden) report.draw(plot);
    }
  };
  buttons.forEach((button) => button.addEventListener("click", () => show(button)));
  show(buttons[0]);
};
