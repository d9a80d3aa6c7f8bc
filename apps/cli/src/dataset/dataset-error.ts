import { isRefineError, RefineError } from "@samrefine/core";

/** The `dataset` error; `message` names the case or the file and the value found. */
export function datasetError(
  message: string,
  options: { readonly hint?: string; readonly caseId?: string; readonly cause?: unknown } = {},
): RefineError {
  return new RefineError("dataset", message, {
    hint: options.hint ?? "Correct the data set and run the command again.",
    ...(options.caseId === undefined ? {} : { details: { caseId: options.caseId } }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

/** Words of any thrown value, for a message that adds the case to it. */
export function reasonOf(error: unknown): string {
  if (isRefineError(error) || error instanceof Error) return error.message;
  return String(error);
}
