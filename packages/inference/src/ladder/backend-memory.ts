import type { ByteFolder } from "../cache/byte-folder.ts";

/** Which step a candidate failed at. */
export type PreflightStage = "open" | "limits" | "load" | "run" | "parity" | "timing" | "later";

export interface PreflightResult {
  /** Id of the rung. */
  readonly backend: string;
  readonly outcome: "passed" | "refused";
  /** Absent when it passed. */
  readonly stage?: PreflightStage;
  /** In words, for the panel. */
  readonly reason: string;
  /** Of the probe, warm. */
  readonly milliseconds?: number;
}

/** What was decided for one model on one machine. */
export interface BackendDecision {
  /** Id of the rung that runs the model. */
  readonly backend: string;
  /** "user" outlives everything but the user's next choice. */
  readonly decidedBy: "preflight" | "user";
  readonly results: readonly PreflightResult[];
}

/** Where decisions outlive the page. What cannot be read or written is forgotten, and decided anew. */
export interface BackendMemory {
  read(key: string): Promise<BackendDecision | undefined>;
  write(key: string, decision: BackendDecision | undefined): Promise<void>;
}

export function volatileMemory(): BackendMemory {
  const decisions = new Map<string, BackendDecision>();
  return {
    read: async (key) => decisions.get(key),
    async write(key, decision) {
      if (decision) decisions.set(key, decision);
      else decisions.delete(key);
    },
  };
}

/** One small file per decision. `key` must be a file name. */
export function folderMemory(folder: ByteFolder): BackendMemory {
  const nameOf = (key: string) => `${key}.backend`;
  return {
    async read(key) {
      try {
        const bytes = await folder.read(nameOf(key));
        const value: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes));
        return isDecision(value) ? value : undefined;
      } catch {
        return undefined;
      }
    },
    async write(key, decision) {
      const name = nameOf(key);
      const done = decision
        ? folder.write(name, new TextEncoder().encode(JSON.stringify(decision)))
        : folder.remove(name);
      await done.catch(() => {});
    },
  };
}

function isDecision(value: unknown): value is BackendDecision {
  if (typeof value !== "object" || value === null) return false;
  const { backend, decidedBy, results } = value as Partial<Record<keyof BackendDecision, unknown>>;
  return typeof backend === "string" && (decidedBy === "preflight" || decidedBy === "user") && Array.isArray(results);
}
