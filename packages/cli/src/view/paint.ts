/** Colours text, or leaves it as it is. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

const asIs = (text: string) => text;

/** For files, pipes, and people who set NO_COLOR. */
export const noPaint: Paint = { bold: asIs, dim: asIs, good: asIs, bad: asIs };

const ansiPaint: Paint = { bold: ansi(1, 22), dim: ansi(2, 22), good: ansi(32, 39), bad: ansi(31, 39) };

/** The paint a stream can show. Only a terminal shows any, and Node's own check honours NO_COLOR and FORCE_COLOR. */
export function paintFor(stream: { readonly isTTY?: boolean; hasColors?(): boolean }): Paint {
  return stream.isTTY === true && stream.hasColors?.() === true ? ansiPaint : noPaint;
}

function ansi(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}
