import type { Locator, Page } from "playwright-core";

/** `data-state` of the panel. */
export type PanelState = "idle" | "loading" | "running" | "review" | "storing" | "stored" | "error";

/** One row of the segment list as its data attributes say. */
export interface SegmentRow {
  readonly number: number;
  readonly label: string;
  readonly voxels: number;
  /** Estimated Dice, NaN while there is none. */
  readonly quality: number;
}

/** States and progress in the order in which the panel showed them. */
export interface RecordedRun {
  readonly states: string[];
  /** While running. */
  readonly progress: { readonly now: number; readonly max: number }[];
}

type RecordingGlobal = typeof globalThis & { samrefineRecording?: RecordedRun };

/** The SAM Refine panel, by the test ids that it promises. */
export class RefinePanel {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get root(): Locator {
    return this.#page.getByTestId("samrefine-panel");
  }

  /** An element inside the panel, e.g. `samrefine-auto`. */
  part(testId: string): Locator {
    return this.root.getByTestId(testId);
  }

  async waitUntilThere(timeoutMs = 60_000): Promise<void> {
    await this.root.waitFor({ state: "visible", timeout: timeoutMs });
  }

  async state(): Promise<PanelState> {
    return (await this.root.getAttribute("data-state")) as PanelState;
  }

  /**
   * Waits for one of the states. An error state that is not waited for fails at once, with what the panel says.
   * @returns the state that was reached
   */
  async waitForState(wanted: PanelState | readonly PanelState[], timeoutMs = 120_000): Promise<PanelState> {
    const states = typeof wanted === "string" ? [wanted] : wanted;
    const ends = [...new Set<PanelState>([...states, "error"])];
    const selector = ends.map((state) => `[data-testid="samrefine-panel"][data-state="${state}"]`).join(",");
    try {
      await this.#page.waitForSelector(selector, { timeout: timeoutMs });
    } catch (cause) {
      throw new Error(
        `The panel is in state ${await this.state()}, not ${states.join(" or ")}: ${await this.status()}`,
        {
          cause,
        },
      );
    }
    const reached = await this.state();
    if (!states.includes(reached)) throw new Error(`The panel is in state ${reached}: ${await this.status()}`);
    return reached;
  }

  async status(): Promise<string> {
    return (await this.part("samrefine-status").first().textContent())?.trim() ?? "";
  }

  /** What runs and on what. */
  async backend(): Promise<string> {
    return (await this.part("samrefine-backend").textContent())?.trim() ?? "";
  }

  /** Ids of the models on offer. */
  async modelIds(): Promise<readonly string[]> {
    return this.part("samrefine-model")
      .locator("option")
      .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value).filter(Boolean));
  }

  async selectedModel(): Promise<string> {
    return this.part("samrefine-model").inputValue();
  }

  async selectModel(id: string): Promise<void> {
    await this.part("samrefine-model").selectOption(id);
  }

  async segmentStudy(): Promise<void> {
    await this.part("samrefine-auto").click();
  }

  /** Presses Cancel as soon as the panel shows so much progress: inside the page, since a small series is soon done. */
  async cancelAt(completed: number, timeoutMs = 240_000): Promise<void> {
    await this.#page.waitForFunction(
      (least) => {
        const part = (id: string) => document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
        if (part("samrefine-panel")?.dataset.state !== "running") return false;
        if (Number(part("samrefine-progress")?.getAttribute("aria-valuenow") ?? 0) < least) return false;
        part("samrefine-cancel")?.click();
        return true;
      },
      completed,
      { timeout: timeoutMs },
    );
  }

  async undo(): Promise<void> {
    await this.part("samrefine-undo").click();
  }

  async store(): Promise<void> {
    await this.part("samrefine-store").click();
  }

  /** Chooses what a download is, e.g. `nifti`. */
  async selectFormat(format: string): Promise<void> {
    await this.part("samrefine-format").selectOption(format);
  }

  /** Presses Download. @returns path of the file */
  async download(): Promise<string> {
    const [download] = await Promise.all([
      this.#page.waitForEvent("download"),
      this.part("samrefine-download").click(),
    ]);
    return download.path();
  }

  /** Progress as the progress bar says it; undefined while there is none. */
  async progress(): Promise<{ readonly now: number; readonly max: number } | undefined> {
    const bar = this.part("samrefine-progress");
    if ((await bar.count()) === 0) return undefined;
    const [now, max] = [await bar.getAttribute("aria-valuenow"), await bar.getAttribute("aria-valuemax")];
    return now === null || max === null ? undefined : { now: Number(now), max: Number(max) };
  }

  async segments(): Promise<readonly SegmentRow[]> {
    return this.part("samrefine-segment-row").evaluateAll((rows) =>
      rows.map((row) => ({
        number: Number(row.getAttribute("data-segment-number")),
        label: row.getAttribute("data-label") ?? "",
        voxels: Number(row.getAttribute("data-voxels")),
        quality: Number.parseFloat(row.getAttribute("data-quality") ?? ""),
      })),
    );
  }

  /** Waits until the panel has chosen a model by itself and offers to run it. */
  async waitForModel(id: string, timeoutMs = 60_000): Promise<void> {
    const select = `[data-testid="samrefine-panel"] [data-testid="samrefine-model"]`;
    await this.#page
      .waitForFunction(
        ({ selector, wanted }) => document.querySelector<HTMLSelectElement>(selector)?.value === wanted,
        { selector: select, wanted: id },
        { timeout: timeoutMs },
      )
      .catch(async (cause: unknown) => {
        const [chosen, offered] = [await this.selectedModel(), await this.modelIds()];
        throw new Error(`The panel chose "${chosen}" of ${offered.join(", ")}, not ${id}: ${await this.status()}`, {
          cause,
        });
      });
  }

  /** From now on keeps every state and every step of progress that the panel shows, however short. */
  async record(): Promise<void> {
    await this.#page.evaluate(() => {
      const panel = document.querySelector('[data-testid="samrefine-panel"]');
      if (panel === null) throw new Error("There is no panel.");
      const recording: RecordedRun = { states: [], progress: [] };
      (globalThis as RecordingGlobal).samrefineRecording = recording;
      const look = (): void => {
        const state = panel.getAttribute("data-state") ?? "";
        if (recording.states.at(-1) !== state) recording.states.push(state);
        const bar = panel.querySelector('[data-testid="samrefine-progress"]');
        const [now, max] = [bar?.getAttribute("aria-valuenow"), bar?.getAttribute("aria-valuemax")];
        if (state !== "running" || now == null || max == null) return;
        const last = recording.progress.at(-1);
        if (last?.now !== Number(now) || last.max !== Number(max)) {
          recording.progress.push({ now: Number(now), max: Number(max) });
        }
      };
      look();
      new MutationObserver(look).observe(panel, { attributes: true, childList: true, subtree: true });
    });
  }

  /** What {@link record} has kept. */
  async recorded(): Promise<RecordedRun> {
    return this.#page.evaluate(
      () => (globalThis as RecordingGlobal).samrefineRecording ?? { states: [], progress: [] },
    );
  }

  get flaggedSlices(): Locator {
    return this.part("samrefine-flagged-slice");
  }
}
