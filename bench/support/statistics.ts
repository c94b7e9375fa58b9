/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2;
}

/** The value that `share` (0 to 1) of all values do not exceed; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Median of the ratios of pairs that were measured one after the other: what disturbs the machine for a while disturbs both. */
export function medianRatio(values: readonly number[], base: readonly number[]): number {
  return median(values.flatMap((value, index) => (base[index] === undefined ? [] : [value / base[index]])));
}
