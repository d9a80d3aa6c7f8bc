import { type ComponentType, type ReactElement, useEffect, useState } from "react";

/**
 * A part of the panel whose code is loaded when it is first shown. Nothing stands in its place until then. Where the server
 * does not answer, that is said, and can be tried again; the rest of the panel stays.
 */
export function loadedPart<P extends object>(load: () => Promise<ComponentType<P>>): (props: P) => ReactElement | null {
  let Part: ComponentType<P> | undefined;
  return function LoadedPart(props: P): ReactElement | null {
    const [state, setState] = useState<"loading" | "ready" | "failed">(Part ? "ready" : "loading");
    useEffect(() => {
      if (state !== "loading") return;
      let isGone = false;
      const settle = (next: "ready" | "failed") => {
        if (!isGone) setState(next);
      };
      load().then(
        (loaded) => {
          Part = loaded;
          settle("ready");
        },
        () => settle("failed"),
      );
      return () => {
        isGone = true;
      };
    }, [state]);
    if (Part && state === "ready") return <Part {...props} />;
    if (state !== "failed") return null;
    return (
      <div className="samrefine-part-missing" role="alert" data-testid="samrefine-part-missing">
        The viewer's server does not answer, so this part could not be loaded.
        <button type="button" className="samrefine-button samrefine-button--small" onClick={() => setState("loading")}>
          Try again
        </button>
      </div>
    );
  };
}
