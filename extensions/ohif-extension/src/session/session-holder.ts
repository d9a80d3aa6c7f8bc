import type { RefineSession } from "./session.ts";

interface HeldSession {
  readonly session: RefineSession;
  dispose(): Promise<void>;
}

/** The one session of the open study, for the panel, the tool and the commands. */
export class SessionHolder {
  factory: (() => HeldSession) | undefined;
  #held: HeldSession | undefined;

  get current(): RefineSession | undefined {
    return this.#held?.session;
  }

  /** The session of the open study; begins it when there is none. */
  begin(): RefineSession | undefined {
    if (!this.#held && this.factory) {
      this.#held = this.factory();
      void this.#held.session.start();
    }
    return this.current;
  }

  async end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.dispose();
  }
}
