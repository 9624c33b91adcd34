// Making and finding elements.

const SVG = "http://www.w3.org/2000/svg";

/** The element with that id. */
export const by = (id) => document.getElementById(id);

/** A new element: properties, then children (elements or text). Keys with a dash become attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A new element of a drawing. */
export function draw(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** One of the drawings of icons.svg, which says nothing to those who do not see it. */
export function icon(name) {
  const drawing = draw("svg", { class: "icon", "aria-hidden": "true" });
  drawing.append(draw("use", { href: `/icons.svg#${name}` }));
  return drawing;
}

/** A button of an icon only; `name` is what it does. */
export function iconButton(picture, name, properties = {}) {
  return make("button", { type: "button", className: "quiet", "aria-label": name, title: name, ...properties }, icon(picture));
}

/** `some_name` as a person writes it: `Some name`. */
export function worded(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Say what is wrong in an element that is hidden while nothing is. */
export function complain(element, words) {
  write(element, words);
  element.hidden = !words;
}

/** Change an element's text only where it differs, so that screen readers stay calm. */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
