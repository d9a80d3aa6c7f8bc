/** A flat folder of small files: the browser's private one, a real one in Node, a Map in tests. */
export interface ByteFolder {
  list(): Promise<readonly StoredFile[]>;
  /** undefined when there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** @throws when there is no room or no right to write. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** A file that is not there is no error. */
  remove(name: string): Promise<void>;
}

export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}
