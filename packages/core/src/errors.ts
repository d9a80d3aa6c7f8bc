/** Every failure that a caller can act on, as a closed list. */
export type RefineErrorCode =
  | "shape-mismatch"
  | "invalid-geometry"
  | "prompt-out-of-bounds"
  | "invalid-plan"
  | "missing-capability"
  | "model-manifest"
  | "model-integrity"
  | "model-fetch"
  | "backend-unavailable"
  | "inference"
  | "out-of-memory"
  | "worker-crashed"
  | "unsupported-dicom"
  | "seg-encoding"
  | "dicomweb"
  | "invalid-format"
  | "dataset"
  | "training"
  | "configuration"
  | "viewer-assembly"
  | "disposed";

/** Facts about the failure that survive a worker boundary: plain values only, never pixels and never patient data. */
export type RefineErrorDetails = Readonly<
  Record<string, string | number | boolean | null | readonly (string | number)[]>
>;

const BRAND: symbol = Symbol.for("@samrefine/error");

/**
 * The one error class of the project. `message` says what failed, the value found and the values accepted;
 * `hint` says what to do next. Narrow with {@link isRefineError}, not with `instanceof`: errors cross workers and bundles.
 */
export class RefineError extends Error {
  readonly code: RefineErrorCode;
  readonly details: RefineErrorDetails;
  readonly hint: string;

  constructor(
    code: RefineErrorCode,
    message: string,
    options: { readonly hint?: string; readonly details?: RefineErrorDetails; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RefineError";
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint ?? "";
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** True for a {@link RefineError} of any copy of this module, optionally of one code. */
export function isRefineError(value: unknown, code?: RefineErrorCode): value is RefineError {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as { readonly [key: symbol]: unknown; readonly code?: unknown };
  return candidate[BRAND] === true && (code === undefined || candidate.code === code);
}
