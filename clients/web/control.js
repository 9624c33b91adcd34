// One control: the right element for a parameter's JSON schema, its value, its unit, its error.

import { make, worded } from "./dom.js";
import { Pictures } from "./pictures.js";

const MOST_CHIPS = 8;
let count = 0;

/**
 * The control of the parameter `key`. `change(key, value)` is called when a person changes it
 * (null: back to the default); `held(key)` tells that its shown value must not be replaced yet.
 */
export function controlFor(key, schema, root, { change, held }) {
  const facts = resolved(schema, root);
  const input = inputFor(key, facts, (value) => change(key, value));
  return new Control(key, facts, input, { change, held });
}

class Control {
  #key;
  #facts;
  #input;
  #held;
  #error = make("p", { className: "error", role: "alert", hidden: true });
  #value = make("output", {});
  #reset;

  constructor(key, facts, input, { change, held }) {
    this.#key = key;
    this.#facts = facts;
    this.#input = input;
    this.#held = held;
    const name = facts.label ?? worded(key);
    this.#reset = make("button", { type: "button", className: "reset", title: `Reset ${name.toLowerCase()}`, "aria-label": `Reset ${name.toLowerCase()}` }, "↺");
    this.#reset.addEventListener("click", () => change(key, null));
    this.element = this.#frame(name, input);
    input.element.addEventListener("input", () => this.#tell(input.read()));
  }

  /** Show the value among `params`, unless a person is just changing it. */
  show(params) {
    if (this.#held(this.#key) || !(this.#key in params)) return;
    const value = params[this.#key];
    this.#input.write(value);
    this.#tell(value);
  }

  /** Hide it where the other controls' values leave it nothing to do. */
  fit(values) {
    this.element.hidden = "const" in this.#facts || !applies(this.#facts.shown_when, values);
  }

  /** The value it shows. */
  get value() {
    return this.#input.read();
  }

  /** Say what is wrong with the value; an empty message takes it back. */
  complain(message) {
    this.#error.textContent = plain(message);
    this.#error.hidden = !message;
    this.element.classList.toggle("wrong", Boolean(message));
  }

  #frame(name, input) {
    const id = `control-${(count += 1)}`;
    const about = make("span", { className: "unseen", id: `${id}-about` }, this.#facts.description ?? "");
    this.#error.id = `${id}-error`;
    const label = make(input.group ? "span" : "label", { className: "name", id: `${id}-name` }, name);
    if (!input.group) label.htmlFor = input.focus.id = id;
    input.focus.setAttribute("aria-labelledby", label.id);
    input.focus.setAttribute("aria-describedby", `${about.id} ${this.#error.id}`);
    const head = make("div", { className: "head" }, label, this.#value, this.#reset);
    const inline = input.inline ? " inline" : "";
    return make("div", { className: `control${inline}`, "data-parameter": this.#key, title: this.#facts.description ?? "" }, head, input.element, about, this.#error);
  }

  #tell(value) {
    this.#value.textContent = this.#input.silent ? "" : shown(value, this.#facts);
    this.#reset.hidden = this.#facts.default === undefined || value === this.#facts.default;
  }
}

/** A validator's message without the validator's own preface. */
export const plain = (message) => message.replace(/^Value error, /, "");

/** The schema with references and `anyOf [..., null]` taken apart. */
function resolved(schema, root) {
  const { $ref, anyOf, allOf, ...rest } = schema;
  const inner = $ref ? resolved(root.$defs[$ref.split("/").pop()], root) : {};
  const options = (anyOf ?? allOf ?? []).map((option) => resolved(option, root));
  const real = options.find((option) => option.type !== "null") ?? {};
  return { ...inner, ...real, ...rest, nullable: options.some((option) => option.type === "null") };
}

/** True unless another parameter's value says that this one does nothing now. */
function applies(condition, params) {
  return Object.entries(condition ?? {}).every(([key, values]) => [values].flat().includes(params[key]));
}

function inputFor(key, facts, change) {
  if (facts.media || key === "source") return new Pictures(facts.media ?? "backgrounds", change);
  if (facts.enum) return facts.enum.length > MOST_CHIPS ? select(facts, change) : chips(facts, change);
  if (facts.type === "boolean") return toggle(change);
  if (facts.type === "number" || facts.type === "integer") return number(facts, change);
  return isColour(facts) ? colour(change) : text(facts, change);
}

/** A text that is called a colour, or that has to look like one. */
function isColour({ format, pattern }) {
  return format === "color" || Boolean(pattern && RegExp(pattern).test("#1a2b3c") && !RegExp(pattern).test("1"));
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

function number(facts, change) {
  const { minimum, maximum, step } = bounds(facts);
  const both = minimum !== undefined && maximum !== undefined;
  const element = make("input", { type: both ? "range" : "number" });
  Object.assign(element, { min: minimum ?? "", max: maximum ?? "", step });
  const read = () => (element.value === "" ? null : Number(element.value));
  const fill = () => element.style.setProperty("--share", both ? (read() - minimum) / (maximum - minimum) : 0);
  element.addEventListener("input", () => {
    fill();
    change(read());
  });
  return {
    element, focus: element, silent: !both, read,
    write: (value) => {
      element.value = value ?? "";
      fill();
    },
  };
}

function bounds(facts) {
  const integer = facts.type === "integer";
  const least = facts.minimum ?? facts.exclusiveMinimum;
  const most = facts.maximum ?? facts.exclusiveMaximum;
  const step = facts.multipleOf ?? (integer ? 1 : fineStep(most - least));
  return {
    step,
    minimum: facts.minimum ?? (least === undefined ? least : least + step),
    maximum: facts.maximum ?? (most === undefined ? most : most - step),
  };
}

/** A hundredth of the range, rounded up to 1, 2 or 5 times a power of ten. */
function fineStep(range) {
  if (!Number.isFinite(range)) return "any";
  const power = 10 ** Math.floor(Math.log10(range / 100));
  const digit = [1, 2, 5, 10].find((candidate) => candidate * power >= (range / 100) * 0.999);
  return Number((digit * power).toPrecision(1));
}

function chips(facts, change) {
  const group = `choice-${(count += 1)}`;
  const radios = facts.enum.map((value) => make("input", { type: "radio", name: group, value: String(value) }));
  const labels = radios.map((radio, index) => make("label", {}, radio, make("span", {}, worded(String(facts.enum[index])))));
  const element = make("div", { className: "chips", role: "radiogroup" }, ...labels);
  const read = () => facts.enum[radios.findIndex((radio) => radio.checked)];
  element.addEventListener("change", () => change(read()));
  return {
    element, focus: element, group: true, silent: true, read,
    write: (value) => radios.forEach((radio, index) => (radio.checked = facts.enum[index] === value)),
  };
}

function select(facts, change) {
  const options = facts.enum.map((value) => make("option", { value: String(value) }, worded(String(value))));
  const element = make("select", {}, ...options);
  const read = () => facts.enum[element.selectedIndex];
  element.addEventListener("change", () => change(read()));
  return {
    element, focus: element, silent: true, read,
    write: (value) => (element.selectedIndex = facts.enum.indexOf(value)),
  };
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
  const element = make("input", { type: "text", placeholder: facts.nullable ? "none" : "" });
  element.addEventListener("change", () => change(element.value || (facts.nullable ? null : "")));
  return {
    element, focus: element, silent: true,
    read: () => element.value,
    write: (value) => (element.value = typeof value === "object" ? JSON.stringify(value ?? "") : value),
  };
}

function shown(value, facts) {
  if (typeof value !== "number") return value ?? "";
  const { step } = bounds(facts);
  const digits = Number.isFinite(step) ? Math.max(0, -Math.floor(Math.log10(step))) : 2;
  const unit = facts.unit ? `\u202f${facts.unit}` : "";
  return value.toFixed(digits).replace("-", "\u2212") + unit;
}
