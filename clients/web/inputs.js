// The element for one value, by its schema. Each gives:
// `element` and `focus`, which may be the same; `read()` and `write(value)`; `group` when it is many
// elements, `inline` when it fits beside its name, `silent` when it shows its value itself.

import { make, worded } from "./dom.js";
import { StagePicker } from "./drivers.js";
import { Pictures } from "./pictures.js";
import { bounds, isColour, shown } from "./schema.js";

const MOST_CHIPS = 8;
let count = 0;

/** The input of a value; `change(value)` is called when a person changes it. */
export function inputFor(key, facts, unit, change) {
  if (facts.media || key === "source") return new Pictures(facts, change);
  if (facts.stages) return new StagePicker(change);
  if (facts.enum) return facts.enum.length > MOST_CHIPS ? select(facts, unit, change) : chips(facts, unit, change);
  if (facts.type === "boolean") return toggle(change);
  if (facts.type === "number" || facts.type === "integer") return number(facts, unit, change);
  return isColour(facts) ? colour(change) : text(facts, change);
}

function toggle(change) {
  const element = make("input", { type: "checkbox", role: "switch" });
  element.addEventListener("change", () => change(element.checked));
  return {
    element, focus: element, inline: true, silent: true,
    read: () => element.checked,
    write: (value) => (element.checked = value),
  };
}

function number(facts, unit, change) {
  const { minimum, maximum, step } = bounds(facts);
  if (minimum === undefined || maximum === undefined) return figure({ minimum, maximum, step }, change);
  return slider(facts, unit, { minimum, maximum, step }, change);
}

function slider(facts, unit, { minimum, maximum, step }, change) {
  const element = make("input", { type: "range", min: minimum, max: maximum, step });
  let empty = false;
  const read = () => (empty ? null : Number(element.value));
  const tell = () => {
    const share = empty ? 0 : (element.value - minimum) / (maximum - minimum);
    element.style.setProperty("--share", share);
    element.classList.toggle("automatic", empty);
    element.setAttribute("aria-valuetext", shown(read(), facts, unit));
  };
  element.addEventListener("input", () => {
    empty = false;
    tell();
    change(read());
  });
  return {
    element, focus: element, read,
    write: (value) => {
      empty = value === null || value === undefined;
      element.value = value ?? minimum;
      tell();
    },
  };
}

function figure({ minimum, maximum, step }, change) {
  const element = make("input", { type: "number", min: minimum ?? "", max: maximum ?? "", step });
  const read = () => (element.value === "" ? null : Number(element.value));
  element.addEventListener("change", () => change(read()));
  return { element, focus: element, silent: true, read, write: (value) => (element.value = value ?? "") };
}

function chips(facts, unit, change) {
  const group = `choice-${(count += 1)}`;
  const radios = facts.enum.map((value) => make("input", { type: "radio", name: group, value: String(value) }));
  const labels = radios.map((radio, index) => make("label", {}, radio, make("span", {}, choice(facts, unit, index))));
  const element = make("div", { className: "chips", role: "radiogroup" }, ...labels);
  const read = () => facts.enum[radios.findIndex((radio) => radio.checked)];
  element.addEventListener("change", () => change(read()));
  return {
    element, focus: element, group: true, silent: true, read,
    write: (value) => radios.forEach((radio, index) => (radio.checked = facts.enum[index] === value)),
  };
}

function select(facts, unit, change) {
  const options = facts.enum.map((value, index) => make("option", { value: String(value) }, choice(facts, unit, index)));
  const element = make("select", {}, ...options);
  const read = () => facts.enum[element.selectedIndex];
  element.addEventListener("change", () => change(read()));
  return {
    element, focus: element, silent: true, read,
    write: (value) => (element.selectedIndex = facts.enum.indexOf(value)),
  };
}

/** One of several values in words. */
function choice(facts, unit, index) {
  const value = facts.enum[index];
  return typeof value === "number" ? shown(value, facts, unit) : worded(String(value));
}

function colour(change) {
  const element = make("input", { type: "color" });
  element.addEventListener("input", () => change(element.value));
  return {
    element, focus: element, inline: true,
    read: () => element.value,
    write: (value) => (element.value = value),
  };
}

function text(facts, change) {
  const element = make("input", { type: "text", placeholder: facts.nullable ? "None" : "" });
  element.addEventListener("change", () => change(element.value || (facts.nullable ? null : "")));
  return {
    element, focus: element, silent: true,
    read: () => element.value || (facts.nullable ? null : ""),
    write: (value) => (element.value = value !== null && typeof value === "object" ? JSON.stringify(value) : value ?? ""),
  };
}
