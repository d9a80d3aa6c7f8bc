import { execFileSync } from "node:child_process";

export interface Torch {
  readonly python: string;
  readonly version: string;
}

/** The first Python that can import torch: the one that was named, a virtual environment's, the system's. */
export function findTorch(named: string | undefined): Torch | undefined {
  for (const python of [named, "python3", "/usr/bin/python3"]) {
    if (python === undefined) continue;
    try {
      const output = execFileSync(python, ["-c", "import torch; print(torch.__version__)"], { stdio: "pipe" });
      return { python, version: output.toString().trim() };
    } catch {
      // Not this one: the next may have it, and without any the caller says so.
    }
  }
  return undefined;
}
