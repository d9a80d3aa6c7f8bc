declare module "*?url" {
  const url: string;
  export default url;
}

/** Fetched by the benchmark and named by its build; only two methods of it are called. */
declare module "@cornerstonejs/ai" {
  const Controller: { readonly prototype: { createLabelmap(...args: unknown[]): void } };
  export default Controller;
}
