import { RefineError } from "./errors.ts";

/** A stream of pseudo-random numbers. The same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Uniform integer in [0, bound). @throws RefineError `configuration` unless `bound` is an integer in 1..2^32. */
  integer(bound: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** A shuffled copy (Fisher–Yates). */
  shuffle<T>(items: ArrayLike<T>): T[];
  /**
   * A stream of its own for one purpose. It depends on the seed and the label alone, not on how much has been drawn, so
   * that an extra draw in one place does not change the numbers of another.
   */
  fork(label: string): Random;
}

/**
 * xoshiro128** seeded by splitmix32 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021).
 *
 * @param seed any finite number; integers below 2^53 give distinct streams.
 */
export function createRandom(seed: number): Random {
  if (!Number.isFinite(seed)) {
    throw new RefineError("configuration", `The seed must be a finite number, found ${seed}.`, {
      hint: "Give an integer, for example 42.",
    });
  }
  const whole = Math.floor(seed);
  const fraction = Math.floor((seed - whole) * 2 ** 32);
  return streamOf(mix(whole >>> 0, Math.floor(whole / 2 ** 32) >>> 0, fraction >>> 0));
}

/** Folds words into one 64-bit key, as two 32-bit halves. */
function mix(...words: readonly number[]): readonly [number, number] {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  for (const word of words) {
    low = scramble(low ^ word);
    high = scramble(high + Math.imul(word, 0xc2b2ae35) + low);
  }
  return [low, high];
}

/** Finaliser of MurmurHash3: every input bit reaches every output bit. */
function scramble(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function streamOf(key: readonly [number, number]): Random {
  let counter = key[0];
  const splitmix = (): number => {
    counter = (counter + 0x9e3779b9) | 0;
    return scramble(counter ^ key[1]);
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  // An all-zero state would stay zero for ever.
  let d = splitmix() | 1;

  const word = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };

  const next = (): number => {
    const high = word() >>> 5;
    const low = word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };

  const integer = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RefineError(
        "configuration",
        `The bound of a random integer must be an integer in 1..2^32, found ${bound}.`,
      );
    }
    // Values above the last whole multiple of `bound` are drawn again, so that no remainder is favoured.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = word();
    while (value >= limit) value = word();
    return value % bound;
  };

  let spare: number | undefined;
  return {
    next,
    integer,
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      const angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    shuffle<T>(items: ArrayLike<T>): T[] {
      const result = Array.from(items);
      for (let i = result.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        const swapped = result[i] as T;
        result[i] = result[j] as T;
        result[j] = swapped;
      }
      return result;
    },
    fork(label) {
      return streamOf(mix(key[0], key[1], label.length, ...Array.from(label, (_, i) => label.charCodeAt(i))));
    },
  };
}
