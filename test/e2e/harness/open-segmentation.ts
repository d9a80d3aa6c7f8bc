import type { ViewerPage } from "./viewer-page.ts";

/** The little of OHIF's services that is asked for; OHIF puts them on `window`. */
interface OhifGlobal {
  readonly services: {
    readonly displaySetService: {
      getActiveDisplaySets(): readonly { readonly displaySetInstanceUID: string; readonly SOPInstanceUID?: string }[];
    };
  };
}

/**
 * Opens a stored SEG as a user does, by a double click on its entry in the list of series and "Yes" to OHIF's question, and
 * waits until our panel lists its segments.
 */
export async function openSegmentation({ watched, panel }: ViewerPage, sopInstanceUid: string): Promise<void> {
  const { page } = watched;
  const handle = await page.waitForFunction(
    (wanted) =>
      (globalThis as unknown as OhifGlobal).services.displaySetService
        .getActiveDisplaySets()
        .find(({ SOPInstanceUID }) => SOPInstanceUID === wanted)?.displaySetInstanceUID,
    sopInstanceUid,
  );
  const uid = await handle.jsonValue();
  await page.locator(`[id="thumbnail-${uid}"]`).dblclick();
  await page.getByRole("button", { name: "Yes" }).click();
  await panel.part("samrefine-segment-row").first().waitFor();
}
