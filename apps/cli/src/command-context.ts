import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Terminal } from "./terminal/terminal.ts";

/** What every command is given when it is registered. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export type Provider = "cpu" | "webgpu" | "wasm";

/** Options that every command understands. */
export interface CommonOptions {
  readonly seed: number;
  /** undefined: as many as the machine has. */
  readonly threads?: number;
  readonly provider: Provider;
  /** Where the machine-readable result goes. */
  readonly json?: string;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("--seed <number>", "seed of everything random", parseInteger(0), 1)
    .option("--threads <number>", "threads of the model runtime (default: all cores)", parseInteger(1))
    .addOption(
      new Option("--provider <name>", "where models run").choices(["cpu", "webgpu", "wasm"]).default("cpu" as Provider),
    )
    .option("--json <file>", "also write the result as JSON to this file");
}

/** Argument parser for commander: an integer of at least `minimum`. */
export function parseInteger(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`An integer of at least ${minimum} is needed.`);
    }
    return value;
  };
}

/** Argument parser for commander: "a, b,c" -> ["a", "b", "c"], at least one. */
export function parseList(text: string): readonly string[] {
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items.length === 0) throw new InvalidArgumentError("A comma-separated list of at least one name is needed.");
  return items;
}

/** Writes text or bytes, making the folder when needed. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(resolve(path)), { recursive: true });
    await writeFile(path, content);
  } catch (cause) {
    throw new RefineError("configuration", `${path} cannot be written: ${(cause as Error).message}`, {
      hint: "Choose a folder that can be written to and has space left.",
      cause,
    });
  }
}

/** JSON with a final newline, two spaces per level. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeOutput(path, `${JSON.stringify(value, null, 2)}\n`);
}
