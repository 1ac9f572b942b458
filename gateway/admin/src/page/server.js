// What a server does, what it has been through, and what may be done to it.

import { at, el, say } from "./dom.js";
import { look } from "./api.js";
import { line, probes } from "./chart.js";
import { badge, named } from "./badge.js";
import { steer, weigh } from "./steer.js";
import { STATES, count, rate, span, took } from "./words.js";

/// How often a server's history is asked for.
const EACH = 2000;
/// The probes and changes that are told in words.
const [PROBES, CHANGES] = [5, 10];
const WEIGHT_MAX = 256;

/// Shows a server, and gives how it is drawn again and left.
export function showServer(head, model, server, changed) {
  const state = badge();
  const says = el("span", { class: "dim" });
  const facts = ["Connections", "Served/s", "Response", "Weight", "Failures"].map(name => [name, el("dd")]);
  const open = line(320, 60, "Connections of the last two minutes");
  const latency = line(320, 60, "Response time of the last two minutes");
  const draw = () => {
    const { active, max_connections: most } = server;
    const texts = [
      count(active) + (most ? ` of ${count(most)}` : ""),
      rate(server.rate),
      took(server.response_seconds),
      String(server.weight),
      count(server.failures),
    ];
    state.draw(server.state);
    say(says, STATES[server.state]?.says ?? "");
    facts.forEach(([, value], index) => say(value, texts[index]));
    open.draw(server.open.latest());
    latency.draw(server.latency.latest());
  };
  const done = () => {
    draw();
    changed(server);
  };
  const past = el("div", { class: "past" });
  at("detail").replaceChildren(
    head(server.name, `pool ${server.pool}, ${server.address}`),
    el("p", {}, state.element, " ", says),
    model.may("operate") ? buttons(server, done) : "",
    el("dl", { class: "facts" }, ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), value))),
    el("div", { class: "charts" }, figure(open, "Connections"), figure(latency, "Response time")),
    past,
    ...notes(server.notes ?? {}),
  );
  draw();
  return { draw, leave: watch(server, past) };
}

function figure(chart, name) {
  return el("figure", {}, chart.element, el("figcaption", { class: "dim" }, `${name}, two minutes`));
}

/// Buttons for what may become of a server.
function buttons(server, done) {
  const button = (word, state) =>
    el("button", { type: "button", "data-to": state, onclick: () => steer(server, state, done) }, word);
  const limits = { min: 0, max: WEIGHT_MAX, step: 1, required: true };
  const weight = el("input", { id: "weight", type: "number", ...limits, value: server.weight });
  const set = event => {
    event.preventDefault();
    weigh(server, weight.valueAsNumber, done);
  };
  return el(
    "div",
    { class: "buttons", id: "steer" },
    button("Ready", "ready"),
    button("Drain", "drain"),
    button("Maintenance", "maintenance"),
    el("form", { onsubmit: set }, el("label", { for: "weight" }, "Weight"), weight, el("button", {}, "Set")),
  );
}

/// Asks for a server's history until it is left.
function watch(server, place) {
  const stop = new AbortController();
  const ask = async () => {
    const path = `/v1/servers/${server.pool}/${server.name}/history`;
    const history = await look(path, stop.signal).catch(() => null);
    if (history && !stop.signal.aborted) place.replaceChildren(...told(history));
  };
  ask();
  const each = setInterval(ask, EACH);
  return () => {
    clearInterval(each);
    stop.abort();
  };
}

function told({ probes: all, changes }) {
  const list = (rows, none) => el("ol", { class: "plain" }, ...(rows.length > 0 ? rows : [el("li", { class: "dim" }, none)]));
  const when = text => el("span", { class: "dim when" }, text);
  const probe = ({ ok, error, took_seconds: time, seconds_ago: ago }) =>
    el("li", { class: ok ? "" : "bad" }, ok ? "✓ ok" : `✕ ${error ?? "failed"}`, when(`${took(time)}, ${span(ago)} ago`));
  const change = ({ from, to, why, seconds_ago: ago }) =>
    el("li", {}, `${from} → `, named("b", to), ` – ${why}`, when(`${span(ago)} ago`));
  return [
    el("h3", {}, "Probes"),
    all.length > 0 ? probes(all) : "",
    list(all.slice(-PROBES).reverse().map(probe), "It has not been probed."),
    el("h3", {}, "Changes of its health"),
    list(changes.slice(-CHANGES).reverse().map(change), "None since the gateway has started."),
  ];
}

function notes(all) {
  const lines = Object.entries(all).flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  return lines.length > 0 ? [el("h3", {}, "What probes found out"), el("dl", { class: "notes" }, ...lines)] : [];
}
