// Elements. What comes from the gateway becomes text and nothing else: names, reasons and users are others' words.

const SVG = "http://www.w3.org/2000/svg";

/// An element with these properties and children; texts become text nodes.
export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/// The same in a drawing.
export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

/// Shows a text, and touches nothing if it stands there already.
export function say(element, text) {
  if (element.said !== text) {
    element.said = text;
    element.textContent = text;
  }
}

/// Sets an attribute, under the same rule.
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/// The element of this id, which the page has.
export const at = id => document.getElementById(id);

let waiting = null;

/// Draws before the next frame: many changes at once are one batch, and a page that nobody sees is not drawn.
export function soon(draw) {
  if (waiting) return void waiting.add(draw);
  waiting = new Set([draw]);
  requestAnimationFrame(() => {
    const batch = waiting;
    waiting = null;
    for (const draw of batch) draw();
  });
}
