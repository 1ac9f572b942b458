// What is shown of one server or one VIP. The address names it: links lead there, and the way back closes it.

import { at, el } from "./dom.js";
import { showServer } from "./server.js";
import { showVip } from "./decisions.js";

/// What is shown: how it is drawn again, and how it is left.
let shown = { draw: () => {}, leave: () => {} };

function turn(next) {
  shown.leave();
  shown = next ?? { draw: () => {}, leave: () => {} };
}

/// Draws what changes every second.
export const drawDetail = () => shown.draw();

/// Shows what the address names, or nothing. `changed(server)` is told of what is done there.
export function showDetail(model, changed) {
  const [kind, first, second] = location.hash.slice(1).split("/");
  const server = kind === "server" ? model.server(first, second) : null;
  const vip = kind === "vip" ? model.vips.get(first) : null;
  const dialog = at("detail");
  if (server) {
    turn(showServer(head, model, server, changed));
  } else if (vip) {
    turn(showVip(head, vip));
  } else {
    turn();
    if (dialog.open) dialog.close();
    return;
  }
  if (!dialog.open) dialog.showModal();
}

/// Closing leaves the address.
export function prepareDetail() {
  at("detail").addEventListener("close", () => {
    if (/^#(server|vip)\//.test(location.hash)) history.pushState(null, "", location.pathname);
    turn();
  });
}

function head(title, more) {
  const close = el("button", { type: "button", onclick: () => at("detail").close() }, "Close");
  return el(
    "div",
    { class: "title" },
    el("h2", { id: "detail-title" }, title),
    el("span", { class: "dim" }, more),
    close,
  );
}
