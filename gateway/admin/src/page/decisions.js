// Why a VIP's clients go where they do, choice by choice.

import { at, el } from "./dom.js";
import { follow } from "./api.js";
import { named } from "./badge.js";
import { clock } from "./words.js";

/// Choices that are shown.
const KEPT = 60;

/// Shows a VIP, and gives how it is left.
export function showVip(head, vip) {
  const list = el("ol", { class: "plain decisions" });
  const none = el("p", { class: "dim" }, "Choices are kept while somebody watches. None yet.");
  const kernel = vip.mode === "l4" ? "The kernel passes its packets on. " : "";
  const remembers = vip.persist.join(", ") || "nothing";
  at("detail").replaceChildren(
    head(vip.name, `${vip.protocol} at ${vip.listen.join(", ")}`),
    el("p", { class: "dim" }, `${kernel}Pools: ${vip.pools.join(", ")}. Remembers by: ${remembers}.`),
    el("h3", {}, "Recent decisions"),
    none,
    list,
  );
  const heard = (name, decision) => {
    // Whoever reads one is not to lose it among those that come.
    if (name !== "decision" || list.querySelector("details[open]")) return;
    none.hidden = true;
    list.prepend(el("li", {}, choice(decision)));
    while (list.children.length > KEPT) list.lastChild.remove();
  };
  const leave = follow(new URLSearchParams({ topics: "decisions", vip: vip.name }), heard, () => {});
  return { draw: () => {}, leave };
}

function choice({ at: when, client, pool, method, server, why, queue, waited_seconds, keys, candidates }) {
  const waited = queue ? `, ${queue === "full" ? "the queue is full" : `${waited_seconds} s in the queue`}` : "";
  const found = keys.map(key => `${key.kind ?? "key"} ${key.found}${key.server ? ` (${key.server})` : ""}`);
  const persistence = found.length > 0 ? `Persistence: ${found.join("; ")}.` : "Nothing to remember by.";
  const titles = ["server", "state", "weight", "open", "verdict"];
  const row = ({ server, state, weight, active, verdict }) =>
    el(
      "tr",
      {},
      el("td", {}, server),
      named("td", state),
      ...[weight, active, verdict].map(value => el("td", {}, String(value))),
    );
  return el(
    "details",
    {},
    el(
      "summary",
      {},
      el("time", { class: "dim" }, clock(when)),
      ` ${client} → `,
      el("b", { class: server ? "" : "bad" }, server ?? "nobody"),
      ` – ${why}${waited}`,
    ),
    el("p", { class: "dim" }, `Pool ${pool}, ${method}. ${persistence}`),
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...titles.map(title => el("th", { scope: "col" }, title)))),
      el("tbody", {}, ...candidates.map(row)),
    ),
  );
}
