// What a JSON schema says of one value: its bounds, its unit, its name, where it belongs.

import { worded } from "./dom.js";

const UNITS = { ms: "ms", s: "s", m: "m", mm: "mm", deg: "°", px: "px", kbps: "kbit/s", percent: "%" };
const ADVANCED = "advanced";

/** The schema with references and `anyOf [..., null]` taken apart. */
function resolved(schema, root) {
  const { $ref, anyOf, allOf, ...rest } = schema;
  const inner = $ref ? resolved(root.$defs[$ref.split("/").pop()], root) : {};
  const options = (anyOf ?? allOf ?? []).map((option) => resolved(option, root));
  const real = options.find((option) => option.type !== "null") ?? {};
  return { ...inner, ...real, ...rest, nullable: options.some((option) => option.type === "null") };
}

/** Every value of an object's schema as `[key, facts]`. */
export function values(schema) {
  return Object.entries(schema.properties ?? {}).map(([key, value]) => [key, resolved(value, schema)]);
}

/**
 * The values in their groups, `[{name, values}]`: first those without a `group`, whose name is
 * empty, then each group where its first value stands, then the group `advanced`.
 */
export function groups(schema) {
  const found = new Map([["", []]]);
  for (const [key, facts] of values(schema)) {
    const name = facts.group ?? "";
    if (!found.has(name)) found.set(name, []);
    found.get(name).push([key, facts]);
  }
  const list = [...found].map(([name, members]) => ({ name, values: members, closed: name === ADVANCED }));
  return [...list.filter(({ closed }) => !closed), ...list.filter(({ closed }) => closed)].filter((group) => group.values.length);
}

/** True unless another parameter's value says that this one does nothing now. */
export function applies(condition, others) {
  return Object.entries(condition ?? {}).every(([key, wanted]) => [wanted].flat().includes(others[key]));
}

/** A value's name as a person writes it, its unit aside. */
export function labelOf(key, facts) {
  return facts.label ?? worded(suffix(key) ? key.replace(/_[^_]+$/, "") : key);
}

/** The unit of a value, from its schema or from the end of its name. */
export function unitOf(key, facts) {
  return facts.unit ?? suffix(key) ?? "";
}

/** Least and most value a person may choose, and the step between two. */
export function bounds(facts) {
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

/** A value in words, with its unit. */
export function shown(value, facts, unit) {
  if (value === null || value === undefined) return facts.nullable ? "Automatic" : "";
  if (typeof value !== "number") return value;
  const { step } = bounds(facts);
  const digits = Number.isFinite(step) ? Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) : 2;
  const space = unit === "°" || unit === "" ? "" : "\u202f";
  return value.toFixed(digits).replace("-", "\u2212") + space + unit;
}

/** A text that is called a colour, or that has to look like one. */
export function isColour({ format, pattern }) {
  return format === "color" || Boolean(pattern && RegExp(pattern).test("#1a2b3c") && !RegExp(pattern).test("1"));
}

const suffix = (key) => UNITS[key.split("_").slice(1).pop()];

/** A hundredth of the range, rounded down to 1, 2 or 5 times a power of ten, as for Home Assistant. */
function fineStep(range) {
  if (!Number.isFinite(range)) return "any";
  const power = 10 ** Math.floor(Math.log10(range / 100));
  const digit = [5, 2, 1].find((candidate) => candidate * power <= (range / 100) * 1.0001);
  return Number((digit * power).toPrecision(1));
}
