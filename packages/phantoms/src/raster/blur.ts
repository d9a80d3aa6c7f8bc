/** Widest standard deviation that is convolved exactly; wider ones are three box passes (central limit theorem). */
const EXACT_UP_TO = 3;

/**
 * Gaussian blur of a row-major image, border pixels repeated outwards.
 *
 * @param sigmaX,sigmaY standard deviations in pixels; 0 leaves that axis as it is.
 * @returns a new array of the same size.
 */
export function gaussianBlur(
  source: Float32Array,
  size: { readonly columns: number; readonly rows: number },
  sigmaX: number,
  sigmaY: number = sigmaX,
): Float32Array {
  const { columns, rows } = size;
  const result = source.slice();
  if (sigmaX > 0) {
    for (let y = 0; y < rows; y++) blurLine(result, y * columns, columns, sigmaX);
  }
  if (sigmaY > 0) {
    const turned = transpose(result, columns, rows);
    for (let x = 0; x < columns; x++) blurLine(turned, x * rows, rows, sigmaY);
    return transpose(turned, rows, columns);
  }
  return result;
}

function transpose(source: Float32Array, columns: number, rows: number): Float32Array {
  const result = new Float32Array(source.length);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) result[x * rows + y] = source[y * columns + x]!;
  }
  return result;
}

function blurLine(data: Float32Array, start: number, length: number, sigma: number): void {
  if (sigma <= EXACT_UP_TO) convolveLine(data, start, length, sigma);
  else for (let pass = 0; pass < 3; pass++) boxLine(data, start, length, boxRadius(sigma));
}

/** A box of 2r + 1 has variance r(r + 1) / 3; three of them add up. */
function boxRadius(sigma: number): number {
  return Math.max(1, Math.round((Math.sqrt(1 + 4 * sigma * sigma) - 1) / 2));
}

function convolveLine(data: Float32Array, start: number, length: number, sigma: number): void {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = gaussianKernel(sigma, radius);
  const line = paddedLine(data, start, length, radius);
  const taps = kernel.length;
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (let k = 0; k < taps; k++) sum += kernel[k]! * line[i + k]!;
    data[start + i] = sum;
  }
}

function boxLine(data: Float32Array, start: number, length: number, radius: number): void {
  const line = paddedLine(data, start, length, radius + 1);
  const width = 2 * radius + 1;
  let sum = 0;
  for (let k = 1; k <= width; k++) sum += line[k]!;
  const scale = 1 / width;
  for (let i = 0; i < length; i++) {
    data[start + i] = sum * scale;
    sum += line[i + width + 1]! - line[i + 1]!;
  }
}

let kernelSigma = 0;
let kernelOfSigma: Float64Array = new Float64Array(0);

function gaussianKernel(sigma: number, radius: number): Float64Array {
  if (sigma === kernelSigma) return kernelOfSigma;
  const kernel = new Float64Array(2 * radius + 1);
  let sum = 0;
  for (let k = -radius; k <= radius; k++) {
    const weight = Math.exp(-(k * k) / (2 * sigma * sigma));
    kernel[k + radius] = weight;
    sum += weight;
  }
  for (let k = 0; k < kernel.length; k++) kernel[k] = kernel[k]! / sum;
  kernelSigma = sigma;
  kernelOfSigma = kernel;
  return kernel;
}

let buffer = new Float64Array(0);

/** A copy of the line with its ends repeated `padding` times on each side. */
function paddedLine(data: Float32Array, start: number, length: number, padding: number): Float64Array {
  const total = length + 2 * padding;
  if (buffer.length < total) buffer = new Float64Array(total);
  buffer.fill(data[start]!, 0, padding);
  for (let i = 0; i < length; i++) buffer[padding + i] = data[start + i]!;
  buffer.fill(data[start + length - 1]!, padding + length, total);
  return buffer;
}
