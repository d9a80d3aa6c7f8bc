/**
 * A worker that closes itself, or that the browser ends, says nothing: no error event comes, and its calls are never answered.
 * What the browser does at every end is to release the Web Locks of the worker, so that a lock that is held for life and asked
 * for by the page tells of it. (Node's worker threads keep theirs, but tell of their end by an event.)
 */
type Locks = Pick<LockManager, "request">;

const locksHere = (): Locks | undefined => globalThis.navigator?.locks;

/**
 * In the worker: takes a lock of its own and never gives it back.
 * @returns the lock's name once it is held; undefined where the browser has no Web Locks, as on insecure origins.
 */
export async function holdLife(locks: Locks | undefined = locksHere()): Promise<string | undefined> {
  if (!locks) return undefined;
  const name = `samrefine-${crypto.randomUUID()}`;
  return new Promise((resolve) => {
    const live = () => {
      resolve(name);
      return new Promise<never>(() => {});
    };
    locks.request(name, live).catch(() => resolve(undefined));
  });
}

/**
 * On the page: calls back once the worker is gone, at once when it is already.
 * @param name what {@link holdLife} gave
 */
export function watchLife(name: string | undefined, onEnd: () => void, locks: Locks | undefined = locksHere()): void {
  // Where the browser refuses the lock, only error events tell.
  if (name !== undefined) locks?.request(name, onEnd).catch(() => {});
}
