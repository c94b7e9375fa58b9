import { ownCommand } from '../../../common/runtime/own-command.js';
import { PeerError } from '../../api.js';
import { parseTrackerAddress } from '../../door/tracker-address.js';
import { TrustFile } from '../../door/trust-file.js';
import type { CommandContext } from '../context.js';

/** `trust list`: the trackers whose identity is pinned here. */
export async function trustList({ config, output }: CommandContext): Promise<number> {
  const trackers = await new TrustFile(config.data).list();
  output.lines(
    trackers.length === 0
      ? [`No trackers trusted. Add one with: ${ownCommand('trust add HOST:PORT#PIN')}`]
      : trackers.map(({ address, pin }) => `${address} ${pin}`),
  );
  output.result('trust', { trackers });
  return 0;
}

/** `trust add HOST:PORT#PIN`; without a pin the tracker is asked for it, and the person whether it is right. */
export async function trustAdd(context: CommandContext): Promise<number> {
  const { address, pin: given } = parseTrackerAddress(context.args[0] ?? '');
  const pin = given ?? (await askedPin(context, address));
  const known = await new TrustFile(context.config.data).pinOf(address);
  if (known !== undefined && known !== pin) {
    const message = `Another identity of ${address} is on record: ${known}. To replace it: ${ownCommand(`trust forget ${address}`)}, then add the new one.`;
    throw new PeerError({ code: 'pin-changed', message, pin });
  }
  await new TrustFile(context.config.data).set(address, pin);
  context.output.lines([`${address} is trusted from now on: ${pin}`]);
  context.output.result('trust', { address, pin });
  return 0;
}

/** `trust forget HOST:PORT`. */
export async function trustForget({ args, config, output }: CommandContext): Promise<number> {
  const { address } = parseTrackerAddress(args[0] ?? '');
  const pin = await new TrustFile(config.data).forget(address);
  if (pin === undefined)
    throw new PeerError({
      code: 'not-found',
      message: `There is no pin of ${address} to forget. See ${ownCommand('trust list')}.`,
    });
  output.lines([`${address} is forgotten; it was ${pin}`]);
  output.result('trust', { address, pin });
  return 0;
}

/** The pin that the tracker shows, once somebody has said that it is the right one. */
async function askedPin(context: CommandContext, address: string): Promise<string> {
  const { config, output, ask, process } = context;
  const { pin } = await context.openDoor().contact(address, { signal: process.signal });
  if (config.trustOnFirstUse) return pin;
  const { firstContactText } = await import('../../wording/trust.js');
  output.note(...firstContactText({ address, pin }));
  if (ask !== undefined && (await ask.yes('Trust this tracker?'))) return pin;
  throw new PeerError({
    code: 'untrusted-tracker',
    message: `Not trusted. When its administrator confirms the fingerprint: ${ownCommand(`trust add '${address}#${pin}'`)}`,
    pin,
  });
}
