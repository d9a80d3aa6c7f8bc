/**
 * Lets the browser draw and hear the user before we go on. Not by a timer: a tab in the background gets one a second, later one
 * a minute.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
