import { RefineError } from "@samrefine/core";

/** @throws RefineError `disposed`. */
export function requireAlive(disposed: boolean, what: string): void {
  if (!disposed) return;
  throw new RefineError("disposed", `${what} was disposed and cannot be used any more.`, {
    hint: "Load or encode it again; dispose a handle only after its last use.",
  });
}
