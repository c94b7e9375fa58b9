/** Seen from the proxy: towards the program behind it, or back to whoever connected. */
export type Direction = 'toTarget' | 'toClient';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export function bothDirections<T>(make: (direction: Direction) => T): Record<Direction, T> {
  return { toTarget: make('toTarget'), toClient: make('toClient') };
}
