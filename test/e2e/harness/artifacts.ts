import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryDirectory: string = fileURLToPath(new URL("../../../", import.meta.url));
export const artifactDirectory: string = join(repositoryDirectory, "test", "e2e", ".artifacts");

/** Path of a file that a person may want to look at after the run; git ignores the folder. */
export function artifactPath(name: string): string {
  mkdirSync(artifactDirectory, { recursive: true });
  return join(artifactDirectory, name);
}
