import type { RefineSession } from "./session.ts";

interface HeldSession {
  readonly session: RefineSession;
  dispose(): Promise<void>;
}

/** The one session of the open study, for the panel, the tool and the commands. */
export class SessionHolder {
  factory: (() => HeldSession) | undefined;
  /** Draws the panel for a session; set while the panel is on screen. */
  panel: ((session: RefineSession) => void) | undefined;
  #held: HeldSession | undefined;

  get current(): RefineSession | undefined {
    return this.#held?.session;
  }

  /** Gives the panel on screen its session and begins one when there is none. Without a panel nothing is begun. */
  showPanel(): void {
    if (!this.panel) return;
    if (!this.#held && this.factory) {
      this.#held = this.factory();
      void this.#held.session.start();
    }
    if (this.#held) this.panel(this.#held.session);
  }

  /** While the host still holds the study: what is not stored is read from it at once, and kept. */
  async end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.dispose();
    // The same study may be open again already.
    if (held) await this.current?.listWaiting();
  }
}
