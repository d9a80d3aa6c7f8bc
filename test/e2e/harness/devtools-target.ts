import type { CDPSession } from "playwright-core";

/** A page or worker that speaks the DevTools protocol. */
export interface DevtoolsTarget {
  readonly url: string;
  send(method: string, parameters?: object): Promise<unknown>;
}

interface AttachedToTarget {
  readonly sessionId: string;
  readonly targetInfo: { readonly url: string };
}

interface ReceivedMessage {
  readonly sessionId: string;
  readonly message: string;
}

/** One end of the protocol: requests by number, events by name. */
class Channel implements DevtoolsTarget {
  readonly url: string;
  readonly #post: (message: string) => Promise<unknown>;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  readonly children = new Map<string, Channel>();
  #nextId = 1;

  constructor(url: string, post: (message: string) => Promise<unknown>) {
    this.url = url;
    this.#post = post;
  }

  send(method: string, params: object = {}): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post(JSON.stringify({ id, method, params })).catch(reject);
    });
  }

  receive(text: string): void {
    const message = JSON.parse(text);
    if (message.id === undefined) handleEvent(this, message.method, message.params);
    else if (message.error) this.#pending.get(message.id)?.reject(new Error(message.error.message));
    else this.#pending.get(message.id)?.resolve(message.result);
  }
}

function handleEvent(parent: Pick<Channel, "children" | "send">, method: string, params: unknown): void {
  if (method === "Target.attachedToTarget") {
    const { sessionId, targetInfo } = params as AttachedToTarget;
    const post = (message: string) => parent.send("Target.sendMessageToTarget", { sessionId, message });
    parent.children.set(sessionId, new Channel(targetInfo.url, post));
  } else if (method === "Target.receivedMessageFromTarget") {
    const { sessionId, message } = params as ReceivedMessage;
    parent.children.get(sessionId)?.receive(message);
  }
}

const autoAttach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: false };

/** The workers of a page and the workers that those started, in no order. */
export async function attachToWorkers(session: CDPSession): Promise<readonly DevtoolsTarget[]> {
  const page = {
    children: new Map<string, Channel>(),
    send: (method: string, parameters?: object) => session.send(method as "Target.setAutoAttach", parameters as never),
  };
  session.on("Target.attachedToTarget", (event) => handleEvent(page, "Target.attachedToTarget", event));
  session.on("Target.receivedMessageFromTarget", (event) =>
    handleEvent(page, "Target.receivedMessageFromTarget", event),
  );
  await page.send("Target.setAutoAttach", autoAttach);
  const found: Channel[] = [];
  const descend = async (children: Iterable<Channel>): Promise<void> => {
    for (const child of children) {
      found.push(child);
      await child.send("Target.setAutoAttach", autoAttach);
      await descend(child.children.values());
    }
  };
  await descend([...page.children.values()]);
  return found;
}
