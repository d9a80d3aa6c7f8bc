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

  async end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.dispose();
  }
}
