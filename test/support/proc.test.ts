import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import {
  childrenOf,
  isRunning,
  openFileCount,
  openSockets,
  peakMemory,
  peakMemoryUntilExit,
  processMemory,
  resetPeakMemory,
} from './proc.js';
import { startProgram } from './running-program.js';
import { waitFor } from './wait-for.js';

const MIB = 1024 * 1024;

describe('support/proc', () => {
  it('reports the peak of a process that has given memory back, and lets it start anew', async () => {
    const script = `
      let block = Buffer.alloc(200 * 1024 * 1024, 1); console.log('full');
      process.stdin.once('data', () => { block = undefined; gc(); console.log('empty'); });`;
    await using program = await startProgram([], {
      command: [process.execPath, '--expose-gc', '-e', script],
      stdin: 'open',
    });
    await program.nextLine(/full/);
    program.write('go\n');
    await program.nextLine(/empty/);

    const before = await processMemory(program.pid);
    await waitFor(async () => (await processMemory(program.pid)).residentBytes < before.peakBytes - 150 * MIB);
    await resetPeakMemory(program.pid);
    const after = await peakMemory(program.pid);

    expect(before.peakBytes).to.be.above(200 * MIB);
    expect(after).to.be.below(before.peakBytes - 150 * MIB);
  });

  it('reports the peak of a process that ends by itself', async () => {
    const script = 'Buffer.alloc(100 * 1024 * 1024, 1); setTimeout(() => undefined, 200);';
    await using program = await startProgram([], { command: [process.execPath, '-e', script] });

    expect(await peakMemoryUntilExit(program.pid)).to.be.above(100 * MIB);
    await program.exit;
    expect(await isRunning(program.pid)).to.equal(false);
  });

  it('lists sockets with their addresses, and open files', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
    const tcpPort = (server.address() as { port: number }).port;

    const sockets = await openSockets(process.pid);
    const files = await openFileCount(process.pid);
    const closed = [once(server, 'close'), once(socket, 'close')];
    server.close();
    socket.close();
    await Promise.all(closed);

    expect(sockets.find(({ isListening, localPort }) => isListening && localPort === tcpPort)).to.include({
      protocol: 'tcp',
      localHost: '127.0.0.1',
    });
    expect(sockets.some(({ protocol, localHost }) => protocol === 'udp' && localHost === '127.0.0.1')).to.equal(true);
    expect(files).to.be.above(2);
  });

  it('lists the children of a process', async () => {
    await using program = await startProgram([], { command: ['sh', '-c', 'sleep 30 & echo started; wait'] });
    await program.nextLine(/started/);

    const ours = await childrenOf(process.pid);
    const children = await childrenOf(program.pid);
    for (const child of children) process.kill(child, 'SIGKILL');

    expect(ours).to.include(program.pid);
    expect(children).to.have.length(1);
  });
});
