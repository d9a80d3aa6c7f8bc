import { InvalidArgumentError } from "commander";

/** A field of the training configuration by its path, such as `optimiser.momentum`, and its new value. */
export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Fields that are chosen by options of their own, since other things depend on them. */
const RESERVED = new Set(["recipe", "seed"]);

/** Parses and collects `--set key=value`; the value is JSON or, where it is none, text. */
export function collectSetting(text: string, before: readonly Setting[] = []): readonly Setting[] {
  const [, key, value] = /^([A-Za-z0-9.]+)=(.+)$/s.exec(text) ?? [];
  if (!key || value === undefined) throw new InvalidArgumentError("For example learningRate=0.01.");
  if (RESERVED.has(key)) throw new InvalidArgumentError(`Use --${key}.`);
  return [...before, { path: key.split("."), value: jsonOrText(value) }];
}

/** The configuration with the settings in it, unchecked. An object as value replaces the whole field. */
export function withSettings(configuration: object, settings: readonly Setting[]): object {
  return settings.reduce<object>((changed, { path, value }) => withField(changed, path, value), configuration);
}

function withField(fields: object, [key, ...rest]: readonly string[], value: unknown): object {
  if (rest.length === 0) return { ...fields, [key!]: value };
  const inner: unknown = (fields as Record<string, unknown>)[key!];
  return { ...fields, [key!]: withField(typeof inner === "object" && inner !== null ? inner : {}, rest, value) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
