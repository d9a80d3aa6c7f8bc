/** What a person writes into the SEGs of a study, beyond what is drawn. Empty: left to the program. */
export interface SegRemarks {
  /** Content Creator's Name (0070,0084): as it was typed. */
  readonly creator: string;
  /** Series Description (0008,103E). */
  readonly description: string;
}

export const noRemarks: SegRemarks = { creator: "", description: "" };

/** Characters of a LO, and of each component group of a PN (PS3.5 6.2). */
export const MOST_CHARACTERS = 64;

/**
 * A name as DICOM writes it, `Family^Given`; "Family, Given" is understood. What would divide the value into several, or into an
 * alphabetic and an ideographic one, becomes a space.
 */
export function personNameOf(typed: string): string {
  const [family = "", ...given] = plainText(typed.replaceAll("=", " ")).split(",");
  return [family, given.join(" ")]
    .map((part) => part.trim())
    .filter(Boolean)
    .join("^");
}

/** Text in one line without backslash, which divides values. */
export function plainText(typed: string): string {
  return typed
    .replace(/[\\\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, MOST_CHARACTERS)
    .trim();
}
