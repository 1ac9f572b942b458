// The servers of each pool. A thousand rows stay smooth because only those in sight are drawn, and of them only what is
// other than it was.

import { at, el, mark, say } from "./dom.js";
import { line } from "./chart.js";
import { badge } from "./badge.js";
import { count, rate, some, took } from "./words.js";

/// How many seconds a row's line shows.
const LINE = 60;
const COLUMNS = ["State", "Server", "Connections", "Served/s", "Response", "Weight", "Failures", ""];

export class Table {
  #model;
  #steer;
  #rows = new Map();
  #pools = new Map();
  #seen = new Set();
  #sight = new IntersectionObserver(changes => this.#looked(changes), { rootMargin: "300px" });

  constructor(model, steer) {
    this.#model = model;
    this.#steer = steer;
    at("find").addEventListener("input", () => this.draw());
    at("troubled").addEventListener("change", () => this.draw());
  }

  /// Makes rows for servers that have come, and removes those of servers that are gone.
  build() {
    for (const [name, pool] of this.#pools) {
      if (!this.#model.pools.has(name)) {
        pool.element.remove();
        this.#pools.delete(name);
      }
    }
    for (const [key, row] of this.#rows) {
      if (!this.#model.server(row.server.pool, row.server.name)) this.#remove(key, row);
    }
    for (const pool of this.#model.pools.values()) {
      const section = this.#pools.get(pool.name) ?? this.#section(pool);
      for (const server of pool.servers.values()) {
        const key = `${server.pool}/${server.name}`;
        const row = this.#rows.get(key);
        if (row && row.server !== server) this.#remove(key, row);
        if (!this.#rows.has(key)) this.#add(key, server, section.rows);
      }
    }
    this.draw();
  }

  /// Draws what is in sight, and every state.
  draw() {
    const [wanted, troubled] = [at("find").value.trim().toLowerCase(), at("troubled").checked];
    let found = 0;
    for (const row of this.#rows.values()) {
      const { pool, name, address, state } = row.server;
      const hit = wanted === "" || `${pool}/${name} ${address} ${state}`.toLowerCase().includes(wanted);
      const hidden = !hit || (troubled && state === "up");
      if (row.element.hidden !== hidden) row.element.hidden = hidden;
      found += hidden ? 0 : 1;
      if (this.#seen.has(row) && !hidden) draw(row);
      else drawState(row);
    }
    say(at("found"), found === this.#rows.size ? "" : `${count(found)} of ${count(this.#rows.size)}`);
    for (const [name, section] of this.#pools) summarise(this.#model.pools.get(name), section);
  }

  /// Draws the row of a server again.
  touch(server) {
    const row = this.#rows.get(`${server.pool}/${server.name}`);
    if (row) draw(row);
  }

  /// Whether buttons are shown has changed.
  rebuild() {
    for (const [key, row] of this.#rows) this.#remove(key, row);
    this.build();
  }

  #section(pool) {
    const id = `pool-${pool.name}`;
    const facts = el("p", { class: "dim" });
    const rows = el("div", { class: "rows", role: "table", "aria-labelledby": id }, headed(COLUMNS));
    const title = el("div", { class: "title" }, el("h3", { id }, pool.name), facts);
    const element = el("section", { class: "pool" }, title, rows);
    at("pools").append(element);
    const section = { element, rows, facts };
    this.#pools.set(pool.name, section);
    return section;
  }

  #add(key, server, place) {
    const row = makeRow(server, this.#model.may("operate") ? this.#steer : null);
    this.#rows.set(key, row);
    row.element.row = row;
    place.append(row.element);
    this.#sight.observe(row.element);
    draw(row);
  }

  #remove(key, row) {
    this.#sight.unobserve(row.element);
    this.#seen.delete(row);
    this.#rows.delete(key);
    row.element.remove();
  }

  #looked(changes) {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) {
        this.#seen.add(target.row);
        draw(target.row);
      } else this.#seen.delete(target.row);
    }
  }
}

/// The names of columns, as a row.
export function headed(names) {
  return el("div", { class: "row head", role: "row" }, ...names.map(name => el("span", { role: "columnheader" }, name)));
}

function makeRow(server, steer) {
  const cell = (name, ...children) =>
    el("span", { role: "cell", class: name, "data-name": LABELS[name] ?? null }, ...children);
  const state = badge();
  const [active, most, rate, response, weight, failures] = Array.from({ length: 6 }, () => el("span"));
  const spark = line(90, 22, "Response time of the last minute");
  const full = el("meter", { min: 0, max: 1, "aria-hidden": "true", hidden: true });
  const button = steer && el("button", { type: "button", onclick: () => steer(server, NEXT[server.state] ?? "drain") });
  const where = `#server/${server.pool}/${server.name}`;
  const element = el(
    "div",
    { class: "row", role: "row", "data-server": `${server.pool}/${server.name}` },
    cell("is", state.element),
    cell("name", el("a", { href: where }, server.name), " ", el("small", { class: "dim" }, server.address)),
    cell("active", active, most, full),
    cell("rate", rate),
    cell("response", response, spark.element),
    cell("weight", weight),
    cell("failures", failures),
    cell("act", button),
  );
  return { server, element, state, active, most, full, rate, response, spark, weight, failures, button };
}

/// What columns are called where there is no room for a head.
const LABELS = {
  active: "connections",
  rate: "served/s",
  response: "response",
  weight: "weight",
  failures: "failures",
};
/// What a row's button does.
const NEXT = { draining: "ready", maintenance: "ready" };

function drawState(row) {
  row.state.draw(row.server.state);
}

function draw(row) {
  const { server } = row;
  drawState(row);
  say(row.active, count(server.active));
  say(row.most, server.max_connections ? ` of ${count(server.max_connections)}` : "");
  row.full.hidden = !server.max_connections;
  if (server.max_connections) row.full.value = server.active / server.max_connections;
  say(row.rate, rate(server.rate));
  say(row.response, took(server.response_seconds));
  row.spark.draw(server.latency.latest(LINE));
  say(row.weight, String(server.weight));
  say(row.failures, count(server.failures));
  if (row.button) {
    const next = NEXT[server.state] ?? "drain";
    say(row.button, next === "ready" ? "Ready" : "Drain");
    mark(row.button, "aria-label", `${next === "ready" ? "Make ready" : "Drain"} ${server.name} of ${server.pool}`);
  }
}

function summarise(pool, section) {
  const servers = [...pool.servers.values()];
  const up = servers.filter(server => server.state === "up").length;
  const active = servers.reduce((all, server) => all + server.active, 0);
  const open = some(active, "connection", "connections");
  const all = some(servers.length, "server", "servers");
  say(section.facts, `${pool.method}, ${count(up)} of ${all} up, ${open}`);
}
