// Changes of a server: asked for, confirmed, done, and said.

import { at, el, say } from "./dom.js";
import { Refused, change } from "./api.js";
import { some } from "./words.js";

/// What is asked before something is done.
const ASKED = {
  drain: server => [`Drain ${server.name}?`, `It keeps the clients that it has: ${some(server.active, "connection", "connections")} now, and those whom persistence brings back. Nobody else gets there.`, "Drain"],
  maintenance: server => [`Take ${server.name} out for maintenance?`, `It gets nobody and is not probed. ${some(server.active, "connection stays until its client leaves", "connections stay until their clients leave")}.`, "Take it out"],
  ready: server => [`Make ${server.name} ready?`, "It serves again as far as its probes allow.", "Make it ready"],
};

/// Sets a server's state once that is confirmed.
export async function steer(server, state, done = () => {}) {
  if (await confirmed(server, ...ASKED[state](server))) await send(server, { state }, done);
}

/// Sets a server's weight once that is confirmed.
export async function weigh(server, weight, done = () => {}) {
  const says = `Its share of those who are new. It is ${server.weight} now${weight === 0 ? "; with 0 only those come back whom persistence knows" : ""}.`;
  if (await confirmed(server, `Give ${server.name} the weight ${weight}?`, says, "Set it")) await send(server, { weight }, done);
}

async function send(server, body, done) {
  try {
    const now = await change(`/v1/servers/${server.pool}/${server.name}`, body);
    Object.assign(server, { state: now.state, weight: now.weight, wanted: now.wanted, health: now.health });
    announce(`${server.pool}/${server.name} is ${now.state}, weight ${now.weight}`);
    done();
  } catch (error) {
    announce(error instanceof Refused ? `Not done: ${error.message}. ${error.help}` : "Not done: the gateway does not answer", true);
  }
}

function confirmed(server, title, says, word) {
  const dialog = at("confirm");
  return new Promise(answer => {
    dialog.replaceChildren(
      el("h2", { id: "confirm-title" }, title),
      el("p", { class: "dim" }, `Pool ${server.pool}, ${server.address}`),
      el("p", {}, says),
      el(
        "p",
        { class: "buttons" },
        el("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        el("button", { type: "button", class: "first", id: "do", onclick: () => dialog.close("do") }, word),
      ),
    );
    dialog.returnValue = "";
    dialog.addEventListener("close", () => answer(dialog.returnValue === "do"), { once: true });
    dialog.showModal();
    at("do").focus();
  });
}

let leaving = null;

/// Says something to whoever looks, and to whoever listens.
export function announce(text, bad = false) {
  const place = at("said");
  say(place, text);
  place.classList.toggle("bad", bad);
  place.classList.add("shown");
  clearTimeout(leaving);
  leaving = setTimeout(() => place.classList.remove("shown"), bad ? 10_000 : 4000);
}
