// The summary, the VIPs, and what happens.

import { at, el, say } from "./dom.js";
import { named } from "./badge.js";
import { line } from "./chart.js";
import { headed } from "./table.js";
import { STATES, bytes, clock, count, rate, share, some, span } from "./words.js";

/// What happened before these is in the log.
const KEPT = 50;

export class View {
  #model;
  #vips = new Map();
  #tiles = null;

  constructor(model) {
    this.#model = model;
  }

  build() {
    const { vips } = this.#model;
    for (const row of this.#vips.values()) row.element.remove();
    this.#vips.clear();
    const names = ["VIP", "Listens at", "Pools", "Connections", "Served/s", "In", "Out", "Remembered"];
    at("vips").replaceChildren(headed(names));
    for (const vip of vips.values()) {
      const row = vipRow(vip);
      this.#vips.set(vip.name, row);
      at("vips").append(row.element);
    }
    this.draw();
  }

  draw() {
    this.#tiles ??= tiles();
    const { vips, total, process } = this.#model;
    for (const row of this.#vips.values()) drawVip(row, this.#model);
    const sum = name => [...vips.values()].reduce((all, vip) => (vip[name] == null ? null : all + vip[name]), 0);
    const states = counted(this.#model.servers());
    const tile = this.#tiles;
    say(tile.connections.number, count(this.#model.connections));
    tile.connections.chart.draw(total.connections.latest());
    say(tile.rate.number, rate(total.now));
    tile.rate.chart.draw(total.rate.latest());
    say(tile.traffic.number, bytes(sum("in")));
    say(tile.traffic.more, `in; ${bytes(sum("out"))} out`);
    const all = [...states.values()].reduce((a, b) => a + b, 0);
    say(tile.servers.number, `${count(states.get("up") ?? 0)} of ${count(all)}`);
    const others = [...states].filter(([state]) => state !== "up");
    const other = ([state, many]) => `${STATES[state]?.shape ?? "?"} ${count(many)} ${state}`;
    say(tile.servers.more, others.map(other).join("  ") || "all up");
    say(tile.found.number, total.found ? share(total.found.hits, total.found.asked) : "–");
    say(tile.found.more, total.found ? `found; ${count(total.found.entries)} remembered` : "");
    if (process) {
      drawShared(process);
      const layer = process.changes > 0 ? `, ${count(process.changes)} changed beside the file` : "";
      say(at("process"), `${process.version}, up ${span(process.uptime_seconds)}, configuration ${process.epoch}${layer}`);
    }
  }
}

let sharing = "";

/// Peers and the store: whether what clients are known reaches the other gateways, and how late.
function drawShared({ peers, store }) {
  const rows = [
    ...peers.map(peer => ({ name: `peer ${peer.name}`, ...peer, told: peer.sent })),
    ...(store ? [{ name: `store ${store.address}`, ...store, told: store.written }] : []),
  ];
  // Nothing is moved under a reader while nothing has changed.
  const now = JSON.stringify(rows);
  if (now === sharing) return;
  sharing = now;
  at("sharing").hidden = rows.length === 0;
  at("shared").replaceChildren(...rows.map(shared));
}

function shared({ name, up, told, learned, lag_seconds, error, differing }) {
  const late = lag_seconds >= 1 ? `, ${span(lag_seconds)} behind` : "";
  const numbers = ` – ${count(told)} told, ${count(learned)} learned${late}`;
  const wrong = [error, ...(differing ?? []).map(what => `${what} differs there`)].filter(Boolean);
  const why = wrong.length > 0 ? [" ", el("span", { class: "bad" }, wrong.join("; "))] : [];
  return el("li", { "data-shared": name }, `${name} `, named("b", up ? "up" : "down"), numbers, ...why);
}

function counted(servers) {
  const states = new Map();
  for (const { state } of servers) states.set(state, (states.get(state) ?? 0) + 1);
  return states;
}

function tiles() {
  const tile = (name, label) => {
    const [number, more, chart] = [el("strong"), el("span", { class: "dim" }), label && line(160, 34, label)];
    const [id, title] = [`tile-${name[0]}`, el("h2", {}, name[1])];
    at("summary").append(el("div", { class: "tile", id }, title, number, chart ? chart.element : more));
    return { number, more, chart };
  };
  return {
    connections: tile(["connections", "Connections"], "Connections of the last two minutes"),
    rate: tile(["rate", "Served a second"], "Connections and requests served a second, of the last two minutes"),
    traffic: tile(["traffic", "Traffic"]),
    servers: tile(["servers", "Servers up"]),
    found: tile(["found", "Persistence"]),
  };
}

function vipRow(vip) {
  const cell = (name, label, ...children) =>
    el("span", { role: "cell", class: name, "data-name": label }, ...children);
  const [active, fresh, into, out, held] = Array.from({ length: 5 }, () => el("span"));
  const link = pool => el("a", { href: `#pool-${pool}` }, pool);
  const pools = vip.pools.flatMap((pool, index) => (index > 0 ? [", ", link(pool)] : [link(pool)]));
  const element = el(
    "div",
    { class: "row vip", role: "row", "data-vip": vip.name },
    cell("name", null, el("a", { href: `#vip/${vip.name}` }, vip.name), " ", el("small", { class: "dim" }, vip.protocol)),
    cell("where", null, vip.listen.join(", ")),
    cell("pools", "to", ...pools),
    cell("active", "connections", active),
    cell("rate", "served/s", fresh),
    cell("in", "in", into),
    cell("out", "out", out),
    cell("held", null, held),
  );
  return { vip: vip.name, element, active, fresh, into, out, held };
}

function drawVip(row, model) {
  const vip = model.vips.get(row.vip);
  if (!vip) return;
  say(row.active, count(vip.connections));
  say(row.fresh, rate(vip.rate));
  say(row.into, bytes(vip.in));
  say(row.out, bytes(vip.out));
  const domain = vip.persist.length > 0 ? model.domain(vip.domain) : null;
  const asked = domain ? domain.hits + domain.misses : 0;
  const found = asked > 0 ? `, ${share(domain.hits, asked)} found` : "";
  say(row.held, domain ? some(domain.entries, "client", "clients") + found : "nobody");
}

/// Tells of an event, the latest first.
export function tell(name, data) {
  const { at: when, pool, server, from, to, why, who, action, target, epoch } = data;
  const texts = {
    health: () => [
      el("a", { href: `#server/${pool}/${server}` }, `${pool}/${server}`),
      `: ${from} → `,
      named("b", to),
      ` – ${why}`,
    ],
    operator: () => [`${who}: ${action} ${target}`],
    reload: () => [`Configuration ${epoch} is in force`],
  };
  if (!texts[name]) return;
  at("nothing").hidden = true;
  at("happened").prepend(el("li", {}, el("time", { class: "dim" }, clock(when)), " ", ...texts[name]()));
  while (at("happened").children.length > KEPT) at("happened").lastChild.remove();
}
