// Lines of what was, drawn without axes where a glance is enough.

import { svg, mark } from "./dom.js";

/// How far back is remembered: one value a second.
export const BACK = 120;

/// The latest values of something; a value that nobody knows is a gap.
export class Series {
  #values = new Float32Array(BACK).fill(NaN);
  #next = 0;

  push(value) {
    this.#values[this.#next] = value ?? NaN;
    this.#next = (this.#next + 1) % BACK;
  }

  /// The latest so many, the oldest first.
  latest(many = BACK) {
    return Array.from({ length: many }, (_, back) => this.#values[(this.#next - many + back + BACK) % BACK]);
  }
}

/// A line that `draw(values)` draws anew: of the last values, the latest at the right end.
export function line(width, height, label) {
  const path = svg("path", { class: "line" });
  const dot = svg("circle", { class: "dot", r: 1.8 });
  const shape = { class: "chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  const element = svg("svg", { ...shape, role: "img", "aria-label": label }, path, dot);
  return { element, draw: values => draw(path, dot, values, width, height) };
}

function draw(path, dot, values, width, height) {
  const most = Math.max(1e-9, ...values.filter(value => !Number.isNaN(value)));
  const step = (width - 4) / (values.length - 1);
  const y = value => (height - 3 - (value / most) * (height - 6)).toFixed(1);
  let drawn = "";
  let gap = true;
  values.forEach((value, index) => {
    if (Number.isNaN(value)) {
      gap = true;
      return;
    }
    drawn += `${gap ? "M" : "L"}${(2 + index * step).toFixed(1)} ${y(value)}`;
    gap = false;
  });
  mark(path, "d", drawn);
  const last = values.at(-1);
  mark(dot, "visibility", Number.isNaN(last) ? "hidden" : "visible");
  if (!Number.isNaN(last)) {
    mark(dot, "cx", String(width - 2));
    mark(dot, "cy", y(last));
  }
}

/// Bars of a server's probes, the latest at the right end: those that failed are full height, and notched.
export function probes(list) {
  const [width, height, most] = [320, 48, Math.max(1e-3, ...list.map(probe => probe.took_seconds))];
  const wide = Math.min(14, width / Math.max(1, list.length));
  const left = width - wide * list.length;
  const bars = list.map((probe, index) => {
    const tall = probe.ok ? Math.max(3, (probe.took_seconds / most) * (height - 4)) : height;
    const place = { x: left + index * wide + 1, y: height - tall, width: Math.max(1, wide - 2), height: tall };
    return svg("rect", { class: probe.ok ? "good" : "failed", ...place, "stroke-dasharray": probe.ok ? null : "3 2" });
  });
  const failed = list.filter(probe => !probe.ok).length;
  const label = `The latest ${list.length} probes; ${failed} failed`;
  const shape = { class: "probes", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMaxYMid" };
  return svg("svg", { ...shape, role: "img", "aria-label": label }, ...bars);
}
