import { isRefineError, RefineError, type RefineErrorCode, type RefineErrorDetails } from "@samrefine/core";

/** An error as plain data: structured clones keep neither codes nor brands. */
export interface WireError {
  readonly code: RefineErrorCode | undefined;
  readonly message: string;
  readonly hint: string;
  readonly details: RefineErrorDetails;
}

export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: WireError };

export function toWireError(error: unknown): WireError {
  if (isRefineError(error)) {
    return { code: error.code, message: error.message, hint: error.hint, details: error.details };
  }
  return { code: undefined, message: error instanceof Error ? error.message : String(error), hint: "", details: {} };
}

/** The error again, with its code; what was no {@link RefineError} comes back as `inference`. */
export function fromWireError(error: WireError): RefineError {
  return new RefineError(error.code ?? "inference", error.message, { hint: error.hint, details: error.details });
}

/** Every array buffer in a result, once, so that it moves instead of being copied. Shared memory stays where it is. */
export function transferables(value: unknown, found: Set<ArrayBuffer> = new Set()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (Array.isArray(value)) {
    for (const item of value) transferables(item, found);
  } else if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) transferables(item, found);
  }
  return [...found];
}
