import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import { reasonOf } from "./dataset-error.ts";

/**
 * Names in a folder that an option gave, with `recursive` as paths from the folder.
 * @throws RefineError `configuration` with `hint` when the folder cannot be listed.
 */
export async function listFolder(
  folder: string,
  { hint, recursive = false }: { readonly hint: string; readonly recursive?: boolean },
): Promise<readonly string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (cause) {
    throw new RefineError("configuration", `The folder ${resolve(folder)} cannot be listed: ${reasonOf(cause)}`, {
      hint,
      cause,
    });
  }
}
