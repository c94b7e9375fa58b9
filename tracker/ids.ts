import { nanoid } from 'nanoid';

/** 21 random characters of `A–Z a–z 0–9 _ -`: publications, tickets, events. */
export function newId(): string {
  return nanoid();
}
