// The part of IndexedDB that is used. The package compiles without DOM types and is handed the factory, as it is handed
// `fetch`: the global `indexedDB` of browsers and workers fits.

export interface DatabaseRequest<T> {
  readonly result: T;
  readonly error: { readonly name: string; readonly message: string } | null;
  addEventListener(type: "success" | "error" | "blocked" | "upgradeneeded", listener: () => void): void;
}

export interface ObjectStore {
  put(value: unknown, key: string): DatabaseRequest<unknown>;
  get(key: string): DatabaseRequest<unknown>;
  getAll(): DatabaseRequest<unknown[]>;
  delete(key: string): DatabaseRequest<undefined>;
}

export interface Transaction {
  readonly error: { readonly name: string; readonly message: string } | null;
  objectStore(name: string): ObjectStore;
  addEventListener(type: "complete" | "error" | "abort", listener: () => void): void;
}

export interface Database {
  transaction(storeNames: string[], mode: "readonly" | "readwrite"): Transaction;
  createObjectStore(name: string): unknown;
  addEventListener(type: "versionchange", listener: () => void): void;
  close(): void;
}

/** Structurally a part of the DOM's IDBFactory. */
export interface DatabaseFactory {
  open(name: string, version: number): DatabaseRequest<Database>;
}

/** The result of a request. Rejects with the database's own error. */
export function resultOf<T>(request: DatabaseRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
    request.addEventListener("blocked", () => reject(new Error("another tab holds an older version open")));
  });
}

/** Resolves when everything of the transaction is on disk: a request that succeeded may still be rolled back. */
export function completionOf(transaction: Transaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("the transaction was aborted")));
  });
}
