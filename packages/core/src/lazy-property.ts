/**
 * The object with one more property, which is made when it is first read. The getter is the object's own, so that a copy of the
 * object and a message to another thread hold the value.
 */
export function withLazyProperty<T extends object, Key extends string, Value extends object>(
  object: T,
  key: Key,
  make: () => Value,
): T & { readonly [K in Key]: Value } {
  let value: Value | undefined;
  const lazy = {
    ...object,
    get [key]() {
      value ??= make();
      return value;
    },
  };
  return lazy as T & { readonly [K in Key]: Value };
}
