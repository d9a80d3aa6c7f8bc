import { isRefineError, RefineError, type RefineErrorCode, type RefineErrorDetails } from "@samrefine/core";
import { type TransferHandler, transferHandlers } from "comlink";
import { RemoteTask, TaskLink, type TaskTicket } from "./task-link.ts";

interface ErrorWire {
  readonly code: RefineErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: RefineErrorDetails;
  readonly stack: string | undefined;
}

/** comlink's own envelope of a thrown value; its marker is private, so that its handler must tell them apart. */
interface Thrown {
  readonly value: unknown;
}

/**
 * Teaches comlink the two things that cross here and that it does not know: tasks (signal, progress, log) and typed errors,
 * of which plain comlink keeps only name, message and stack. Both sides call it once; calling it again changes nothing.
 */
export function installTransferHandlers(): void {
  if (transferHandlers.has("samrefine/task")) return;
  transferHandlers.set("samrefine/task", taskHandler as TransferHandler<unknown, unknown>);
  const plain = transferHandlers.get("throw") as TransferHandler<Thrown, unknown>;
  const handler: TransferHandler<Thrown, unknown> = {
    canHandle: plain.canHandle,
    serialize: (thrown) =>
      isRefineError(thrown.value) ? [{ refineError: errorToWire(thrown.value) }, []] : plain.serialize(thrown),
    deserialize: (wire) => {
      if (isErrorWire(wire)) throw errorFromWire(wire.refineError);
      return plain.deserialize(wire);
    },
  };
  transferHandlers.set("throw", handler as TransferHandler<unknown, unknown>);
}

/** Arrives as a {@link RemoteTask} where a {@link TaskLink} was sent. */
const taskHandler: TransferHandler<TaskLink | RemoteTask, TaskTicket> = {
  canHandle: (value): value is TaskLink => value instanceof TaskLink,
  serialize: (link) => (link as TaskLink).ticket(),
  deserialize: (ticket) => new RemoteTask(ticket),
};

function isErrorWire(wire: unknown): wire is { readonly refineError: ErrorWire } {
  return typeof wire === "object" && wire !== null && "refineError" in wire;
}

function errorToWire(error: RefineError): ErrorWire {
  const { code, message, hint, details, stack } = error;
  return { code, message, hint, details, stack };
}

function errorFromWire({ code, message, hint, details, stack }: ErrorWire): RefineError {
  const error = new RefineError(code, message, { hint, details });
  if (stack !== undefined) error.stack = stack;
  return error;
}
