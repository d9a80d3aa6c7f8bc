import { type ReactElement, useSyncExternalStore } from "react";
import type { RefineSession } from "../session/session.ts";
import { ActionBar } from "./action-bar.tsx";
import { AutoSegment } from "./auto-segment.tsx";
import { Diagnostics } from "./diagnostics.tsx";
import { loadedPart } from "./loaded-part.tsx";
import { ModelImport } from "./model-import.tsx";
import { RefineTool } from "./refine-tool.tsx";
import { SegmentList } from "./segment-list.tsx";
import { SliceStrips } from "./slice-strip.tsx";

// Most sessions have neither.
const WaitingSegs = loadedPart(async () => (await import("./waiting-segs.tsx")).WaitingSegs);
const OtherSegmentations = loadedPart(async () => (await import("./other-segmentations.tsx")).OtherSegmentations);

/**
 * The panel: what the session says, in the order of the work - propose, correct, review, hand over. The last two stay in sight
 * however many segments there are.
 */
export function RefinePanel({ session }: { readonly session: RefineSession }): ReactElement {
  const state = useSyncExternalStore(session.subscribe, session.getState);
  return (
    <div className="samrefine" data-testid="samrefine-panel" data-state={state.phase}>
      <div className="samrefine-work">
        {state.waiting.length > 0 && <WaitingSegs state={state} session={session} />}
        <AutoSegment state={state} session={session} />
        <RefineTool state={state} session={session} />
        <SegmentList state={state} session={session} />
        {state.otherSegmentations.length > 0 && <OtherSegmentations state={state} session={session} />}
        <section className="samrefine-stack" aria-label="Models and machine">
          <ModelImport state={state} session={session} />
          <Diagnostics state={state} session={session} />
        </section>
      </div>
      <div className="samrefine-foot">
        <SliceStrips state={state} session={session} />
        <ActionBar state={state} session={session} />
      </div>
    </div>
  );
}

/** What every part of the panel gets. */
export interface PanelPart {
  readonly state: ReturnType<RefineSession["getState"]>;
  readonly session: RefineSession;
}
