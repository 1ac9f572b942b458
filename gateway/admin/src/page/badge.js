// States: a shape, a word and a colour, any of which is enough.

import { el, say } from "./dom.js";
import { STATES } from "./words.js";

/// A state that `draw(state)` changes.
export function badge() {
  const [shape, word] = [el("span", { "aria-hidden": "true" }), el("span")];
  const element = el("span", { class: "state" }, shape, " ", word);
  const draw = state => {
    if (element.dataset.state === state) return;
    element.dataset.state = state;
    element.title = STATES[state]?.says ?? "";
    say(shape, STATES[state]?.shape ?? "?");
    say(word, state);
  };
  return { element, draw };
}

/// A state that was, in an element of this kind.
export function named(kind, state) {
  return el(kind, { class: "state", "data-state": state }, `${STATES[state]?.shape ?? "?"} ${state}`);
}
