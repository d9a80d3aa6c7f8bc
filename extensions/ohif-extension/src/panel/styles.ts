import css from "./panel.css?inline";

let sheet: CSSStyleSheet | undefined;

/** Puts the panel's styles into the page, once. A constructed sheet needs no exception in the page's security policy. */
export function adoptPanelStyles(): void {
  if (sheet) return;
  sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
