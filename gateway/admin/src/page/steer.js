// Changes of a server: asked for, confirmed, done, and said.

import { at, el, say } from "./dom.js";
import { Refused, change } from "./api.js";
import { some } from "./words.js";

/// What is asked before something is done.
const ASKED = {
  drain: ({ name, active }) => ({
    title: `Drain ${name}?`,
    says:
      `It keeps the clients that it has: ${some(active, "connection", "connections")} now, and those whom ` +
      "persistence brings back. Nobody else gets there.",
    word: "Drain",
  }),
  maintenance: ({ name, active }) => ({
    title: `Take ${name} out for maintenance?`,
    says:
      "It gets nobody and is not probed. " +
      some(active, "connection stays until its client leaves.", "connections stay until their clients leave."),
    word: "Take it out",
  }),
  ready: ({ name }) => ({
    title: `Make ${name} ready?`,
    says: "It serves again as far as its probes allow.",
    word: "Make it ready",
  }),
};

/// Sets a server's state once that is confirmed.
export async function steer(server, state, done) {
  if (await confirmed(server, ASKED[state](server))) await send(server, { state }, done);
}

/// Sets a server's weight once that is confirmed.
export async function weigh(server, weight, done) {
  const zero = weight === 0 ? " With 0 only those come back whom persistence knows." : "";
  const asked = {
    title: `Give ${server.name} the weight ${weight}?`,
    says: `Its share of those who are new. It is ${server.weight} now.${zero}`,
    word: "Set it",
  };
  if (await confirmed(server, asked)) await send(server, { weight }, done);
}

async function send(server, body, done) {
  try {
    const now = await change(`/v1/servers/${server.pool}/${server.name}`, body);
    Object.assign(server, { state: now.state, weight: now.weight, wanted: now.wanted, health: now.health });
    announce(`${server.pool}/${server.name} is ${now.state}, weight ${now.weight}`);
    done();
  } catch (error) {
    const refused = error instanceof Refused;
    const why = refused ? `${error.message}; ${error.help}` : "the gateway does not answer";
    announce(`Not done: ${why}`, true);
  }
}

function confirmed(server, { title, says, word }) {
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
  place.classList.toggle("bad", bad);
  // Shown anew, so that it is above whatever dialog is open.
  place.hidePopover();
  place.showPopover();
  say(place.firstElementChild, text);
  clearTimeout(leaving);
  leaving = setTimeout(() => place.hidePopover(), bad ? 10_000 : 4000);
}
