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

const TASK = "samrefine/task";

/**
 * Teaches comlink, on the side that calls, the two things that cross here and that it does not know: tasks (signal, progress,
 * log) and typed errors, of which plain comlink keeps only name, message and stack. Calling it again changes nothing.
 */
export function installCallerHandlers(): void {
  if (transferHandlers.has(TASK)) return;
  const task: TransferHandler<TaskLink, TaskTicket> = {
    canHandle: (value): value is TaskLink => value instanceof TaskLink,
    serialize: (link) => link.ticket(),
    deserialize: refuseTask,
  };
  const plain = transferHandlers.get("throw") as TransferHandler<Thrown, unknown>;
  const thrown: TransferHandler<Thrown, unknown> = {
    ...plain,
    deserialize: (wire) => {
      if (isErrorWire(wire)) throw errorFromWire(wire.refineError);
      return plain.deserialize(wire);
    },
  };
  transferHandlers.set(TASK, task as TransferHandler<unknown, unknown>);
  transferHandlers.set("throw", thrown as TransferHandler<unknown, unknown>);
}

/** The same on the side of the worker, where a {@link RemoteTask} arrives for every {@link TaskLink} that was sent. */
export function installWorkerHandlers(): void {
  const task: TransferHandler<RemoteTask, TaskTicket> = {
    canHandle: (_value): _value is RemoteTask => false,
    serialize: refuseTask,
    deserialize: (ticket) => new RemoteTask(ticket),
  };
  const plain = transferHandlers.get("throw") as TransferHandler<Thrown, unknown>;
  const thrown: TransferHandler<Thrown, unknown> = {
    ...plain,
    serialize: (thrown) =>
      isRefineError(thrown.value) ? [{ refineError: errorToWire(thrown.value) }, []] : plain.serialize(thrown),
  };
  transferHandlers.set(TASK, task as TransferHandler<unknown, unknown>);
  transferHandlers.set("throw", thrown as TransferHandler<unknown, unknown>);
}

/** Tasks go one way. */
function refuseTask(): never {
  throw new TypeError("A task crosses from the caller to the worker only.");
}

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
