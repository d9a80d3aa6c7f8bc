import { RefineError } from "../errors.ts";

interface NumberRange {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly above?: number;
  readonly below?: number;
  readonly whole?: boolean;
}

/** Takes the keys of an object one by one and knows its place in the plan. */
export class RecordReader {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #taken = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalidPlan(path === "" ? "plan" : path, value, "an object");
    }
    this.#record = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  take(key: string): unknown {
    this.#taken.add(key);
    return Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
  }

  text(key: string): string {
    const value = this.take(key);
    if (typeof value !== "string" || value.trim() === "") throw invalidPlan(this.#at(key), value, "a text");
    return value;
  }

  texts(key: string): string[] {
    return this.list(key, (value, path) => {
      if (typeof value !== "string" || value.trim() === "") throw invalidPlan(path, value, "a text");
      return value;
    });
  }

  flag(key: string): boolean {
    const value = this.take(key);
    if (typeof value !== "boolean") throw invalidPlan(this.#at(key), value, "true or false");
    return value;
  }

  number(key: string, range: NumberRange): number {
    const value = this.take(key);
    if (!isInRange(value, range)) throw invalidPlan(this.#at(key), value, describeRange(range));
    return value;
  }

  numbers(key: string, range: NumberRange): number[] {
    return this.list(key, (value, path) => {
      if (!isInRange(value, range)) throw invalidPlan(path, value, describeRange(range));
      return value;
    });
  }

  only<const T extends string | number | boolean>(key: string, accepted: T): T {
    return this.oneOf(key, [accepted]);
  }

  oneOf<const T extends string | number | boolean>(key: string, accepted: readonly T[]): T {
    const value = this.take(key);
    const found = accepted.find((candidate) => candidate === value);
    if (found === undefined)
      throw invalidPlan(this.#at(key), value, accepted.map((a) => JSON.stringify(a)).join(" or "));
    return found;
  }

  list<T>(key: string, parse: (value: unknown, path: string) => T): T[] {
    const value = this.take(key);
    if (!Array.isArray(value)) throw invalidPlan(this.#at(key), value, "a list");
    return value.map((item, index) => parse(item, `${this.#at(key)}[${index}]`));
  }

  /** The key with its parsed value, or nothing when it is absent. */
  optional<const K extends string, T>(key: K, parse: () => T): { readonly [P in K]?: T } {
    return this.take(key) === undefined ? {} : ({ [key]: parse() } as { readonly [P in K]?: T });
  }

  refuseOthers(): void {
    for (const key of Object.keys(this.#record)) {
      if (!this.#taken.has(key)) throw invalidPlan(this.#at(key), "an unknown key", [...this.#taken].join(", "));
    }
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}

function isInRange(value: unknown, range: NumberRange): value is number {
  return (
    typeof value === "number" &&
    Number.isFinite(value) &&
    (range.minimum === undefined || value >= range.minimum) &&
    (range.maximum === undefined || value <= range.maximum) &&
    (range.above === undefined || value > range.above) &&
    (range.below === undefined || value < range.below) &&
    (range.whole !== true || Number.isInteger(value))
  );
}

function describeRange({ minimum, maximum, above, below, whole }: NumberRange): string {
  const limits = [
    minimum === undefined ? [] : [`at least ${minimum}`],
    above === undefined ? [] : [`above ${above}`],
    maximum === undefined ? [] : [`at most ${maximum}`],
    below === undefined ? [] : [`below ${below}`],
  ].flat();
  return [whole === true ? "a whole number" : "a number", limits.join(" and ")].filter((part) => part !== "").join(" ");
}

/** The error for one place of a plan. */
export function invalidPlan(path: string, found: unknown, accepted: string): RefineError {
  const shown = typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing").slice(0, 80);
  return new RefineError("invalid-plan", `Plan, ${path}: found ${shown}, accepted: ${accepted}.`, {
    hint: "Correct the plan at this place, or start from a preset.",
    details: { path, accepted },
  });
}
