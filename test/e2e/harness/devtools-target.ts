import type { Browser, CDPSession } from "playwright-core";

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

/**
 * A tab of the browser's own profile. Playwright holds its pages in the foreground for good; this one can be covered by
 * another tab and frozen, as browsers do it to save memory and power.
 */
export class OwnTab {
  readonly #browser: CDPSession;
  readonly #target: Channel;
  readonly #targetId: string;
  #cover: string | undefined;

  private constructor(browser: CDPSession, target: Channel, targetId: string) {
    this.#browser = browser;
    this.#target = target;
    this.#targetId = targetId;
  }

  static async open(browser: Browser, url: string): Promise<OwnTab> {
    const session = await browser.newBrowserCDPSession();
    const { targetId } = await session.send("Target.createTarget", { url });
    const { sessionId } = await session.send("Target.attachToTarget", { targetId, flatten: false });
    const target = new Channel(url, (message) => session.send("Target.sendMessageToTarget", { sessionId, message }));
    session.on("Target.receivedMessageFromTarget", (event) => target.receive(event.message));
    return new OwnTab(session, target, targetId);
  }

  /** Runs in the page, also in a frozen one. */
  async evaluate<A, T>(run: (argument: A) => T, argument: A): Promise<T> {
    const expression = `(${run})(${JSON.stringify(argument)})`;
    const { result, exceptionDetails } = (await this.#target.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
    })) as { readonly result: { readonly value: T }; readonly exceptionDetails?: object };
    if (exceptionDetails) throw new Error(`The page answered ${JSON.stringify(exceptionDetails)}.`);
    return result.value;
  }

  /** Another tab comes before it. */
  async hide(): Promise<void> {
    this.#cover = (await this.#browser.send("Target.createTarget", { url: "about:blank" })).targetId;
  }

  async show(): Promise<void> {
    await this.#browser.send("Target.activateTarget", { targetId: this.#targetId });
    if (this.#cover) await this.#browser.send("Target.closeTarget", { targetId: this.#cover });
  }

  /** Of a hidden tab: a visible one is never frozen. */
  async setFrozen(isFrozen: boolean): Promise<void> {
    await this.#target.send("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" });
  }

  async close(): Promise<void> {
    await this.#browser.send("Target.closeTarget", { targetId: this.#targetId });
    await this.#browser.detach();
  }
}
