import type { RawSessionFactory } from "@samrefine/inference";

/**
 * Sessions that let the worker take its messages after every run. WebAssembly runs finish within the task that began them, so
 * that without this a whole training would pass before a pause or a cancellation is seen.
 */
export function yieldingSessions(create: RawSessionFactory): RawSessionFactory {
  return async (bytes, options) => {
    const session = await create(bytes, options);
    return {
      ...session,
      async run(feeds) {
        const outputs = await session.run(feeds);
        await nextTask();
        return outputs;
      },
    };
  };
}

/** A message rather than a timer: browsers hold nested timers back by 4 ms. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
