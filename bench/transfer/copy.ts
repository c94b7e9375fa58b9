import { costOf } from '../support/process-cost.js';
import { tool } from '../support/tools.js';
import type { Contender, Course } from './contender.js';

/** A plain copy inside the RAM disk: what reading and writing alone cost. */
export async function openCopy({ source }: Course): Promise<Contender> {
  const cp = await tool('cp', 'coreutils');
  return {
    name: 'cp',
    about: 'a copy in the RAM disk, without network or cipher: the bound of everything above',
    move: (target) => costOf({ command: [cp, '--reflink=never', source, target], servers: [] }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
