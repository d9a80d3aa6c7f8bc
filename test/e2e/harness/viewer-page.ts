import type { Browser } from "playwright-core";
import { openWatchedPage, type WatchedPage } from "./browser.ts";
import { RefinePanel } from "./refine-panel.ts";
import { Viewport } from "./viewport.ts";

/** Ours; OHIF's basic one while the extension is being worked on and need not build. */
const defaultMode = process.env.SAMREFINE_E2E_ALLOW_STOCK === "1" ? "viewer" : "samrefine";

/** The whole application in one watched page. */
export class ViewerPage {
  readonly watched: WatchedPage;
  readonly panel: RefinePanel;
  readonly #origin: string;

  private constructor(watched: WatchedPage, origin: string) {
    this.watched = watched;
    this.panel = new RefinePanel(watched.page);
    this.#origin = origin;
  }

  /** @param origin address of the viewer, without a slash at its end */
  static async open(browser: Browser, origin: string): Promise<ViewerPage> {
    return new ViewerPage(await openWatchedPage(browser, origin), origin);
  }

  /** Opens the work list and waits for its first row. */
  async openWorkList(): Promise<void> {
    await this.watched.page.goto(`${this.#origin}/`);
    await this.watched.page.locator("table tbody tr").first().waitFor({ timeout: 60_000 });
  }

  /** Text of the work list's rows. */
  async workListRows(): Promise<readonly string[]> {
    return this.watched.page.locator("table tbody tr").allInnerTexts();
  }

  /**
   * Opens a study by its address and waits for its first image.
   * @param mode route of the mode: ours, or `viewer` for OHIF's basic one
   * @returns the first viewport
   */
  async openStudy(studyUid: string, mode = defaultMode): Promise<Viewport> {
    // OHIF's introduction tour would lie over the image in its own modes.
    await this.watched.page.addInitScript(() => {
      localStorage.setItem("shownTours", JSON.stringify(["basicViewerTour"]));
    });
    await this.watched.page.goto(`${this.#origin}/${mode}?StudyInstanceUIDs=${studyUid}`);
    const viewport = this.viewport();
    try {
      await viewport.waitForImage();
    } catch (cause) {
      const screenshot = await this.watched.screenshot(`no-image-${studyUid.slice(-12)}`);
      const said = this.watched.console.slice(-12).join("\n");
      throw new Error(`The study shows no image (${screenshot}). The console says:\n${said}`, { cause });
    }
    return viewport;
  }

  viewport(position = 0): Viewport {
    return new Viewport(this.watched.page, position);
  }

  /** How many viewports are on the page. */
  async viewportCount(): Promise<number> {
    return this.watched.page.locator('[data-cy="viewport-pane"]').count();
  }

  /** Presses the SAM refine tool's button in the toolbar. */
  async activateRefineTool(): Promise<void> {
    await this.watched.page.locator('[data-cy^="SamRefine"], [data-cy^="SAMRefine"]').first().click();
  }

  async close(): Promise<void> {
    await this.watched.close();
  }
}
