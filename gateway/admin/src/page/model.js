// What is known of the gateway. Numbers come as they change; rates and lines are made of them here.

import { Series } from "./chart.js";

export class Model {
  caller = null;
  process = null;
  vips = new Map();
  pools = new Map();
  connections = 0;
  total = { rate: new Series(), connections: new Series(), hits: null };
  /// Whether VIPs, pools or servers have come or gone since they were asked for.
  stale = false;
  #at = null;
  #domains = null;

  /// What the caller may do.
  may(scope) {
    const scopes = ["read", "operate", "configure"];
    return this.caller != null && scopes.indexOf(this.caller.scope) >= scopes.indexOf(scope);
  }

  /// Takes VIPs, pools and servers over; what was known of those that stay stays.
  structure(vips, pools) {
    this.vips = renewed(this.vips, vips, vip => ({ ...vip, ...counters() }));
    const before = this.pools;
    this.pools = renewed(before, pools, pool => ({ ...pool, servers: new Map() }));
    for (const { name, servers } of pools) {
      const known = before.get(name)?.servers ?? new Map();
      const fresh = server => ({ pool: name, ...server, ...counters(), latency: new Series(), open: new Series() });
      this.pools.get(name).servers = renewed(known, servers, fresh);
    }
    this.stale = false;
  }

  /// The server of a pool.
  server(pool, name) {
    return this.pools.get(pool)?.servers.get(name);
  }

  *servers() {
    for (const pool of this.pools.values()) yield* pool.servers.values();
  }

  /// The stream begins anew: what comes first is all, and says nothing of the time between.
  begun() {
    this.#at = null;
  }

  /// Takes an event `numbers` over.
  numbers({ at, connections, vips, servers, gone }) {
    const passed = this.#at == null ? null : Math.max(0.2, at - this.#at);
    this.#at = at;
    this.connections = connections;
    if (gone.length > 0) this.stale = true;
    for (const vip of this.vips.values()) still(vip, passed);
    for (const server of this.servers()) still(server, passed);
    for (const row of vips) this.#take(this.vips.get(row.name), row, passed);
    for (const row of servers) this.#take(this.server(row.pool, row.name), row, passed);
    for (const server of this.servers()) {
      // What a server that answers nothing is taken for is no time that it took.
      if (server.state === "down") server.response_seconds = null;
      server.latency.push(server.response_seconds);
      server.open.push(server.active);
    }
    const rates = [...this.vips.values()].map(vip => vip.rate);
    this.total.now = rates.includes(null) ? null : rates.reduce((a, b) => a + b, 0);
    this.total.rate.push(this.total.now);
    this.total.connections.push(connections);
  }

  #take(known, row, passed) {
    if (!known) {
      this.stale = true;
      return;
    }
    if (passed != null) {
      const grown = name => Math.max(0, (row[name] ?? 0) - (known[name] ?? 0)) / passed;
      known.rate = grown("served");
      known.in = grown("received_bytes");
      known.out = grown("sent_bytes");
    }
    Object.assign(known, row);
  }

  /// Takes the state of the process over, with what persistence has found since the last time.
  status(process) {
    const sum = name => process.domains.reduce((all, domain) => all + domain[name], 0);
    const now = { hits: sum("hits"), misses: sum("misses"), entries: sum("entries") };
    const before = this.#domains;
    const asked = before ? now.hits + now.misses - before.hits - before.misses : 0;
    // While nobody asks, what was found lately is no news: all that was found is.
    const recent = asked > 0 ? { hits: now.hits - before.hits, asked } : null;
    const all = { hits: now.hits, asked: now.hits + now.misses };
    this.total.found = { ...(recent?.hits >= 0 ? recent : all), entries: now.entries };
    this.#domains = now;
    this.process = process;
  }

  /// What persistence of a VIP's domain holds.
  domain(name) {
    return this.process?.domains.find(domain => domain.name === name);
  }
}

const counters = () => ({ rate: null, in: null, out: null });

function still(known, passed) {
  if (passed != null) Object.assign(known, { rate: 0, in: 0, out: 0 });
}

function renewed(before, rows, fresh) {
  const all = rows.map(row => {
    const known = before.get(row.name);
    if (!known) return [row.name, fresh(row)];
    const { servers, ...rest } = row;
    return [row.name, Object.assign(known, rest)];
  });
  return new Map(all);
}
