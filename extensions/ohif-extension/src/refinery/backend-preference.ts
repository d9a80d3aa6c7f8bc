import type { BackendChoice, LadderEngine } from "@samrefine/inference";

/** What a person may ask for: the fastest that proved right on this machine, or one of the two in any case. */
export type BackendPreference = "automatic" | "webgpu" | "wasm";

export const backendPreferences: readonly { readonly id: BackendPreference; readonly title: string }[] = [
  { id: "automatic", title: "Automatic: the fastest that proves right" },
  { id: "webgpu", title: "WebGPU" },
  { id: "wasm", title: "WebAssembly" },
];

const STORAGE_KEY = "samrefine-backend";

export function readBackendPreference(storage: Pick<Storage, "getItem"> = localStorage): BackendPreference {
  const stored = storage.getItem(STORAGE_KEY);
  return backendPreferences.find(({ id }) => id === stored)?.id ?? "automatic";
}

export function writeBackendPreference(
  preference: BackendPreference,
  storage: Pick<Storage, "setItem"> = localStorage,
): void {
  storage.setItem(STORAGE_KEY, preference);
}

type Ladder = Pick<LadderEngine, "choices" | "choose" | "rungs">;

/** False when every loaded model runs where the preference wants it. */
export function mustMove(preference: BackendPreference, choices: readonly BackendChoice[]): boolean {
  return choices.some((choice) => moveOf(preference, choice) !== undefined);
}

/**
 * Moves the loaded models where the preference wants them. Embeddings that they made are gone afterwards.
 * @throws RefineError what opening the back end and loading the model there throw; that model stays where it was.
 */
export async function applyBackendPreference(engine: Ladder, preference: BackendPreference): Promise<void> {
  for (const choice of engine.choices()) {
    const move = moveOf(preference, choice);
    if (move !== undefined) await engine.choose(choice.modelId, move === "base" ? engine.rungs.at(-1)! : move);
  }
}

function moveOf(
  preference: BackendPreference,
  { backend, decidedBy }: BackendChoice,
): "auto" | "webgpu" | "base" | undefined {
  switch (preference) {
    case "automatic":
      return decidedBy === "user" ? "auto" : undefined;
    case "webgpu":
      return backend === "webgpu" ? undefined : "webgpu";
    case "wasm":
      // A person's word, so that no pre-flight moves it later.
      return backend !== "webgpu" && decidedBy === "user" ? undefined : "base";
  }
}
