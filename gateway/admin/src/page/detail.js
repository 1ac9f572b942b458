// What a server has been through, and why a VIP's clients go where they do. The address names it: links lead there, and
// the way back closes it.

import { at, el, say } from "./dom.js";
import { follow, look } from "./api.js";
import { line, probes } from "./chart.js";
import { badge } from "./table.js";
import { steer, weigh } from "./steer.js";
import { STATES, clock, count, rate, span, took } from "./words.js";

/// How often a server's history is asked for.
const EACH = 2000;
/// Choices that are shown.
const KEPT = 60;
const WEIGHT_MAX = 256;

let leave = null;
let redraw = () => {};

/// Draws what changes every second.
export const drawDetail = () => redraw();

/// Shows what the address names, or nothing.
export function showDetail(model, changed) {
  const [kind, first, second] = location.hash.slice(1).split("/");
  const server = kind === "server" ? model.server(first, second) : null;
  const vip = kind === "vip" ? model.vips.get(first) : null;
  leave?.();
  leave = null;
  redraw = () => {};
  const dialog = at("detail");
  if (!server && !vip) return void (dialog.open && dialog.close());
  leave = server ? showServer(dialog, model, server, changed) : showVip(dialog, vip);
  if (!dialog.open) dialog.showModal();
}

/// Closing leaves the address.
export function prepareDetail() {
  at("detail").addEventListener("close", () => {
    if (/^#(server|vip)\//.test(location.hash)) history.pushState(null, "", location.pathname);
    leave?.();
    leave = null;
    redraw = () => {};
  });
}

function head(title, more) {
  const close = el("button", { type: "button", "aria-label": "Close", onclick: () => at("detail").close() }, "Close");
  return el("div", { class: "title" }, el("h2", { id: "detail-title" }, title), el("span", { class: "dim" }, more), close);
}

function showServer(dialog, model, server, changed) {
  const state = badge();
  const says = el("span", { class: "dim" });
  const [active, fresh, response, weight, failures] = Array.from({ length: 5 }, () => el("dd"));
  const [open, latency] = [line(320, 60, "Connections of the last two minutes"), line(320, 60, "Response time of the last two minutes")];
  const facts = [["Connections", active], ["New a second", fresh], ["Response", response], ["Weight", weight], ["Failures", failures]];
  const bars = el("div");
  const list = el("ol", { class: "plain" });
  const changes = el("ol", { class: "plain" });
  const notes = Object.entries(server.notes ?? {}).flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  dialog.replaceChildren(
    head(server.name, `pool ${server.pool}, ${server.address}`),
    el("p", {}, state.element, " ", says),
    model.may("operate") ? buttons(server, changed) : "",
    el("dl", { class: "facts" }, ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), value))),
    el("div", { class: "charts" }, el("figure", {}, open.element, el("figcaption", { class: "dim" }, "Connections, two minutes")), el("figure", {}, latency.element, el("figcaption", { class: "dim" }, "Response time, two minutes"))),
    el("h3", {}, "Probes"),
    bars,
    list,
    el("h3", {}, "Changes of its health"),
    changes,
    notes.length > 0 ? el("h3", {}, "What probes found out") : "",
    notes.length > 0 ? el("dl", { class: "notes" }, ...notes) : "",
  );
  redraw = () => {
    state.draw(server.state);
    say(says, STATES[server.state]?.says ?? "");
    say(active, count(server.active) + (server.max_connections ? ` of ${count(server.max_connections)}` : ""));
    say(fresh, rate(server.rate));
    say(response, took(server.response_seconds));
    say(weight, String(server.weight));
    say(failures, count(server.failures));
    open.draw(server.open.latest());
    latency.draw(server.latency.latest());
  };
  redraw();
  const stop = new AbortController();
  const ask = async () => {
    const path = `/v1/servers/${server.pool}/${server.name}/history`;
    const history = await look(path, stop.signal).catch(() => null);
    if (!history || stop.signal.aborted) return;
    bars.replaceChildren(history.probes.length > 0 ? probes(history.probes) : el("p", { class: "dim" }, "It has not been probed."));
    const lately = history.probes.slice(-5).reverse();
    list.replaceChildren(...lately.map(probe => el("li", { class: probe.ok ? "" : "bad" }, probe.ok ? "✓ ok" : `✕ ${probe.error ?? "failed"}`, el("span", { class: "dim" }, ` ${took(probe.took_seconds)}, ${span(probe.seconds_ago)} ago`))));
    const turns = history.changes.slice(-10).reverse();
    changes.replaceChildren(...turns.map(turn => el("li", {}, `${turn.from} → `, el("b", { class: "state", "data-state": turn.to }, `${STATES[turn.to]?.shape ?? ""} ${turn.to}`), ` – ${turn.why}`, el("span", { class: "dim" }, ` ${span(turn.seconds_ago)} ago`))));
    if (turns.length === 0) changes.append(el("li", { class: "dim" }, "None since the gateway has started."));
  };
  ask();
  const each = setInterval(ask, EACH);
  return () => {
    clearInterval(each);
    stop.abort();
  };
}

function buttons(server, changed) {
  const done = () => {
    redraw();
    changed(server);
  };
  const button = (word, state) => el("button", { type: "button", "data-state": state, onclick: () => steer(server, state, done) }, word);
  const weight = el("input", { id: "weight", type: "number", min: 0, max: WEIGHT_MAX, step: 1, value: server.weight, required: true });
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

function showVip(dialog, vip) {
  const list = el("ol", { class: "plain decisions" });
  const none = el("p", { class: "dim" }, "Choices are kept while somebody watches. None yet.");
  dialog.replaceChildren(
    head(vip.name, `${vip.protocol} at ${vip.listen.join(", ")}`),
    el("p", { class: "dim" }, `${vip.mode === "l4" ? "The kernel passes its packets on. " : ""}Pools: ${vip.pools.join(", ")}. Remembers by: ${vip.persist.join(", ") || "nothing"}.`),
    el("h3", {}, "Recent decisions"),
    none,
    list,
  );
  return follow(
    new URLSearchParams({ topics: "decisions", vip: vip.name }),
    (name, decision) => {
      if (name !== "decision") return;
      none.hidden = true;
      list.prepend(el("li", {}, choice(decision)));
      while (list.children.length > KEPT) list.lastChild.remove();
    },
    () => {},
  );
}

function choice({ at: when, client, pool, method, server, why, keys, candidates }) {
  const found = keys.map(key => `${key.kind ?? "key"}: ${key.found}${key.server ? ` (${key.server})` : ""}`);
  const column = name => el("th", { scope: "col" }, name);
  const rows = candidates.map(one =>
    el("tr", {}, el("td", {}, one.server), el("td", { class: "state", "data-state": one.state }, `${STATES[one.state]?.shape ?? ""} ${one.state}`), el("td", {}, String(one.weight)), el("td", {}, String(one.active)), el("td", {}, one.verdict)),
  );
  return el(
    "details",
    {},
    el("summary", {}, el("time", { class: "dim" }, clock(when)), ` ${client} → `, el("b", { class: server ? "" : "bad" }, server ?? "nobody"), ` – ${why}`),
    el("p", { class: "dim" }, `Pool ${pool}, ${method}. ${found.length > 0 ? `Persistence: ${found.join("; ")}.` : "Nothing to remember by."}`),
    el("table", {}, el("thead", {}, el("tr", {}, ...["server", "state", "weight", "open", "verdict"].map(column))), el("tbody", {}, ...rows)),
  );
}
